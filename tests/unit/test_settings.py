"""Settings: where they come from, what is refused and in which words, and that no secret is shown."""

import os
from pathlib import Path

import pytest

from ofh.domain.s3_place import S3Place
from ofh.settings import SECRETS, URLS, Settings, SettingsError, documentation, load, redacted, storage_place
from ofh.store.database import Database

KEY = "k" * 40
SERVICES = {
    "OFH_DATABASE_URL": "postgresql://hub:marker-one@db/hub",
    "OFH_REDIS_URL": "redis://:marker-two@cache:6379/0",
    "OFH_MQTT_URL": "mqtt://hub:marker-three@broker:1884",
    "OFH_SECRET_KEY": KEY,
}


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No settings of the machine, and an empty working directory."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.upper().startswith("OFH_")]:
        monkeypatch.delenv(name)


def given(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> None:
    for name, value in values.items():
        monkeypatch.setenv(name, value)


def refusals(monkeypatch: pytest.MonkeyPatch, values: dict[str, str]) -> list[str]:
    given(monkeypatch, values)
    with pytest.raises(SettingsError) as caught:
        load()
    assert str(caught.value) == "\n".join(caught.value.lines)
    return caught.value.lines


def test_without_any_setting_the_hub_runs_embedded_and_is_open_to_this_machine_alone() -> None:
    """security.md, D1 and M12."""
    settings = load()
    assert (settings.host, settings.mqtt_host) == ("127.0.0.1", "127.0.0.1")
    assert (settings.port, settings.mqtt_port, settings.data) == (8000, 1883, Path("ofh-data"))
    assert (settings.database_url, settings.redis_url, settings.mqtt_url) == (None, None, None)
    assert settings.metrics_networks == ("127.0.0.0/8", "::1/128")
    assert (settings.allowed_origins, settings.trusted_proxies) == ((), ())


@pytest.mark.parametrize(
    ("name", "value", "remedy"),
    [
        ("OFH_PORT", "http", "integer"),
        ("OFH_PORT", "65536", "65535"),
        ("OFH_PORT", "-1", "0"),
        ("OFH_ADSB_URLS", "receiver.example.org", "sbs://host:30003"),
        ("OFH_ADSB_URLS", "sbs://a.example.org:30003,ftp://b.example.org/aircraft.json", "ftp://b.example.org"),
        ("OFH_ADSB_URLS", "sbs://a.example.org:x", "sbs://host:30003"),
        ("OFH_MQTT_PORT", "65536", "65535"),
        ("OFH_MQTT_TLS_PORT", "0", "1"),
        ("OFH_WORKERS", "0", "1"),
        ("OFH_WORKERS", "65", "64"),
        ("OFH_WORKERS", "two", "integer"),
        ("OFH_PUBLIC_URL", "hub.example.org", "https://"),
        ("OFH_PUBLIC_URL", "ftp://hub.example.org", "https://"),
        ("OFH_PUBLIC_URL", "https://", "host"),
        ("OFH_PUBLIC_URL", "https://hub.example.org/hub", "scheme, host and port alone"),
        ("OFH_PUBLIC_URL", "https://hub.example.org/?a=b", "scheme, host and port alone"),
        ("OFH_PUBLIC_URL", "https://hub.example.org:none", "port"),
        ("OFH_ALLOWED_ORIGINS", "https://a.example, map.example", "https://map.example.org"),
        ("OFH_ALLOWED_ORIGINS", "*", "https://map.example.org"),
        ("OFH_ALLOWED_ORIGINS", "https://a.example/path", "https://map.example.org"),
        ("OFH_TRUSTED_PROXIES", "proxy", "192.0.2.0/24"),
        ("OFH_TRUSTED_PROXIES", "10.0.0.0/33", "192.0.2.0/24"),
        ("OFH_METRICS_NETWORKS", "10.0.0.1, everybody", "192.0.2.0/24"),
        ("OFH_SECRET_KEY", "short", "openssl rand -hex 32"),
        ("OFH_DATABASE_URL", "mysql://db/hub", "postgresql://"),
        ("OFH_DATABASE_URL", "postgresql://db:99999/hub", "port"),
        ("OFH_DATABASE_POOL", "1", "2"),
        ("OFH_REDIS_URL", "http://cache", "redis://"),
        ("OFH_REDIS_URL", "redis://cache:x/0", "port"),
        ("OFH_REDIS_PREFIX", "p" * 65, "64"),
        ("OFH_MQTT_URL", "tcp://hub:p@broker", "mqtt://"),
        ("OFH_MQTT_URL", "mqtt://broker:1884", "user name and password"),
        ("OFH_MQTT_URL", "mqtt://hub:p@", "host"),
        ("OFH_MQTT_URL", "mqtt://hub:p@broker:x", "port"),
        ("OFH_MQTT_CLIENT_ID", "c" * 65, "64"),
        ("OFH_SMTP_URL", "mail.example.org", "smtp://"),
        ("OFH_SMTP_URL", "smtp://", "host"),
        ("OFH_SMTP_URL", "smtp://u:p@mail:x", "port"),
        ("OFH_STORAGE_URL", "http://host/bucket", "s3://"),
        ("OFH_STORAGE_URL", "s3://k:s@host", "names no bucket"),
        ("OFH_STORAGE_URL", "s3://k:s@host/a", "names no bucket"),
        ("OFH_STORAGE_URL", "s3://k:s@host/bucket/folder", "names no bucket"),
        ("OFH_STORAGE_URL", "s3://k@host/bucket", "secret"),
        ("OFH_STORAGE_URL", "s3://k:s@host:x/bucket", "port"),
        ("OFH_STORAGE_URL", "s3://k:s@host/bucket?tls=no", "true or false"),
        ("OFH_STORAGE_URL", "s3://k:s@host/bucket?style=dns", "virtual"),
        ("OFH_STORAGE_URL", "s3://k:s@host/bucket?secure=1", "region, tls and style"),
        ("OFH_STORAGE_STS", "arn:aws:iam::1:role/x", "OFH_STORAGE_URL"),
        ("OFH_STORAGE_PUBLIC_URL", "https://s3.example.org/bucket", "scheme, host and port alone"),
        ("OFH_STORAGE_PUBLIC_URL", "https://s3.example.org", "OFH_STORAGE_STS"),
        ("OFH_STORAGE_STS_URL", "s3.example.org", "https://"),
        ("OFH_UPLOAD_PARTS", "10001", "10000"),
        ("OFH_LOG_LEVEL", "loud", "'info'"),
        ("OFH_LOG_FORMAT", "xml", "'json'"),
        ("OFH_INTROSPECTION", "perhaps", "boolean"),
        ("OFH_SESSION_DAYS", "0", "0"),
        ("OFH_SESSION_DAYS", "inf", "finite"),
        ("OFH_SESSION_IDLE_DAYS", "1e9", "36500"),
        ("OFH_ARGON2_MEMORY_KIB", "1024", "19456"),
        ("OFH_ARGON2_PASSES", "0", "1"),
        ("OFH_AUDIT_DAYS", "100000", "36500"),
        ("OFH_CLOCK_TOLERANCE_S", "nan", "finite"),
        ("OFH_PRESENCE_SILENCE_S", "0", "0"),
        ("OFH_PRESENCE_LOST_S", "-1", "0"),
        ("OFH_PRESENCE_SWEEP_S", "inf", "finite"),
        ("OFH_OPERATION_S", "0", "0"),
        ("OFH_SOCKET_RECHECK_S", "61", "60"),
        ("OFH_RECORDER_PENDING", "1", "100"),
        ("OFH_PUBLIC_MQTT_URL", "mqtt://hub.example.org:1883", "tcp://"),
        ("OFH_PUBLIC_MQTT_URL", "ssl://hub.example.org", "port"),
        ("OFH_PUBLIC_MQTT_URL", "ssl://c-1:secret@hub.example.org:8883", "no user"),
        ("OFH_PUBLIC_MQTT_URL", "ssl://:8883", "host"),
        ("OFH_RTMP_URL", "https://hub.example.org/live", "rtmp://"),
    ],
)
def test_a_wrong_value_is_refused_with_its_name_and_a_remedy(
    name: str, value: str, remedy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [line for line in refusals(monkeypatch, {name: value}) if line.startswith(f"{name}: ")]
    assert len(lines) == 1
    assert remedy in lines[0]


def test_every_number_has_a_bound_that_is_held() -> None:
    """Below what is least allowed stands a refusal; there is no number of which anything goes."""
    numbers = [name for name, field in Settings.model_fields.items() if field.annotation in (int, float)]
    assert len(numbers) > 20
    for name in numbers:
        with pytest.raises(SettingsError, match=rf"^OFH_{name.upper()}: "):
            load(**{name: -1})


def test_several_wrong_values_are_all_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusals(monkeypatch, {"OFH_PORT": "x", "OFH_LOG_LEVEL": "loud", "OFH_REDIS_URL": "cache"})
    assert sorted(line.split(":")[0] for line in lines) == ["OFH_LOG_LEVEL", "OFH_PORT", "OFH_REDIS_URL"]


def test_a_refusal_never_repeats_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    values = {
        "OFH_SECRET_KEY": "marker",
        "OFH_DATABASE_URL": "mysql://hub:marker@db/hub",
        "OFH_REDIS_URL": "http://:marker@cache",
        "OFH_MQTT_URL": "mqtt://hub:marker@broker:x",
        "OFH_SMTP_URL": "smtp://hub:marker@mail:x",
    }
    lines = refusals(monkeypatch, values)
    assert len(lines) == len(values)
    assert "marker" not in "\n".join(lines)


# Contradictions


@pytest.mark.parametrize("missing", ["OFH_DATABASE_URL", "OFH_REDIS_URL", "OFH_MQTT_URL"])
def test_several_workers_need_every_backend_of_the_services_way(missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    kept = {name: value for name, value in SERVICES.items() if name != missing}
    (line,) = refusals(monkeypatch, {**kept, "OFH_WORKERS": "2"})
    assert line.startswith("OFH_WORKERS: ")
    assert missing in line
    assert "use 1" in line


def test_several_workers_do_not_share_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    (line,) = refusals(monkeypatch, {**SERVICES, "OFH_DATABASE_URL": "sqlite:///var/lib/hub.db", "OFH_WORKERS": "2"})
    assert "OFH_DATABASE_URL (PostgreSQL)" in line


def test_with_all_backends_several_workers_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, SERVICES)
    assert load(workers=3).workers == 3


def test_postgresql_needs_a_key_that_its_processes_share(monkeypatch: pytest.MonkeyPatch) -> None:
    """security.md, P10."""
    (line,) = refusals(monkeypatch, {"OFH_DATABASE_URL": SERVICES["OFH_DATABASE_URL"]})
    assert line.startswith("OFH_SECRET_KEY: ")
    assert "openssl rand -hex 32" in line


def test_a_certificate_and_its_key_belong_together(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "chain.pem").touch()
    (line,) = refusals(monkeypatch, {"OFH_MQTT_TLS_CERTIFICATE": "chain.pem"})
    assert "OFH_MQTT_TLS_CERTIFICATE" in line
    assert "OFH_MQTT_TLS_KEY" in line
    assert "both or neither" in line


def test_a_certificate_that_is_not_there_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = refusals(monkeypatch, {"OFH_MQTT_TLS_CERTIFICATE": "chain.pem", "OFH_MQTT_TLS_KEY": "key.pem"})
    assert lines == [
        "OFH_MQTT_TLS_CERTIFICATE: there is no file chain.pem",
        "OFH_MQTT_TLS_KEY: there is no file key.pem",
    ]


def test_a_certificate_is_not_for_an_outside_broker(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("chain.pem", "key.pem"):
        (tmp_path / name).touch()
    values = {"OFH_MQTT_TLS_CERTIFICATE": "chain.pem", "OFH_MQTT_TLS_KEY": "key.pem"}
    (line,) = refusals(monkeypatch, {**values, "OFH_MQTT_URL": SERVICES["OFH_MQTT_URL"]})
    assert "OFH_MQTT_TLS_CERTIFICATE" in line
    assert "OFH_MQTT_URL" in line


# Where they come from


def test_a_flag_wins_over_the_environment_and_the_environment_over_the_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_text("OFH_PORT=1001\nOFH_MQTT_PORT=1002\nOFH_HOST=10.0.0.1\n")
    given(monkeypatch, {"OFH_PORT": "2001", "OFH_MQTT_PORT": "2002"})
    settings = load(port=3001, mqtt_port=None, host=None)
    assert (settings.port, settings.mqtt_port, settings.host) == (3001, 2002, "10.0.0.1")


def test_an_empty_variable_counts_as_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    given(monkeypatch, {"OFH_PORT": "", "OFH_DATABASE_URL": "", "OFH_METRICS_NETWORKS": ""})
    assert load() == load(port=8000)


def test_other_variables_of_the_same_file_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("OFH_POSTGRES_PASSWORD=x\nPATH_OF_SOMETHING=y\n")
    assert load().port == 8000


def test_several_values_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    given(
        monkeypatch,
        {
            "OFH_ALLOWED_ORIGINS": " https://a.example , https://b.example:8443,",
            "OFH_TRUSTED_PROXIES": "10.0.0.1, 172.16.0.0/12,fd00::/8",
        },
    )
    settings = load()
    assert settings.allowed_origins == ("https://a.example", "https://b.example:8443")
    assert settings.trusted_proxies == ("10.0.0.1", "172.16.0.0/12", "fd00::/8")


def test_a_slash_at_the_end_of_the_public_url_goes() -> None:
    assert load(public_url="https://hub.example.org/").public_url == "https://hub.example.org"


def test_settings_do_not_change_once_they_are_made() -> None:
    with pytest.raises(ValueError, match="frozen"):
        load().port = 1  # type: ignore[misc]


@pytest.mark.parametrize("folder", ["plain", "with space", "a#b", "a?b=c", "100%41", "ä"])
def test_the_database_lies_in_the_data_folder_whatever_its_name_is(folder: str, tmp_path: Path) -> None:
    settings = load(data=folder)
    assert Database(settings.database).path == tmp_path / folder / "hub.db"


# Shown without secrets


def test_a_dji_licence_is_whole_or_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = {"OFH_DJI_APP_ID": "100000", "OFH_DJI_APP_KEY": "0" * 32, "OFH_DJI_APP_LICENSE": "ZXhhbXBsZQ=="}
    for missing in parts:
        lines = refusals(monkeypatch, {**parts, missing: ""})
        assert len(lines) == 1
        assert all(name in lines[0] for name in parts)


def test_what_is_shown_of_settings_holds_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    licence = {"OFH_DJI_APP_ID": "1", "OFH_DJI_APP_KEY": "marker-five", "OFH_DJI_APP_LICENSE": "marker-six"}
    given(monkeypatch, {**SERVICES, **licence, "OFH_SMTP_URL": "smtp://post:marker-four@mail:587"})
    settings = load()
    shown = redacted(settings)
    text = "\n".join(f"{name}={value}" for name, value in shown.items())
    assert "marker" not in text
    assert KEY not in text
    assert set(shown) == set(Settings.model_fields)
    assert shown["database_url"] == "postgresql://hub:***@db/hub"
    assert shown["mqtt_url"] == "mqtt://hub:***@broker:1884"
    assert shown["redis_url"] == "redis://:***@cache:6379/0"
    assert (shown["secret_key"], shown["smtp_url"]) == ("(set)", "(set)")
    assert "marker-four" not in repr(settings)
    assert KEY not in repr(settings)


def test_every_setting_whose_words_speak_of_a_password_is_treated_as_a_secret() -> None:
    speaking = {
        name
        for name, field in Settings.model_fields.items()
        if ":password@" in (field.description or "") or name.endswith(("_key", "_secret", "_password", "_token"))
    }
    files = {name for name in speaking if "(PEM)" in (Settings.model_fields[name].description or "")}
    assert speaking - files <= SECRETS | URLS


# The page


def test_every_setting_is_documented_with_a_sentence() -> None:
    page = documentation()
    for name, field in Settings.model_fields.items():
        assert field.description
        assert field.description.endswith("."), name
        assert f"| `OFH_{name.upper()}` |" in page
        assert "|" not in field.description, "it would break the table"


def test_a_number_of_time_or_size_says_its_unit() -> None:
    units = {"_s": "second", "_days": "Days", "_kib": "KiB"}
    for name, field in Settings.model_fields.items():
        for ending, word in units.items():
            if name.endswith(ending):
                assert word.lower() in (field.description or "").lower(), name


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "s3://KEY:a%2Fb%2Bc@minio:9000/bucket?region=eu&tls=false&style=path",
            S3Place(
                bucket="bucket",
                region="eu",
                endpoint="http://minio:9000",
                access_key_id="KEY",
                secret="a/b+c",
                style="path",
            ),
        ),
        (
            "s3:///my.bucket?region=eu-central-1",
            S3Place(
                bucket="my.bucket",
                region="eu-central-1",
                endpoint=None,
                access_key_id=None,
                secret=None,
                style="auto",
            ),
        ),
        (
            "s3://[::1]:9000/bucket/",
            S3Place(
                bucket="bucket",
                region="us-east-1",
                endpoint="https://[::1]:9000",
                access_key_id=None,
                secret=None,
                style="auto",
            ),
        ),
    ],
)
def test_a_storage_url_has_its_parts(url: str, expected: S3Place) -> None:
    settings = load(storage_url=url)
    assert settings.storage_url == url
    assert storage_place(url) == expected
    assert "a%2Fb" not in redacted(settings)["storage_url"]
