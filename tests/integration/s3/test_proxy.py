"""Behind nginx with the shipped configuration: signatures hold, large bodies pass, nothing is buffered away."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]

from tests.integration.s3.place import MIB, Place, client
from tests.support.services import ROOT, Daemon, folder_for, free_port, program


@contextmanager
def nginx(place: Place) -> Iterator[int]:
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
            f"http {{ access_log off; {temporary} include {folder}/site.conf; }}\n"
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
