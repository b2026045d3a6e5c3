"""Credentials for uploads as controllers are told them: the answer of `sts`, and of `storage_config_get` over MQTT."""

from typing import Any

from ofh.services.grants import UploadGrant


def shown(grant: UploadGrant) -> dict[str, Any]:
    """A grant in DJI's words. `expire` is a number of seconds from now, and never a text."""
    return {
        "bucket": grant.endpoint.bucket,
        "credentials": {
            "access_key_id": grant.access_key_id,
            "access_key_secret": grant.access_key_secret,
            "expire": grant.expire_s,
            "security_token": grant.security_token,
        },
        "endpoint": grant.endpoint.url,
        "object_key_prefix": grant.object_key_prefix,
        "provider": grant.endpoint.provider,
        "region": grant.endpoint.region,
    }
