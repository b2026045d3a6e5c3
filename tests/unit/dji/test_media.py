"""What Pilot says of files, in all its dialects."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.dji.errors import DecodeError, Reason
from ofh.dji.media import (
    MAX_KEPT_BYTES,
    MAX_TINY,
    decode_file_named,
    decode_group_uploaded,
    decode_tiny_fingerprints,
    decode_uploaded,
)
from ofh.domain.media import is_file_name
from tests.captures.reader import capture, names

DECODERS = [decode_file_named, decode_tiny_fingerprints, decode_uploaded, decode_group_uploaded]


def body(name: str) -> Any:
    return capture(name)["request"]["body"]


def test_fast_upload_is_read_whole() -> None:
    file = decode_file_named(body("http-fast-upload-miss"))
    assert file.fingerprint == "7f78c9f1999425cb61f10e1fe206009e"
    assert file.tiny == "297f490b0252690d3f93841818567cc6_2025_6_14_10_21_7"
    assert file.is_original
    assert file.name == "DJI_20250614102107_0004_W_Waypoint4.JPG"
    assert file.folder == "DJI_202506141015_008_Waypoint1"
    assert file.serial == "1581XTESTM30T0001"
    assert file.aircraft == (67, 1)
    assert file.payload_key == "1-53-0"


def test_fast_upload_with_the_required_field_alone() -> None:
    file = decode_file_named(body("http-fast-upload-minimal"))
    assert file.fingerprint == "0c1b6e7a2f4d4f1d8c5b0e9a7d3f2b11"
    assert (file.tiny, file.is_original, file.name, file.folder, file.serial) == (None, True, None, "", None)
    assert file.aircraft == (-1, 0)


@pytest.mark.parametrize("name", names("http-upload-callback"))
def test_every_captured_callback_is_read(name: str) -> None:
    given_body = body(name)
    told = decode_uploaded(given_body)
    assert told.object_key == given_body["object_key"]
    assert told.file.name == given_body["name"]
    assert told.is_up is (given_body.get("result", 0) == 0)
    assert told.kept == given_body


def test_a_callback_of_today() -> None:
    told = decode_uploaded(body("http-upload-callback-photo-wide"))
    assert told.captured_at == datetime(2025, 6, 14, 8, 21, 7, tzinfo=UTC)
    assert (told.longitude, told.latitude) == (9.9542218, 50.4983121)
    assert (told.absolute_altitude, told.relative_altitude, told.gimbal_yaw) == (1053.412, 57.201, -4.3)
    assert told.group == "a0f3c1de-52b5-4d55-9c0c-1f5c7e1f7a10"
    assert not told.is_panorama


def test_a_callback_of_2022_has_no_result_and_counts_as_up() -> None:
    told = decode_uploaded(body("http-upload-callback-2022"))
    assert told.is_up
    assert told.group is None


def test_numbers_of_docks_are_texts_and_their_times_have_no_zone() -> None:
    told = decode_uploaded(body("http-upload-callback-dock-style-metadata"))
    assert told.absolute_altitude == 56.311
    assert told.gimbal_yaw == -91.4
    assert told.captured_at is None
    assert told.kept["metadata"]["create_time"] == "2025-06-14 11:15:00"


@pytest.mark.parametrize(
    ("metadata", "at"),
    [
        ({"create_time": "2025-06-14T10:21:07+02:00"}, datetime(2025, 6, 14, 8, 21, 7, tzinfo=UTC)),
        ({"created_time": "2025-06-14T10:21:07+0200"}, datetime(2025, 6, 14, 8, 21, 7, tzinfo=UTC)),
        ({"created_time": "2025-06-14 08:21:07z"}, datetime(2025, 6, 14, 8, 21, 7, tzinfo=UTC)),
        ({"created_time": "2025-06-14 08:21:07"}, None),
        ({"created_time": "yesterday"}, None),
        ({"created_time": {"at": 1}}, None),
        ({}, None),
    ],
)
def test_both_names_and_all_forms_of_the_time(metadata: dict[str, Any], at: datetime | None) -> None:
    assert decode_uploaded({"object_key": "k/a.jpg", "metadata": metadata}).captured_at == at


def test_zero_zero_is_no_position() -> None:
    told = decode_uploaded(body("http-upload-callback-no-position"))
    assert (told.longitude, told.latitude) == (None, None)


@pytest.mark.parametrize("position", [{"lat": 1}, {"lat": 91, "lng": 1}, {"lat": "x", "lng": 1}, [], "here", None])
def test_half_a_position_is_none(position: Any) -> None:
    told = decode_uploaded({"object_key": "k/a.jpg", "metadata": {"shoot_position": position}})
    assert (told.longitude, told.latitude) == (None, None)


def test_a_position_in_texts() -> None:
    position = {"lat": "50.5", "lng": "-9.25"}
    told = decode_uploaded({"object_key": "k/a.jpg", "metadata": {"shoot_position": position}})
    assert (told.longitude, told.latitude) == (-9.25, 50.5)


def test_a_callback_with_what_the_documents_require_alone() -> None:
    told = decode_uploaded(body("http-upload-callback-minimal"))
    assert (told.file.fingerprint, told.file.serial, told.captured_at) == (None, None, None)
    assert told.is_up


def test_a_name_that_is_missing_stands_in_the_key() -> None:
    assert decode_uploaded({"object_key": "w/x/DJI_0001.JPG"}).file.name is None
    with pytest.raises(DecodeError):
        decode_uploaded({"object_key": "w/x/"})


def test_a_failed_upload_needs_no_key() -> None:
    told = decode_uploaded({"result": 7, "fingerprint": "A"})
    assert not told.is_up
    with pytest.raises(DecodeError):
        decode_uploaded({"result": 0, "fingerprint": "A", "name": "a.jpg"})


def test_objects_inside_of_texts_as_forms_have_them() -> None:
    told = decode_uploaded(
        {
            "object_key": "k/a.jpg",
            "name": "a.jpg",
            "result": "0",
            "ext": json.dumps({"sn": "1581XTESTM30T0001", "is_original": "false"}),
            "metadata": json.dumps({"shoot_position": {"lat": 1, "lng": 2}}),
        }
    )
    assert told.file.serial == "1581XTESTM30T0001"
    assert not told.file.is_original
    assert (told.longitude, told.latitude) == (2, 1)


@pytest.mark.parametrize("name", ["../a.jpg", "a/b.jpg", "a\\b.jpg", "..", "a\nb.jpg", "x" * 256, {"a": 1}])
def test_u6_a_name_that_is_none_is_refused(name: Any) -> None:
    with pytest.raises(DecodeError):
        decode_uploaded({"object_key": "k/a.jpg", "name": name})


@pytest.mark.parametrize("serial", ["a/b", "+", "#", "x" * 65, {"a": 1}, "ü"])
def test_a_serial_number_that_is_none_reads_as_absent(serial: Any) -> None:
    assert decode_uploaded({"object_key": "k/a.jpg", "ext": {"sn": serial}}).file.serial is None


@pytest.mark.parametrize("key", ["1-53-0", "0-67", "x", "0-67-1-2", "", None])
def test_a_key_that_is_no_aircrafts_names_no_model(key: Any) -> None:
    assert decode_file_named({"ext": {"drone_model_key": key}}).aircraft == (-1, 0)


@pytest.mark.parametrize("place", ["fingerprint", "name", "unknown"])
@pytest.mark.parametrize("text", ["a\0b", "\ud800"])
def test_a4_texts_that_no_database_holds_are_refused_wherever_they_stand(place: str, text: str) -> None:
    with pytest.raises(DecodeError) as refused:
        decode_uploaded({"object_key": "k/a.jpg", "ext": {"more": [{place: text}]}})
    assert refused.value.reason is Reason.BAD_TEXT


def test_a_statement_beyond_all_measure_is_kept_without_its_largest_members() -> None:
    told = decode_uploaded({"object_key": "k/a.jpg", "name": "a.jpg", "huge": "x" * MAX_KEPT_BYTES})
    assert told.kept == {"object_key": "k/a.jpg", "name": "a.jpg"}


@pytest.mark.parametrize("name", names("http-tiny-fingerprints"))
def test_tiny_fingerprints_as_an_object_or_a_bare_list(name: str) -> None:
    given_body = body(name)
    if given_body is not None:  # the GET of 2022 has its own in the query string
        listed = given_body["tiny_fingerprints"] if isinstance(given_body, dict) else given_body
        assert decode_tiny_fingerprints(given_body) == listed


def test_tiny_fingerprints_that_are_none_are_passed_over() -> None:
    assert decode_tiny_fingerprints(["a", 1, None, "", "a", "x" * 256, ["b"], "c"]) == ["a", "c"]
    assert decode_tiny_fingerprints({}) == []
    assert decode_tiny_fingerprints({"tinny_fingerprints": ["a"]}) == ["a"]
    assert decode_tiny_fingerprints({"tiny_fingerprints": '["a", "b"]'}) == ["a", "b"]
    with pytest.raises(DecodeError):
        decode_tiny_fingerprints(["x"] * (MAX_TINY + 1))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("complete", ("a0f3c1de-52b5-4d55-9c0c-1f5c7e1f7a10", 3, 3)),
        ("partial", ("a0f3c1de-52b5-4d55-9c0c-1f5c7e1f7a10", 24, 23)),
        ("no-group", (None, 0, 0)),
    ],
)
def test_groups(name: str, expected: tuple[str | None, int, int]) -> None:
    told = decode_group_uploaded(body(f"http-group-upload-callback-{name}"))
    assert (told.group, told.file_count, told.uploaded_count) == expected


def test_a_group_of_nonsense_is_one_that_says_nothing() -> None:
    told = decode_group_uploaded({"file_group_id": [], "file_count": -1, "file_uploaded_count": "many"})
    assert (told.group, told.file_count, told.uploaded_count) == (None, None, None)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=5) | st.dictionaries(st.text(max_size=10), children, max_size=5),
    max_leaves=20,
)
KNOWN = st.fixed_dictionaries(
    {},
    optional={
        name: JSON | st.text()
        for name in (
            "fingerprint",
            "name",
            "path",
            "result",
            "object_key",
            "sub_file_type",
            "tiny_fingerprints",
            "file_group_id",
            "file_count",
            "file_uploaded_count",
        )
    }
    | {
        "ext": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                name: JSON | st.text()
                for name in ("sn", "drone_model_key", "payload_model_key", "is_original", "tinny_fingerprint")
            },
        ),
        "metadata": JSON
        | st.fixed_dictionaries(
            {},
            optional={
                "created_time": JSON | st.text(),
                "absolute_altitude": JSON,
                "gimbal_yaw_degree": JSON,
                "shoot_position": JSON | st.fixed_dictionaries({"lat": JSON, "lng": JSON}),
            },
        ),
    },
)


@given(JSON | KNOWN, st.sampled_from(DECODERS))
def test_any_json_gives_a_statement_or_the_one_error(value: Any, decode: Any) -> None:
    try:
        told = decode(value)
    except DecodeError:
        return
    if decode is decode_uploaded:
        assert told.object_key is not None or not told.is_up
        assert told.file.name is None or is_file_name(told.file.name)
        assert told.longitude is None or -180 <= told.longitude <= 180
        assert told.captured_at is None or told.captured_at.tzinfo is not None
        assert len(json.dumps(told.kept)) <= 2 * MAX_KEPT_BYTES
