"""`ofh doctor`: everything well, and each backend away with its remedy."""

import asyncio
import json

import pytest

from tests.integration.cli.commands import Ended, Place
from tests.support.s3 import S3Server
from tests.support.services import free_port

CHECKS = ["data folder", "database", "bus", "broker", "storage", "thumbnails", "public URL", "controllers"]


def checks(ended: Ended) -> dict[str, tuple[bool, str]]:
    """What each check found; with `--json` there is one object and nothing else."""
    assert (ended.out.count("\n"), ended.err) == (1, ""), ended
    report = json.loads(ended.out)
    assert report["ok"] is all(check["ok"] for check in report["checks"])
    assert ended.code == (0 if report["ok"] else 1)
    assert [check["name"] for check in report["checks"]] == CHECKS
    return {check["name"]: (check["ok"], check["text"]) for check in report["checks"]}


async def test_before_the_first_start_all_is_well(place: Place) -> None:
    ended = await place.ofh("doctor")
    assert (ended.code, ended.err) == (0, "")
    assert [line.split(":")[0] for line in ended.out.splitlines()] == [f"ok   {name}" for name in CHECKS]


@pytest.mark.services
async def test_on_running_services_all_is_well(services: Place) -> None:
    found = checks(await services.ofh("doctor", "--json"))
    assert {name: ok for name, (ok, _) in found.items()} == dict.fromkeys(CHECKS, True)
    assert found["database"][1] == "PostgreSQL answers"
    assert "a message came back" in found["bus"][1]
    assert "accounts can be administered" in found["broker"][1]


async def test_each_backend_that_is_away_names_its_setting(place: Place) -> None:
    ended = await place.ofh(
        *("doctor", "--json"),
        OFH_DATABASE_URL=f"postgresql://hub:marker@127.0.0.1:{free_port()}/hub",
        OFH_REDIS_URL=f"redis://:marker@127.0.0.1:{free_port()}/0",
        OFH_MQTT_URL=f"mqtt://hub:marker@127.0.0.1:{free_port()}",
        OFH_SECRET_KEY="marker" * 8,
    )
    found = checks(ended)
    assert {name for name, (ok, _) in found.items() if not ok} == {"database", "bus", "broker"}
    for name, setting in (("database", "DATABASE"), ("bus", "REDIS"), ("broker", "MQTT")):
        assert f"Check that OFH_{setting}_URL names a running" in found[name][1]
    assert "marker" not in ended.out


@pytest.mark.services
async def test_a_database_that_does_not_exist_and_a_wrong_password_are_told_apart_from_a_good_one(
    services: Place,
) -> None:
    database = services.settings["OFH_DATABASE_URL"].rpartition("/")[0] + "/nothing"
    wrong = services.settings["OFH_MQTT_URL"].replace("hub:", "hub:not-")
    found = checks(await services.ofh("doctor", "--json", OFH_DATABASE_URL=database, OFH_MQTT_URL=wrong))
    assert {name for name, (ok, _) in found.items() if not ok} == {"database", "broker"}
    assert '"nothing" does not exist' in found["database"][1]
    assert "OFH_MQTT_URL" in found["broker"][1]


async def test_a_folder_that_cannot_be_used_names_its_setting(place: Place) -> None:
    (place.folder / "data").write_text("a file")
    ended = await place.ofh("doctor")
    assert ended.code == 1
    (line,) = [line for line in ended.out.splitlines() if "data folder" in line]
    assert line.startswith("BAD ")
    assert "OFH_DATA or --data" in line


async def test_a_broken_sqlite_file_has_another_remedy_than_postgresql(place: Place) -> None:
    (place.folder / "data").mkdir()
    (place.folder / "data" / "hub.db").write_bytes(b"no database at all" * 100)
    ok, text = checks(await place.ofh("doctor", "--json"))["database"]
    assert not ok
    assert "not a database" in text
    assert "OFH_DATA" in text
    assert "PostgreSQL" not in text


async def test_a_public_url_that_means_each_machine_itself_is_no_good(place: Place) -> None:
    found = checks(await place.ofh("doctor", "--json", OFH_PUBLIC_URL="http://localhost:8000"))
    ok, text = found["public URL"]
    assert not ok
    assert "OFH_PUBLIC_URL" in text
    assert not found["controllers"][0], "the MQTT address follows from it"


async def test_an_mqtt_address_that_only_containers_know_is_no_good(place: Place) -> None:
    url = {"OFH_PUBLIC_URL": "https://hub.example.org", "OFH_MQTT_HOST": "0.0.0.0"}
    wrong, right = await asyncio.gather(
        place.ofh("doctor", "--json", **url, OFH_PUBLIC_MQTT_URL="tcp://mosquitto:1883"),
        place.ofh("doctor", "--json", **url),
    )
    ok, text = checks(wrong)["controllers"]
    assert not ok
    assert text.startswith("OFH_PUBLIC_MQTT_URL = tcp://mosquitto:1883: ")
    ok, text = checks(right)["controllers"]
    assert ok
    assert "OFH_DJI_APP_ID" in text


async def test_settings_are_shown_without_secrets(place: Place) -> None:
    settings = {"OFH_SECRET_KEY": "marker" * 8, "OFH_SMTP_URL": "smtp://post:marker@mail:587", "OFH_PORT": "8123"}
    ended = await place.ofh("doctor", "--settings", **settings)
    assert "OFH_PORT=8123\n" in ended.out
    assert "OFH_SECRET_KEY=(set)\n" in ended.out
    assert "marker" not in ended.out + ended.err


@pytest.mark.parametrize("with_sts", [False, True])
async def test_a_bucket_is_tried_with_an_object_that_is_gone_afterwards(
    with_sts: bool, place: Place, s3_server: S3Server
) -> None:
    bucket = s3_server.new_bucket()
    settings = {"OFH_STORAGE_URL": s3_server.url(bucket), **({"OFH_STORAGE_STS": s3_server.role} if with_sts else {})}
    ok, text = checks(await place.ofh("doctor", "--json", **settings))["storage"]
    assert ok, text
    assert "stores and gives back" in text
    assert ("issues credentials" in text) is with_sts
    assert "Contents" not in s3_server.client().list_objects_v2(Bucket=bucket)


async def test_a_bucket_that_is_not_there_or_refuses_names_its_setting_and_no_secret(
    place: Place, s3_server: S3Server
) -> None:
    right = s3_server.url(s3_server.new_bucket())
    for wrong in (
        s3_server.url("not-a-bucket"),
        right.replace(right.partition("://")[2].partition("@")[0], "marker-id:marker-secret"),
        f"s3://marker-id:marker-secret@127.0.0.1:{free_port()}/bucket?tls=false",
    ):
        ended = await place.ofh("doctor", "--json", OFH_STORAGE_URL=wrong)
        ok, text = checks(ended)["storage"]
        assert not ok
        assert "OFH_STORAGE_URL" in text
        assert "marker-secret" not in ended.out + ended.err
