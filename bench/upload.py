"""Uploading through the hub's S3 endpoint, beside what the same bytes cost without it.

    python bench/upload.py [--mib 512] [--object-mib 64] [--folder DIR]

Each row sends the same bytes in the same pieces, one after the other, from one process over loopback; the endpoint is
another process. `CPU s` is what the endpoint's process used (in the first row: this one), `grown by MiB` how much its
resident memory grew at most. The sender shares the machine; what it spends on SHA-256 is in the time, not in `CPU s`.
"""

import argparse
import asyncio
import hashlib
import hmac
import http.client
import json
import multiprocessing
import os
import secrets
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

MIB = 1024 * 1024
WORKSPACE = "87ffce7c-da28-49cf-9134-8db9fd87ccd1"
PIECE = os.urandom(MIB)
KEY = b"k" * 32


def clock() -> datetime:
    return datetime.now(UTC)


def uploads_in(folder: Path, port: int) -> Any:
    """The service as the hub makes it."""
    from ofh.backends.objects_local import LocalStore
    from ofh.metrics import Metrics
    from ofh.services.grants import BUCKET, REGION, Endpoint, Grants
    from ofh.services.incoming import Reception
    from ofh.services.uploads import Uploads

    async def expect(_key: str) -> None:
        """Nobody looks for what was put and not told of."""

    store = LocalStore(folder / "objects", clock)
    endpoint = Endpoint(url=f"http://127.0.0.1:{port}", bucket=BUCKET, region=REGION, provider="minio")
    reception = Reception(folder / "incoming")
    grants = Grants(key=KEY, endpoint=endpoint, roles=None, clock=clock)
    return store, grants, Uploads(store, reception, Metrics(), expect=expect)


def serve(folder: Path, ready: Any) -> None:
    """The endpoint under the hub's server and guard."""
    import uvicorn
    from starlette.routing import Router

    from ofh import logs
    from ofh.edges.guard import Guard
    from ofh.edges.s3.endpoint import S3Endpoint

    logs.configure("error", "console")

    async def nobody_waits(_who: Any) -> None:
        """Limits are not what is measured."""

    async def run() -> None:
        store, grants, uploads = uploads_in(folder, 0)
        await store.start()
        endpoint = S3Endpoint(
            uploads,
            grants,
            address_of=lambda _scope: "",
            stranger=nobody_waits,
            known=nobody_waits,
            stands=nobody_waits,
            stuck_s=30,
            clock=clock,
        )
        app = Guard(Router(routes=endpoint.routes()), proxies=(), is_tls=False)
        server = uvicorn.Server(
            uvicorn.Config(app, port=0, lifespan="off", log_config=None, access_log=False, server_header=False)
        )
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        ready.put(server.servers[0].sockets[0].getsockname()[1])
        await serving

    asyncio.run(run())


def used(pid: int) -> tuple[float, float]:
    """CPU seconds and resident MiB at most of a process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0]) / 1024
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), peak


class Client:
    """Signs and sends; the signature is of our own making here, so that no library's cost is measured."""

    def __init__(self, port: int, grant: Any) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)
        self._host = f"127.0.0.1:{port}"
        self._grant = grant

    def _head(self, path: str, payload: str, more: dict[str, str]) -> tuple[dict[str, str], bytes, str, str]:
        stamp = clock().strftime("%Y%m%dT%H%M%SZ")
        headers = {
            "host": self._host,
            "x-amz-content-sha256": payload,
            "x-amz-date": stamp,
            "x-amz-security-token": self._grant.security_token,
            **more,
        }
        names = sorted(headers)
        lines = "".join(f"{name}:{headers[name]}\n" for name in names)
        canonical = "\n".join(("PUT", path, "", lines, ";".join(names), payload))
        scope = f"{stamp[:8]}/us-east-1/s3/aws4_request"
        key = f"AWS4{self._grant.access_key_secret}".encode()
        for part in scope.split("/"):
            key = hmac.digest(key, part.encode(), "sha256")
        text = "\n".join(("AWS4-HMAC-SHA256", stamp, scope, hashlib.sha256(canonical.encode()).hexdigest()))
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        headers["authorization"] = (
            f"AWS4-HMAC-SHA256 Credential={self._grant.access_key_id}/{scope},SignedHeaders={';'.join(names)},"
            f"Signature={signature}"
        )
        return headers, key, f"{stamp}\n{scope}", signature

    def put(self, name: str, pieces: int, payload: str) -> None:
        """One object, in one of the body's forms."""
        path = f"/ofh-media/{self._grant.object_key_prefix}/{name}"
        length = {"x-amz-decoded-content-length": str(pieces * MIB)} if payload.startswith("STREAMING") else {}
        if payload == "sha256":
            whole = hashlib.sha256()
            for _ in range(pieces):
                whole.update(PIECE)
            payload = whole.hexdigest()
        headers, key, scope, seed = self._head(path, payload, length)
        body = self._chunks(pieces, key, scope, seed) if length else (PIECE for _ in range(pieces))
        self._connection.putrequest("PUT", path, skip_host=True, skip_accept_encoding=True)
        for header, value in headers.items():
            self._connection.putheader(header, value)
        size = pieces * MIB + (pieces * 16 * 90 + 86 if length else 0)
        self._connection.putheader("content-length", str(size))
        self._connection.endheaders()
        for piece in body:
            self._connection.send(piece)
        answer = self._connection.getresponse()
        text = answer.read()
        if answer.status != 200:
            sys.exit(f"refused: {answer.status} {text.decode()}")

    def _chunks(self, pieces: int, key: bytes, scope: str, previous: str) -> Iterator[bytes]:
        """Chunks of 64 KiB, as most clients that sign them have it."""
        empty = hashlib.sha256(b"").hexdigest()
        size = 65_536

        def chunk(content: bytes) -> bytes:
            nonlocal previous
            hashes = f"{empty}\n{hashlib.sha256(content).hexdigest()}"
            text = f"AWS4-HMAC-SHA256-PAYLOAD\n{scope}\n{previous}\n{hashes}"
            previous = hmac.digest(key, text.encode(), "sha256").hex()
            return b"%x;chunk-signature=%s\r\n%s\r\n" % (len(content), previous.encode(), content)

        for _ in range(pieces):
            yield b"".join(chunk(PIECE[at : at + size]) for at in range(0, MIB, size))
        yield chunk(b"")


def directly(folder: Path, objects: int, pieces: int) -> None:
    """What no endpoint can pass: MD5, write, sync, nothing else."""
    for number in range(objects):
        taken = hashlib.md5(usedforsecurity=False)
        with (folder / f"direct-{number}").open("wb", buffering=0) as file:
            for _ in range(pieces):
                taken.update(PIECE)
                file.write(PIECE)
            os.fsync(file.fileno())


@contextmanager
def endpoint(folder: Path) -> Iterator[tuple[int, int]]:
    """Its process id and port."""
    context = multiprocessing.get_context("spawn")
    ready = context.Queue()
    process = context.Process(target=serve, args=(folder, ready), daemon=True)
    process.start()
    try:
        assert process.pid is not None
        yield process.pid, ready.get(timeout=60)
    finally:
        process.terminate()
        process.join()


def timed(work: Callable[[], None]) -> float:
    os.sync()
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=512, help="in all, for each row")
    parser.add_argument("--object-mib", type=int, default=64, help="of one object")
    parser.add_argument("--folder", type=Path, help="where the objects go; default: the system's temporary folder")
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    pieces = chosen.object_mib
    objects = max(1, chosen.mib // pieces)
    rows: list[tuple[str, float, float, float | None]] = []
    folder = Path(tempfile.mkdtemp(prefix="ofh-bench-", dir=chosen.folder))
    try:
        cpu = time.process_time()
        seconds = timed(lambda: directly(folder, objects, pieces))
        rows.append(("MD5, write and sync, no endpoint", seconds, time.process_time() - cpu, None))
        for title, payload in (
            ("unsigned body", "UNSIGNED-PAYLOAD"),
            ("signed body (SHA-256)", "sha256"),
            ("signed chunks of 64 KiB", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
        ):
            with endpoint(folder / secrets.token_hex(4)) as (pid, port):
                _, made, _ = uploads_in(folder / "grants", port)
                client = Client(port, asyncio.run(made.grant(WORKSPACE, 1)))
                client.put("first", 1, payload)
                cpu, memory = used(pid)

                def send(client: Client = client, payload: str = payload) -> None:
                    for number in range(objects):
                        client.put(f"{number}.mp4", pieces, payload)

                seconds = timed(send)
                cpu_after, memory_after = used(pid)
                rows.append((title, seconds, cpu_after - cpu, memory_after - memory))
    finally:
        shutil.rmtree(folder)
    if chosen.json:
        print(json.dumps([{"name": r[0], "s": r[1], "cpu_s": r[2], "grown_mib": r[3]} for r in rows]))
        return
    total = objects * pieces
    print(f"{objects} objects of {pieces} MiB, one after the other")
    print(f"{'':34}{'MiB/s':>8}{'of direct':>11}{'CPU s':>14}{'grown by MiB':>14}")
    for title, seconds, cpu, memory in rows:
        share = f"{rows[0][1] / seconds:.0%}"
        shown = f"{cpu:>14.2f}" + (f"{memory:>+14.1f}" if memory is not None else "")
        print(f"{title:34}{total / seconds:>8.0f}{share:>11}{shown}")


if __name__ == "__main__":
    main()
