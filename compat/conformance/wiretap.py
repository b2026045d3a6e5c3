"""A TCP proxy before a broker that notes every message that passes, whoever publishes it."""

import contextlib
import json
import socket
import struct
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

CONNECT, PUBLISH = 1, 3
V5 = 5


@dataclass
class Tap:
    """What has passed."""

    port: int
    up: list[tuple[str, Any]] = field(default_factory=list)
    """To the broker: topic and JSON."""
    down: list[tuple[str, Any]] = field(default_factory=list)


@contextlib.contextmanager
def tapped(broker: tuple[str, int]) -> Iterator[Tap]:
    """A proxy on a port of this machine."""
    with socket.create_server((broker[0], 0)) as server:
        tap = Tap(server.getsockname()[1])
        lines: list[socket.socket] = []

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = server.accept()
                    upstream = socket.create_connection(broker)
                    lines.extend((client, upstream))
                    level: list[int] = []
                    for source, target, kept in ((client, upstream, tap.up), (upstream, client, tap.down)):
                        threading.Thread(target=_pass, args=(source, target, kept, level), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield tap
        finally:
            server.shutdown(socket.SHUT_RDWR)
            for line in lines:
                line.close()


def _pass(source: socket.socket, target: socket.socket, kept: list[tuple[str, Any]], level: list[int]) -> None:
    waiting = b""
    with contextlib.suppress(OSError):
        while data := source.recv(65_536):
            waiting += data
            while (packet := _first(waiting)) is not None:
                head, body, waiting = packet
                if head >> 4 == CONNECT:
                    level.append(body[6])
                elif head >> 4 == PUBLISH:
                    kept.append(_published(head, body, is_v5=level[:1] == [V5]))
            target.sendall(data)
        target.shutdown(socket.SHUT_WR)


def _first(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first packet: its first byte, its body, what follows it; None while it is not whole."""
    length, shift, at = 0, 0, 1
    while True:
        if at >= len(data):
            return None
        length |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            break
    if len(data) < at + length:
        return None
    return data[0], data[at : at + length], data[at + length :]


def _published(head: int, body: bytes, *, is_v5: bool) -> tuple[str, Any]:
    (size,) = struct.unpack_from(">H", body)
    at = 2 + size + (2 if head & 0x06 else 0)
    if is_v5:
        length, shift = 0, 0
        while True:
            length |= (body[at] & 0x7F) << shift
            shift, at = shift + 7, at + 1
            if not body[at - 1] & 0x80:
                break
        at += length
    return body[2 : 2 + size].decode(), json.loads(body[at:])
