"""Other people's clients upload: boto3, aioboto3, the AWS command line, the AWS SDK for JavaScript, minio's two."""

import asyncio
import hashlib
import io
import json
import os
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import aioboto3  # type: ignore[import-untyped]
import httpx2
import minio
import pytest
from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from ofh.services.grants import UploadGrant
from tests.integration.s3.place import MIB, Place, client

PHOTO = os.urandom(300_000)
VIDEO = os.urandom(12 * MIB + 12_345)
BUCKET = "ofh-media"

CHECKSUM_MODES: dict[str, dict[str, Any]] = {
    "when supported": {"request_checksum_calculation": "when_supported"},
    "when required": {"request_checksum_calculation": "when_required"},
    "signed payload": {"s3": {"payload_signing_enabled": True}},
}
ALGORITHMS = ["CRC32", "CRC32C", "CRC64NVME", "SHA1", "SHA256"]


def etag(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


def code(work: Any) -> str:
    """What a client makes of a refusal."""
    with pytest.raises(ClientError) as caught:
        work()
    return str(caught.value.response["Error"]["Code"])


@pytest.mark.parametrize("mode", CHECKSUM_MODES)
def test_boto3_puts_photos_and_videos(mode: str, any_place: Place) -> None:
    grant = any_place.grant()
    s3 = client(any_place, grant, **CHECKSUM_MODES[mode])
    photo, video = f"{grant.object_key_prefix}/DJI 0001 (ü+1).JPG", f"{grant.object_key_prefix}/DJI_0002.MP4"
    answer = s3.put_object(Bucket=BUCKET, Key=photo, Body=PHOTO, ContentType="image/jpeg", ACL="private")
    assert answer["ETag"] == f'"{etag(PHOTO)}"'
    assert any_place.content(photo) == PHOTO
    assert any_place.stat(photo).content_type == "image/jpeg"
    parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
    s3.upload_fileobj(io.BytesIO(VIDEO), BUCKET, video, Config=parts, ExtraArgs={"ContentType": "video/mp4"})
    assert any_place.content(video) == VIDEO
    assert any_place.stat(video).etag.endswith("-3")


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("is_stream", [False, True])
def test_boto3_sends_every_checksum(
    algorithm: str, is_stream: bool, place: Place, grant: UploadGrant, tmp_path: Path
) -> None:
    (tmp_path / "photo").write_bytes(PHOTO)
    key = f"{grant.object_key_prefix}/photo.jpg"
    with (tmp_path / "photo").open("rb") as file:
        body = file if is_stream else PHOTO
        answer = client(place, grant).put_object(Bucket=BUCKET, Key=key, Body=body, ChecksumAlgorithm=algorithm)
    assert answer[f"Checksum{algorithm}"]
    assert place.content(key) == PHOTO


def test_awss_transfer_client_in_c_sends_photos_and_videos(place: Place, grant: UploadGrant, tmp_path: Path) -> None:
    """The one that boto3 and the second AWS command line take on large machines."""
    for name, content in (("photo.jpg", PHOTO), ("video.mp4", VIDEO)):
        (tmp_path / name).write_bytes(content)
        key = f"{grant.object_key_prefix}/{name}"
        chosen = TransferConfig(preferred_transfer_client="crt", multipart_threshold=8 * MIB)
        client(place, grant).upload_file(str(tmp_path / name), BUCKET, key, Config=chosen)
        assert place.content(key) == content


def test_boto3_sends_parts_by_hand_lists_and_completes_them(any_place: Place) -> None:
    grant = any_place.grant()
    s3, key = client(any_place, grant), f"{grant.object_key_prefix}/video.mp4"
    where = {"Bucket": BUCKET, "Key": key}
    upload = s3.create_multipart_upload(**where, ContentType="video/mp4")["UploadId"]
    listed = s3.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{grant.object_key_prefix}/")
    assert [(found["Key"], found["UploadId"]) for found in listed["Uploads"]] == [(key, upload)]
    pieces = [VIDEO[: 5 * MIB], VIDEO[5 * MIB : 10 * MIB], VIDEO[10 * MIB :]]
    etags = [
        s3.upload_part(**where, UploadId=upload, PartNumber=number, Body=piece)["ETag"]
        for number, piece in enumerate(pieces, 1)
    ]
    first = s3.list_parts(**where, UploadId=upload, MaxParts=2)
    assert first["IsTruncated"]
    second = s3.list_parts(**where, UploadId=upload, PartNumberMarker=first["NextPartNumberMarker"])
    assert [part["ETag"] for part in first["Parts"] + second["Parts"]] == etags
    assert code(lambda: s3.head_object(**where)) == "404"
    listed_parts = {"Parts": [{"PartNumber": number, "ETag": etag} for number, etag in enumerate(etags, 1)]}
    done = s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=listed_parts)
    again = s3.complete_multipart_upload(**where, UploadId=upload, MultipartUpload=listed_parts)
    assert done["ETag"] == again["ETag"]
    assert s3.head_object(**where)["ContentLength"] == len(VIDEO)
    assert any_place.content(key) == VIDEO


def test_boto3_aborts(any_place: Place) -> None:
    grant = any_place.grant()
    s3, where = client(any_place, grant), {"Bucket": BUCKET, "Key": f"{grant.object_key_prefix}/video.mp4"}
    upload = s3.create_multipart_upload(**where)["UploadId"]
    s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x")
    s3.abort_multipart_upload(**where, UploadId=upload)
    s3.abort_multipart_upload(**where, UploadId=upload)
    assert code(lambda: s3.list_parts(**where, UploadId=upload)) == "NoSuchUpload"
    assert code(lambda: s3.upload_part(**where, UploadId=upload, PartNumber=1, Body=b"x")) == "NoSuchUpload"
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET)


def test_boto3_probes(place: Place, grant: UploadGrant) -> None:
    s3 = client(place, grant)
    assert s3.head_bucket(Bucket=BUCKET)["BucketRegion"] == "us-east-1"
    assert s3.get_bucket_location(Bucket=BUCKET)["LocationConstraint"] is None
    assert code(lambda: s3.head_object(Bucket=BUCKET, Key=f"{grant.object_key_prefix}/missing")) == "404"


def test_boto3_presigns(place: Place, grant: UploadGrant) -> None:
    key = f"{grant.object_key_prefix}/a b.jpg"
    s3 = client(place, grant, signature_version="s3v4")
    url = s3.generate_presigned_url("put_object", Params={"Bucket": BUCKET, "Key": key})
    assert httpx2.put(url, content=PHOTO).status_code == 200
    assert place.content(key) == PHOTO
    assert httpx2.put(url + "&partNumber=1&uploadId=x", content=PHOTO).status_code == 403
    place.offset = timedelta(seconds=3_700)
    assert "Request has expired" in httpx2.put(url, content=PHOTO).text


def test_boto3_in_virtual_host_style(place: Place, grant: UploadGrant) -> None:
    """The host's name need not resolve: the connection is made to the endpoint, as a proxy would."""
    s3 = client(
        place,
        grant,
        style="virtual",
        endpoint="http://hub.example",
        proxies={"http": place.url},
    )
    key = f"{grant.object_key_prefix}/photo.jpg"
    s3.put_object(Bucket=BUCKET, Key=key, Body=PHOTO)
    assert place.content(key) == PHOTO
    s3.head_bucket(Bucket=BUCKET)


@pytest.mark.filterwarnings("ignore:Sending a large body directly with raw bytes")  # as the library itself does
async def test_aioboto3_puts_and_sends_parts(place: Place, grant: UploadGrant) -> None:
    session = aioboto3.Session(
        aws_access_key_id=grant.access_key_id,
        aws_secret_access_key=grant.access_key_secret,
        aws_session_token=grant.security_token,
        region_name=grant.endpoint.region,
    )
    config = Config(s3={"addressing_style": "path"})
    async with session.client("s3", endpoint_url=place.url, config=config) as s3:
        await s3.put_object(Bucket=BUCKET, Key=f"{grant.object_key_prefix}/a.jpg", Body=PHOTO)
        parts = TransferConfig(multipart_threshold=5 * MIB, multipart_chunksize=5 * MIB)
        await s3.upload_fileobj(io.BytesIO(VIDEO), BUCKET, f"{grant.object_key_prefix}/b.mp4", Config=parts)

    def contents() -> list[bytes]:
        return [place.content(f"{grant.object_key_prefix}/{name}") for name in ("a.jpg", "b.mp4")]

    assert await asyncio.to_thread(contents) == [PHOTO, VIDEO]


def test_minio_for_python_puts_and_sends_parts(place: Place, grant: UploadGrant) -> None:
    """It signs in one piece over plain HTTP, and asks for the bucket's region where none is given."""
    for region in ("us-east-1", None):
        s3 = minio.Minio(
            urlsplit(place.url).netloc,
            access_key=grant.access_key_id,
            secret_key=grant.access_key_secret,
            session_token=grant.security_token,
            secure=False,
            region=region,
        )
        photo, video = (f"{grant.object_key_prefix}/{region}/{name}" for name in ("a.jpg", "b.mp4"))
        s3.put_object(BUCKET, photo, io.BytesIO(PHOTO), len(PHOTO))
        s3.put_object(BUCKET, video, io.BytesIO(VIDEO), -1, part_size=5 * MIB, num_parallel_uploads=3)
        assert place.content(photo) == PHOTO
        assert place.content(video) == VIDEO
        with pytest.raises(minio.error.S3Error, match="AccessDenied"):
            s3.get_object(BUCKET, photo)


# The AWS command line


def aws(command: Path, place: Place, grant: UploadGrant, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("AWS_")},
        "AWS_ACCESS_KEY_ID": grant.access_key_id,
        "AWS_SECRET_ACCESS_KEY": grant.access_key_secret,
        "AWS_SESSION_TOKEN": grant.security_token,
        "AWS_DEFAULT_REGION": grant.endpoint.region,
        "AWS_MAX_ATTEMPTS": "1",
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    }
    return subprocess.run(
        [str(command), "--endpoint-url", place.url, *words],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_the_aws_command_line_copies_files(aws_cli: Path, place: Place, grant: UploadGrant, tmp_path: Path) -> None:
    for name, content in (("photo.jpg", PHOTO), ("video.mp4", VIDEO)):
        (tmp_path / name).write_bytes(content)
        key = f"{grant.object_key_prefix}/{name}"
        done = aws(aws_cli, place, grant, "s3", "cp", str(tmp_path / name), f"s3://{BUCKET}/{key}")
        assert done.returncode == 0, done.stderr
        assert place.content(key) == content
    assert place.stat(f"{grant.object_key_prefix}/video.mp4").etag.endswith("-2")


def test_the_aws_command_line_is_refused_all_else(
    aws_cli: Path, place: Place, grant: UploadGrant, tmp_path: Path
) -> None:
    (tmp_path / "photo.jpg").write_bytes(PHOTO)
    for words in (
        ("s3", "cp", str(tmp_path / "photo.jpg"), f"s3://{BUCKET}/elsewhere/x/photo.jpg"),
        ("s3", "ls", f"s3://{BUCKET}/{grant.object_key_prefix}/"),
        ("s3", "rm", f"s3://{BUCKET}/{grant.object_key_prefix}/photo.jpg"),
    ):
        done = aws(aws_cli, place, grant, *words)
        assert done.returncode != 0
        assert "AccessDenied" in done.stderr


# npm


def node(folder: Path, way: str, place: Place, grant: UploadGrant, key: str, file: Path) -> tuple[int, dict[str, Any]]:
    told = {
        "bucket": BUCKET,
        "region": grant.endpoint.region,
        "access_key_id": grant.access_key_id,
        "access_key_secret": grant.access_key_secret,
        "security_token": grant.security_token,
    }
    done = subprocess.run(
        ["node", "upload.mjs", way, place.url, json.dumps(told), key, str(file)],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.stdout, done.stderr
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return done.returncode, found


@pytest.mark.npm
@pytest.mark.parametrize(
    "way",
    [
        "aws-put",
        "aws-stream",
        "aws-when-required",
        *(f"aws-{name}" for name in ALGORITHMS),
        "aws-multipart",
        "minio-put",
        "minio-multipart",
    ],
)
def test_the_javascript_clients_upload(
    way: str, npm_clients: Path, place: Place, grant: UploadGrant, tmp_path: Path
) -> None:
    content = VIDEO if "multipart" in way else PHOTO
    (tmp_path / "file").write_bytes(content)
    key = f"{grant.object_key_prefix}/file ü.bin"
    status, found = node(npm_clients, way, place, grant, key, tmp_path / "file")
    assert status == 0, found
    assert place.content(key) == content
    assert place.stat(key).etag.endswith("-3") is ("multipart" in way)


@pytest.mark.npm
def test_the_aws_sdk_for_javascript_probes_and_is_refused_all_else(
    npm_clients: Path, place: Place, grant: UploadGrant, tmp_path: Path
) -> None:
    key = f"{grant.object_key_prefix}/file.bin"
    status, found = node(npm_clients, "aws-probes", place, grant, key, tmp_path)
    assert (status, found) == (0, {"bucket": "ok", "location": "ok", "uploads": "ok", "missing": "NotFound"})
    status, found = node(npm_clients, "aws-refused", place, grant, key, tmp_path)
    assert (status, set(found.values())) == (0, {"AccessDenied"})
