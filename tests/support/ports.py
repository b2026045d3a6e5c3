"""Ports for servers that tests start."""

import contextlib
import secrets
import socket


def free_port() -> int:
    """A TCP port on loopback that nobody has just now, below those that outgoing connections take for themselves: of
    these one may be gone before a server has come up.
    """
    while True:
        port = 15_000 + secrets.randbelow(15_000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
