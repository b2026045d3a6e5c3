"""Grants: whose they are, how long they hold, and what the store's own look like."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest

from ofh.backends.objects_s3 import S3Roles
from ofh.backends.ports import StoreRoles
from ofh.choices import upload_endpoint, upload_roles
from ofh.domain.errors import Code, HubError
from ofh.services.grants import BUCKET, REGION, Endpoint, Grants
from ofh.services.upload_refusals import Reason, UploadRefused
from ofh.settings import load
from tests.integration.objects.conftest import clock, place
from tests.support.s3 import S3Server

WORKSPACE = "87ffce7c-da28-49cf-9134-8db9fd87ccd1"
OURS = Endpoint(url="https://hub.example.org", bucket=BUCKET, region=REGION, provider="minio")


def grants(*, at: list[datetime] | None = None, key: bytes = b"k" * 32, roles: StoreRoles | None = None) -> Grants:
    return Grants(key=key, endpoint=OURS, roles=roles, clock=clock if at is None else lambda: at[0])


async def test_a_grant_says_all_that_a_controller_needs(tmp_path: Path) -> None:
    made = grants()
    grant = await made.grant(WORKSPACE, 7)
    bearer = made.verify(grant.access_key_id, grant.security_token)
    assert grant.endpoint == OURS
    assert grant.expire_s == 42_900
    assert grant.object_key_prefix.startswith(f"{WORKSPACE}/")
    assert not grant.object_key_prefix.endswith("/")
    assert len(grant.object_key_prefix) < 100
    assert (bearer.prefix, bearer.workspace_id) == (grant.object_key_prefix, 7)
    assert bearer.secret == grant.access_key_secret
    assert len(bearer.secret) == 40
    assert bearer.secret not in repr(bearer)
    assert made.holds(f"{grant.object_key_prefix}/DJI_0001.JPG", WORKSPACE, 7)


async def test_a_prefix_is_its_workspaces_whatever_uuid_that_has_by_now(tmp_path: Path) -> None:
    """S1: a key is taken that lies under a prefix issued to that same workspace, and no other."""
    now_it_is = WORKSPACE.replace("8", "9")
    made, other = grants(), grants(key=b"o" * 32)
    prefix = (await made.grant(WORKSPACE, 7)).object_key_prefix
    key = f"{prefix}/DJI_0001.JPG"
    assert made.holds(key, now_it_is, 7)
    assert not made.holds(key, now_it_is, 8)
    assert not other.holds(key, now_it_is, 7)
    former, part = prefix.split("/")
    for forged in (
        prefix,
        f"{prefix}/",
        f"{prefix}/../a.JPG",
        f"{prefix}x/a.JPG",
        f"{prefix[:-1]}/a.JPG",
        f"{former}/{part[:16]}/a.JPG",
        f"{now_it_is[::-1]}/{part}/a.JPG",
        f"{former}/{part[16:]}{part[:16]}/a.JPG",
        f"{former}/\ud800{part}/a.JPG",
        f"/{part}/a.JPG",
        "",
    ):
        assert not made.holds(forged, now_it_is, 7), forged


async def test_no_two_grants_share_anything(tmp_path: Path) -> None:
    made = grants()
    first, second = await made.grant(WORKSPACE, 7), await made.grant(WORKSPACE, 7)
    for name in ("object_key_prefix", "access_key_id", "access_key_secret", "security_token"):
        assert getattr(first, name) != getattr(second, name)


async def test_another_hubs_grants_are_none_here(tmp_path: Path) -> None:
    made, other = grants(), grants(key=b"o" * 32)
    grant = await made.grant(WORKSPACE, 7)
    for verifier, token, reason in (
        (other, grant.security_token, Reason.TOKEN_INVALID),
        (made, grant.security_token + "A", Reason.TOKEN_INVALID),
        (made, "", Reason.TOKEN_INVALID),
        (made, "ä.ö", Reason.TOKEN_INVALID),
        (made, "A" * 5_000, Reason.TOKEN_INVALID),
        (made, None, Reason.NO_SUCH_KEY_ID),
    ):
        with pytest.raises(UploadRefused) as caught:
            verifier.verify(grant.access_key_id, token)
        assert caught.value.reason is reason
        assert caught.value.code is Code.UNAUTHENTICATED


async def test_a_grant_holds_for_twelve_hours(tmp_path: Path) -> None:
    """security.md, S2."""
    at = [datetime(2026, 5, 1, tzinfo=UTC)]
    made = grants(at=at)
    grant = await made.grant(WORKSPACE, 7)
    at[0] += timedelta(hours=12) - timedelta(seconds=1)
    made.verify(grant.access_key_id, grant.security_token)
    at[0] += timedelta(seconds=1)
    with pytest.raises(UploadRefused) as caught:
        made.verify(grant.access_key_id, grant.security_token)
    assert caught.value.reason is Reason.TOKEN_EXPIRED


async def test_the_stores_own_credentials_are_handed_on_with_its_endpoint(tmp_path: Path, s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()
    settings = load(
        data=tmp_path,
        storage_url=s3_server.url(bucket),
        storage_sts=s3_server.role,
        storage_public_url="http://storage.example.org:9000",
    )
    endpoint, roles = upload_endpoint(settings, "https://hub.example.org"), upload_roles(settings)
    assert endpoint == Endpoint(
        url="http://storage.example.org:9000", bucket=bucket, region="us-east-1", provider="minio"
    )
    assert isinstance(roles, S3Roles)
    made = grants(roles=roles)
    grant = await made.grant(WORKSPACE, 7)
    assert 0 < grant.expire_s <= 12 * 3_600 - 300
    theirs = boto3.client(
        "s3",
        endpoint_url=s3_server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=grant.access_key_id,
        aws_secret_access_key=grant.access_key_secret,
        aws_session_token=grant.security_token,
    )
    theirs.put_object(Bucket=bucket, Key=f"{grant.object_key_prefix}/photo.jpg", Body=b"x")


def test_aws_is_called_aws_and_all_others_minio(tmp_path: Path) -> None:
    role = "arn:aws:iam::123456789012:role/upload"
    for url, expected in (
        ("s3:///bucket?region=eu-central-1", ("https://s3.eu-central-1.amazonaws.com", "aws", "eu-central-1")),
        ("s3://k:s@minio:9000/bucket?tls=false", ("http://minio:9000", "minio", "us-east-1")),
    ):
        endpoint = upload_endpoint(load(data=tmp_path, storage_url=url, storage_sts=role), "https://hub.example.org")
        assert (endpoint.url, endpoint.provider, endpoint.region) == expected
        without = upload_endpoint(load(data=tmp_path, storage_url=url), "https://hub.example.org")
        assert without == OURS
    assert upload_roles(load(data=tmp_path)) is None


async def test_a_store_that_issues_nothing_is_unavailable(tmp_path: Path, s3_server: S3Server) -> None:
    roles = S3Roles(place(s3_server, "bucket", secret="wrong"), s3_server.role, None, clock)
    made = grants(roles=roles)
    with pytest.raises(HubError) as caught:
        await made.grant(WORKSPACE, 7)
    assert caught.value.code is Code.UNAVAILABLE
