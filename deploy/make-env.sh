#!/bin/sh
# Writes .env for docker-compose.yml: a random password for each service. What is in the file already stays as it is.
set -eu
cd "$(dirname "$0")/.."
umask 077
touch .env
chmod 600 .env
for name in OFH_SECRET_KEY OFH_POSTGRES_PASSWORD OFH_REDIS_PASSWORD OFH_MQTT_PASSWORD OFH_S3_ACCESS_KEY OFH_S3_SECRET_KEY \
    OFH_MEDIA_SERVER_SECRET; do
    grep -q "^$name=." .env && continue
    # Hexadecimal: these stand in URLs.
    echo "$name=$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')" >>.env
done
echo ".env holds a value for every password. Keep a copy in a safe place."
