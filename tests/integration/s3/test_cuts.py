"""Connections that break: nothing half is ever there, and whoever tries again ends with the whole."""

import hashlib
import io
import os
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]

from ofh.services.grants import UploadGrant
from tests.integration.s3.place import MIB, Place, client, running
from tests.integration.s3.raw import Raw, chunked, path_of, signed
from tests.support.hubs import PATIENCE_S

BUCKET = "ofh-media"
PHOTO = os.urandom(3 * MIB)


def wire_of(request: Raw) -> bytes:
    """Every byte of a request."""
    lines = [f"{request.method} {request.path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in request.headers.items()]
    lines.append(f"content-length: {len(request.body)}")
    return "\r\n".join([*lines, "", ""]).encode() + request.body


def send_and_cut(place: Place, wire: bytes) -> None:
    """Send that much, and go away without a word."""
    with socket.create_connection(("127.0.0.1", place.port)) as connection:
        connection.sendall(wire)
        # Reset rather than closed in an orderly way.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")


def until_nothing_is_left(place: Place, allowed: int = 0) -> None:
    """Wait for the endpoint to notice, and to take the file away."""
    deadline = time.monotonic() + PATIENCE_S
    while place.uploads.under_way or len(place.files()) > allowed:
        assert time.monotonic() < deadline, place.files()
        time.sleep(0.02)


def requests(place: Place, grant: UploadGrant) -> Iterator[Raw]:
    path = path_of(f"{grant.object_key_prefix}/photo.jpg")
    yield signed(place, grant, "PUT", path, body=PHOTO)
    decoded = {"x-amz-decoded-content-length": str(len(PHOTO))}
    streaming = signed(place, grant, "PUT", path, payload="STREAMING-AWS4-HMAC-SHA256-PAYLOAD", headers=decoded)
    streaming.body = chunked(grant, streaming, [PHOTO[at : at + 65_536] for at in range(0, len(PHOTO), 65_536)])
    yield streaming


def test_a_cut_at_any_byte_leaves_nothing(place: Place, grant: UploadGrant) -> None:
    for request in requests(place, grant):
        wire = wire_of(request)
        head = len(wire) - len(request.body)
        for cut in (10, head - 1, head, head + 1, head + 70_000, head + 2 * MIB, len(wire) - 90, len(wire) - 1):
            send_and_cut(place, wire[:cut])
            until_nothing_is_left(place)
            assert place.stat(f"{grant.object_key_prefix}/photo.jpg") is None
    for request in requests(place, grant):
        assert request.send().status == 200
        assert place.content(f"{grant.object_key_prefix}/photo.jpg") == PHOTO


def test_a_cut_part_is_sent_again(place: Place, grant: UploadGrant) -> None:
    s3, where = client(place, grant), {"Bucket": BUCKET, "Key": f"{grant.object_key_prefix}/video.mp4"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    first = s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=PHOTO + PHOTO)["ETag"]
    query = f"partNumber=2&uploadId={upload}"
    part = signed(place, grant, "PUT", path_of(where["Key"], query), body=PHOTO)
    for cut in (1, MIB, len(PHOTO) - 1):
        wire = wire_of(part)
        send_and_cut(place, wire[: len(wire) - len(PHOTO) + cut])
        until_nothing_is_left(place, allowed=2)
    assert [found["PartNumber"] for found in s3.list_parts(**where, UploadId=upload)["Parts"]] == [1]
    second = part.send().headers["etag"]
    parts = [{"PartNumber": 1, "ETag": first}, {"PartNumber": 2, "ETag": second}]
    s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload={"Parts": parts})
    assert place.content(where["Key"]) == PHOTO * 3


def test_a_sender_that_falls_silent_is_left(tmp_path: Path) -> None:
    with running(tmp_path / "data", stuck_s=0.2) as place:
        grant = place.grant()
        request = signed(place, grant, "PUT", path_of(f"{grant.object_key_prefix}/photo.jpg"), body=PHOTO)
        with socket.create_connection(("127.0.0.1", place.port), timeout=PATIENCE_S) as connection:
            connection.sendall(wire_of(request)[:-MIB])
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 400")
        assert b"<Code>RequestTimeout</Code>" in answer
        until_nothing_is_left(place)


def test_a_sender_of_a_byte_now_and_then_is_left_too(tmp_path: Path) -> None:
    with running(tmp_path / "data", stuck_s=0.3) as place:
        grant = place.grant()
        request = signed(place, grant, "PUT", path_of(f"{grant.object_key_prefix}/photo.jpg"), body=PHOTO)
        with socket.create_connection(("127.0.0.1", place.port), timeout=0.05) as connection:
            connection.sendall(wire_of(request)[:-MIB])
            answer = b""
            for _ in range(200):
                try:
                    answer = connection.recv(12)
                    break
                except TimeoutError:
                    connection.sendall(b"x")
        assert answer == b"HTTP/1.1 400"
        until_nothing_is_left(place)


def test_what_is_refused_is_not_asked_for(place: Place, grant: UploadGrant) -> None:
    """With `Expect: 100-continue` a refusal comes before the body, and `100 Continue` only where it is wanted."""
    for key, first in ((f"{grant.object_key_prefix}/photo.jpg", b"100 Continue"), ("else/x/y", b"403 Forbidden")):
        request = signed(place, grant, "PUT", path_of(key), body=PHOTO, headers={"expect": "100-continue"})
        wire = wire_of(request)
        with socket.create_connection(("127.0.0.1", place.port), timeout=PATIENCE_S) as connection:
            connection.sendall(wire[: len(wire) - len(PHOTO)])
            answer = connection.makefile("rb")
            assert answer.readline() == b"HTTP/1.1 " + first + b"\r\n"
            if b"100" in first:
                answer.readline()
                connection.sendall(PHOTO)
                assert answer.readline() == b"HTTP/1.1 200 OK\r\n"
            else:
                assert b"connection: close" in answer.read().lower()


def test_a_refusal_reaches_a_sender_that_is_still_sending(place: Place, grant: UploadGrant) -> None:
    request = signed(place, grant, "PUT", path_of("else/x/y"), body=os.urandom(8 * MIB))
    answer = request.send()
    assert (answer.status, answer.code) == (403, "AccessDenied")
    until_nothing_is_left(place)


class Cutter:
    """A proxy on loopback that passes some bytes on and then cuts the connection, either way, at random."""

    def __init__(self, port: int, seed: int) -> None:
        self._target = port
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.cuts = 0
        self.calm = False
        """From now on nothing is cut."""

    def serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                threading.Thread(target=self._connection, args=(connection,), daemon=True).start()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _connection(self, near: socket.socket) -> None:
        # Up: within a part, or not at all. Down: now and then before the answer, so that a sender never hears it.
        up = None if self._random.random() < 0.4 else self._random.randrange(7 * MIB)
        down = 0 if self._random.random() < 0.2 else None
        with near, socket.create_connection(("127.0.0.1", self._target)) as far:
            threads = [
                threading.Thread(target=self._pass, args=(near, far, up)),
                threading.Thread(target=self._pass, args=(far, near, down)),
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()

    def _pass(self, source: socket.socket, target: socket.socket, budget: int | None) -> None:
        with suppress(OSError):
            while data := source.recv(65_536):
                if budget is not None and not self.calm:
                    budget -= len(data)
                    if budget < 0:
                        self.cuts += 1
                        break
                target.sendall(data)
        for end in (source, target):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting(place: Place, seed: int) -> Iterator[Cutter]:
    cutter = Cutter(place.port, seed)
    thread = threading.Thread(target=cutter.serve)
    thread.start()
    try:
        yield cutter
    finally:
        cutter.close()
        thread.join(PATIENCE_S)


@pytest.mark.parametrize("seed", [1, 2])
def test_through_a_line_that_breaks_all_the_time_every_file_arrives_whole(
    seed: int, place: Place, grant: UploadGrant
) -> None:
    video, photos = os.urandom(42 * MIB + 7), [os.urandom(700_000) for _ in range(5)]
    with cutting(place, seed) as cutter:
        s3 = client(
            place,
            grant,
            endpoint=f"http://127.0.0.1:{cutter.port}",
            retries={"total_max_attempts": 30, "mode": "standard"},
            connect_timeout=10,
            read_timeout=10,
        )
        parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB, max_concurrency=4)
        s3.upload_fileobj(io.BytesIO(video), BUCKET, f"{grant.object_key_prefix}/video.mp4", Config=parts)
        for number, photo in enumerate(photos):
            s3.put_object(Bucket=BUCKET, Key=f"{grant.object_key_prefix}/{number}.jpg", Body=photo)
        assert cutter.cuts > 0
    assert hashlib.sha256(place.content(f"{grant.object_key_prefix}/video.mp4")).digest() == (
        hashlib.sha256(video).digest()
    )
    for number, photo in enumerate(photos):
        assert place.content(f"{grant.object_key_prefix}/{number}.jpg") == photo
    assert place.stat(f"{grant.object_key_prefix}/video.mp4").etag.endswith("-9")
