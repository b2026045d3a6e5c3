#!/bin/sh
# Makes the first account of the dynamic-security plugin, the hub's own, and starts Mosquitto.
# OFH_MQTT_USERNAME and OFH_MQTT_PASSWORD are required and have no default: a known password would open the whole fleet.
# Only the first start reads them; the hub does everything else. Later: `mosquitto_ctrl dynsec setClientPassword`.
set -eu
: "${OFH_MQTT_USERNAME:?set it to the account that the hub uses}"
: "${OFH_MQTT_PASSWORD:?set it to the secret of that account}"
config="${OFH_MOSQUITTO_CONFIG:-/mosquitto/config/mosquitto.conf}"
accounts="$(sed -n 's/^plugin_opt_config_file //p' "$config")"

if [ ! -s "$accounts" ]; then
    umask 077
    mosquitto_ctrl dynsec init "$accounts" "$OFH_MQTT_USERNAME" "$OFH_MQTT_PASSWORD" >/dev/null
fi
# Started as root the broker changes to its own user, and has to be able to rewrite this file and those beside it.
if [ "$(id -u)" = 0 ]; then
    chown -R mosquitto: "$(dirname "$accounts")"
fi
unset OFH_MQTT_PASSWORD
exec mosquitto -c "$config"
