"""Behind nginx with the shipped configuration: signatures hold, large bodies pass, nothing is buffered away."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]

from tests.integration.s3.place import MIB, Place, client
from tests.support.services import ROOT, Daemon, folder_for, free_port, program

MARKER = "marker-Zk9fQ2"


@contextmanager
def nginx(place: Place, access_log: str = "off") -> Iterator[int]:
    """The shipped configuration, without TLS and on another port."""
    command = program("nginx")
    text = (ROOT / "deploy/nginx/openflighthub.conf").read_text("utf-8")
    port = free_port()
    text = re.sub(r"(?m)^ +ssl_.*\n", "", text)
    for old, new in (
        ("listen 443 ssl;", f"listen 127.0.0.1:{port};"),
        ("listen 80;", f"listen 127.0.0.1:{free_port()};"),
        ("server 127.0.0.1:8000;", f"server 127.0.0.1:{place.port};"),
    ):
        assert old in text
        text = text.replace(old, new)
    with folder_for(None) as folder:
        (folder / "site.conf").write_text(text)
        kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
        temporary = "".join(f"{kind}_temp_path {folder}/{kind};\n" for kind in kinds)
        (folder / "nginx.conf").write_text(
            f"daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
            f"http {{ access_log {access_log}; {temporary} include {folder}/site.conf; }}\n"
        )
        daemon = Daemon([command, "-p", str(folder), "-c", str(folder / "nginx.conf")], port, folder)
        daemon.start()
        try:
            yield port
        finally:
            daemon.stop()


def test_photos_and_videos_pass_the_shipped_proxy(place: Place) -> None:
    grant = place.grant()
    photo, video = os.urandom(900_000), os.urandom(11 * MIB)
    with nginx(place) as port:
        s3 = client(place, grant, endpoint=f"http://127.0.0.1:{port}")
        s3.put_object(Bucket="ofh-media", Key=f"{grant.object_key_prefix}/a b (ü).jpg", Body=photo)
        file = Path(place.folder / "video")
        file.write_bytes(video)
        parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
        s3.upload_file(str(file), "ofh-media", f"{grant.object_key_prefix}/b.mp4", Config=parts)
    assert place.content(f"{grant.object_key_prefix}/a b (ü).jpg") == photo
    assert place.content(f"{grant.object_key_prefix}/b.mp4") == video


def test_files_of_members_pass_the_shipped_proxy_and_other_large_bodies_do_not(place: Place) -> None:
    """What is behind here does not know these paths and says 404; 413 is the proxy's."""
    body = b"x" * 3 * MIB
    with nginx(place) as port:
        for path, status in (("/api/workspace/7/file", 404), ("/api/workspace/7/files", 413), ("/graphql", 413)):
            # A connection for each: the proxy closes one whose body it did not read, and may do so after the answer.
            assert httpx2.post(f"http://127.0.0.1:{port}{path}", content=body).status_code == status


@pytest.mark.parametrize(
    "path",
    [
        "/ws?x-auth-token=",
        "/ws/?x-auth-token=",
        "//ws?x-auth-token=",
        "/internal/media-server/srs?secret=",
        "/ofh-media/w/g/x?X-Amz-Signature=",
    ],
)
def test_the_shipped_proxy_logs_no_secret_of_an_address(place: Place, tmp_path: Path, path: str) -> None:
    log = tmp_path / "access.log"
    with nginx(place, str(log)) as port, httpx2.Client() as asking:
        asking.get(f"http://127.0.0.1:{port}/seen?{MARKER}")
        assert asking.get(f"http://127.0.0.1:{port}{path}{MARKER}").status_code in (400, 404), "the hub's own refusal"
    assert log.read_text("utf-8").count(MARKER) == 1, "that of the first request alone"
