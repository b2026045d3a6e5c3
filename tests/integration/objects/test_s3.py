"""What only the bucket has: credentials that are wrong, a server that is away, roles."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError  # type: ignore[import-untyped]

from ofh.backends.objects_s3 import S3Roles, S3Store, upload_policy
from ofh.domain.errors import Code, HubError
from ofh.domain.s3_place import S3Place
from tests.integration.objects.conftest import MakeFile, clock, place
from tests.support.s3 import REGION, S3Server, run_s3
from tests.support.services import free_port

KEY = "workspace/grant/DJI_0001.JPG"


async def unavailable(store: S3Store) -> str:
    with pytest.raises(HubError) as caught:
        await store.check()
    assert caught.value.code is Code.UNAVAILABLE
    await store.stop()
    return caught.value.message


async def test_the_stand_in_checks_signatures(s3_server: S3Server) -> None:
    bucket = s3_server.new_bucket()
    assert "refuses" in await unavailable(S3Store(place(s3_server, bucket, secret="wrong"), clock))


async def test_a_bucket_that_is_not_there_is_said_to_be_missing(s3_server: S3Server) -> None:
    assert "no such bucket" in await unavailable(S3Store(place(s3_server, "not-a-bucket"), clock))


async def test_a_server_that_is_away_is_unavailable() -> None:
    nowhere = S3Place(
        bucket="b",
        region=REGION,
        endpoint=f"http://127.0.0.1:{free_port()}",
        access_key_id="a",
        secret="s",
        style="path",
    )
    assert "away" in await unavailable(S3Store(nowhere, clock))


async def test_what_could_not_be_stored_is_still_the_callers(file: MakeFile) -> None:
    with run_s3() as server:
        store = S3Store(place(server, server.new_bucket()), clock)
        await store.put(KEY, file(b"first"), content_type="image/jpeg")
        server.daemon.stop()
        source = file(b"x")
        with pytest.raises(HubError) as caught:
            await store.put(KEY, source, content_type="image/jpeg")
        assert caught.value.code is Code.UNAVAILABLE
        assert source.exists()
        await store.stop()


async def test_a_role_gives_credentials_that_the_store_takes(s3_server: S3Server, tmp_path: Path) -> None:
    bucket = s3_server.new_bucket()
    roles = S3Roles(place(s3_server, bucket), s3_server.role, None, clock)
    made = await roles.issue("workspace/grant", timedelta(hours=12))
    assert made.token
    assert timedelta(minutes=50) < made.expires_at - clock() <= timedelta(hours=12)


async def test_a_role_that_may_not_be_assumed_is_a_refusal(s3_server: S3Server) -> None:
    roles = S3Roles(place(s3_server, "b", secret="wrong"), s3_server.role, None, clock)
    with pytest.raises(HubError) as caught:
        await roles.issue("workspace/grant", timedelta(hours=12))
    assert caught.value.code is Code.UNAVAILABLE


async def test_a_role_that_grants_an_hour_is_asked_for_one(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """AWS refuses a term beyond the role's; moto does not, so the refusal is played here."""
    roles = S3Roles(place(s3_server, "b"), s3_server.role, None, clock)
    assumed, asked = roles._assume, []

    async def strict(prefix: str, ttl: timedelta) -> object:
        asked.append(ttl)
        if ttl > timedelta(hours=1):
            from ofh.backends.objects_s3 import _refusal

            raise _refusal(
                ClientError({"Error": {"Code": "ValidationError"}, "ResponseMetadata": {}}, "AssumeRole").response
            )
        return await assumed(prefix, ttl)

    monkeypatch.setattr(roles, "_assume", strict)
    await roles.issue("workspace/grant", timedelta(hours=12))
    made = await roles.issue("workspace/grant", timedelta(hours=12))
    assert asked == [timedelta(hours=12), timedelta(hours=1), timedelta(hours=1)]
    assert made.expires_at - clock() <= timedelta(hours=1)


def test_the_policy_allows_writing_below_one_prefix_and_nothing_else() -> None:
    """security.md, S2."""
    first, second = upload_policy("ofh", "workspace/grant")["Statement"]
    assert first["Resource"] == ["arn:aws:s3:::ofh/workspace/grant/*"]
    assert first["Action"] == ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    assert second["Resource"] == ["arn:aws:s3:::ofh"]
    assert second["Action"] == ["s3:GetBucketLocation", "s3:ListBucketMultipartUploads"]
    assert len(json.dumps(upload_policy("b" * 63, "w" * 36 + "/" + "r" * 26), separators=(",", ":"))) < 2_048
