"""What the data folder holds for this hub alone: its secret, of which keys are made, its name at a broker, its lock.

Secrets come from the settings, else from files that several processes may look for at once.
"""

import fcntl
import hashlib
import hmac
import os
import secrets
from pathlib import Path
from typing import IO

from ofh.domain.errors import Code, HubError
from ofh.settings import Settings

KEY_CHARACTERS = 32


def signing_key(settings: Settings, purpose: str) -> bytes:
    """A key for one purpose, made from the hub's secret: of the settings, else of a file in the data folder."""
    if settings.secret_key is not None:
        secret = settings.secret_key.get_secret_value().encode()
    else:
        secret = _kept(settings.data / "secret.key")
    return hmac.digest(secret, purpose.encode(), hashlib.sha256)


def client_id(settings: Settings) -> str:
    """The hub's client id at an outside broker: random, secret, and the same after a restart (security.md, M5)."""
    return settings.mqtt_client_id or f"ofh-{_kept(settings.data / 'mqtt-client-id').decode()[:24]}"


def _kept(path: Path) -> bytes:
    """Random text of a file that only its owner can read, made where it is missing.

    Raises:
        HubError: CONFLICT, the file does not hold what was put into it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists():
        # Under another name first: a process that is killed meanwhile leaves no empty key.
        made = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        with open(made, "xb", opener=_private) as file:
            file.write(secrets.token_hex(32).encode())
        try:
            os.link(made, path)
        except FileExistsError:
            pass
        finally:
            made.unlink()
    text = path.read_bytes()
    if len(text) < KEY_CHARACTERS:
        raise HubError(Code.CONFLICT, f"{path} is too short for a key. Put the right one there, or delete the file.")
    return text


def alone_with(folder: Path) -> IO[bytes]:
    """The lock of a data folder: two hubs on one would not hear of each other's events.

    Raises:
        HubError: CONFLICT, another hub has it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "hub.lock").open("wb")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        raise HubError(
            Code.CONFLICT,
            f"Another hub runs on the data folder {folder}. Stop it, or use another one (--data or OFH_DATA).",
        ) from None
    return lock


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
