"""What may be drawn on the shared map."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ofh.domain.errors import Code, HubError
from ofh.domain.map_elements import MAX_POSITIONS, ElementType, check_feature
from tests.captures.reader import capture

HERE = [9.95, 50.49]


def feature(kind: str, coordinates: Any, **more: Any) -> dict[str, Any]:
    return {"type": "Feature", "properties": {}, "geometry": {"type": kind, "coordinates": coordinates}, **more}


def refused(value: Any) -> HubError:
    with pytest.raises(HubError) as caught:
        check_feature(value)
    assert caught.value.code is Code.BAD_INPUT
    return caught.value


def test_a_pilots_point_stays_as_it_is() -> None:
    content = capture("ws-map-element-create")["payload"]["data"]["resource"]["content"]
    assert check_feature(content) == (ElementType.POINT, content)


@pytest.mark.parametrize(
    ("kind", "coordinates", "found"),
    [
        ("Point", [9.95, 50.49, 996.4], ElementType.POINT),
        ("LineString", [HERE, [9.96, 50.5]], ElementType.LINE),
        ("Polygon", [[HERE, [9.96, 50.49], [9.96, 50.5]]], ElementType.POLYGON),
        ("Polygon", [[HERE, [9.96, 50.49], [9.96, 50.5], HERE]], ElementType.POLYGON),
    ],
)
def test_points_lines_and_polygons_are_taken(kind: str, coordinates: Any, found: ElementType) -> None:
    assert check_feature(feature(kind, coordinates)) == (found, feature(kind, coordinates))


def test_numbers_that_came_as_text_leave_as_numbers() -> None:
    _, content = check_feature(feature("Point", ["9.95", "50.49", "996.4"]))
    assert content["geometry"]["coordinates"] == [9.95, 50.49, 996.4]


def test_what_else_a_feature_has_is_kept() -> None:
    given = feature("Point", HERE, bbox=[1, 2, 3, 4])
    given["properties"] = {"color": "#2D8CF0", "clampToGround": True, "newer": {"a": [1]}}
    assert check_feature(given)[1] == given


def test_missing_properties_become_an_empty_object() -> None:
    assert check_feature({"geometry": {"type": "Point", "coordinates": HERE}})[1] == feature("Point", HERE)


@pytest.mark.parametrize(
    "coordinates",
    [
        None,
        [],
        [9.95],
        [9.95, 50.49, 1.0, 2.0],
        [180.1, 0],
        [0, -90.1],
        [0, 0, 100_001],
        ["nan", 0],
        ["inf", 0],
        ["east", 0],
        [True, 0],
        [None, 0],
        [[1], 0],
        {"lon": 1},
        "9,50",
        [10**400, 0],
    ],
)
def test_a_position_off_the_globe_or_none_at_all_is_refused(coordinates: Any) -> None:
    refused(feature("Point", coordinates))


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        "Feature",
        {},
        {"type": "FeatureCollection", "features": []},
        {"type": "Feature", "geometry": None},
        feature("MultiPoint", [HERE]),
        feature("Circle", HERE),
        {"type": "Feature", "geometry": {"type": ["Point"], "coordinates": HERE}},
        {**feature("Point", HERE), "properties": "red"},
        feature("LineString", [HERE]),
        feature("LineString", HERE),
        feature("Polygon", [[HERE, HERE]]),
        feature("Polygon", []),
        feature("Polygon", [HERE]),
        feature("Polygon", [5]),
    ],
)
def test_what_is_no_feature_of_these_is_refused(value: Any) -> None:
    refused(value)


def test_the_number_of_positions_is_bounded_over_all_rings() -> None:
    check_feature(feature("LineString", [HERE] * MAX_POSITIONS))
    refused(feature("LineString", [HERE] * (MAX_POSITIONS + 1)))
    ring = [HERE] * (MAX_POSITIONS // 2)
    check_feature(feature("Polygon", [ring, ring]))
    refused(feature("Polygon", [ring, ring, ring]))


_json = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(
    st.one_of(
        _json,
        st.builds(feature, st.sampled_from(["Point", "LineString", "Polygon"]), _json),
    )
)
def test_anything_is_a_feature_or_bad_input(value: Any) -> None:
    refusal, content = None, None
    try:
        _, content = check_feature(value)
    except HubError as error:
        refusal = error.code
    assert refusal in (None, Code.BAD_INPUT)
    if content is not None:
        flat = orjson.dumps(content["geometry"]["coordinates"])
        assert b"null" not in flat
        assert b'"' not in flat
