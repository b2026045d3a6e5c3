"""Elevation models in a folder."""

import os
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from ofh.backends.elevation import ElevationFolder
from ofh.backends.geoid import GeoidGrid
from ofh.backends.geotiff import GeoTiff, RasterError
from tests.support.rasters import write_geotiff, write_hgt

GLO = "Copernicus_DSM_COG_10_{}_00_{}_00_DEM.tif"


def hill(longitude: Any, latitude: Any) -> NDArray[np.float64]:
    """Ground that a bilinear surface follows exactly between posts of any spacing: no product of squares."""
    return np.asarray(500 + 80 * (longitude % 360) % 300 - 60 * latitude + 0 * longitude, float)


def waves(longitude: Any, latitude: Any) -> NDArray[np.float64]:
    return np.asarray(700 + 90 * np.sin(longitude * 40) + 70 * np.cos(latitude * 55))


def srtm(
    folder: Path, name: str, ground: Callable[[Any, Any], NDArray[np.float64]], *, side: int = 1_201
) -> NDArray[np.float64]:
    """A tile of SRTM; what it holds."""
    south = int(name[1:3]) * (1 if name[0] == "N" else -1)
    west = int(name[4:7]) * (1 if name[3] == "E" else -1)
    step = 1 / (side - 1)
    longitudes, latitudes = np.meshgrid(west + np.arange(side) * step, south + 1 - np.arange(side) * step)
    posts = np.rint(ground(longitudes, latitudes))
    write_hgt(folder / f"{name}.hgt", posts)
    return posts


def glo(folder: Path, south: int, west: int, columns: int, *, rows: int = 720, **more: Any) -> Path:
    """A tile as Copernicus gives it out: a tie at the corner, half a step before the first post on the degree."""
    step_x, step_y = 1 / columns, 1 / rows
    longitudes, latitudes = np.meshgrid(west + np.arange(columns) * step_x, south + 1 - np.arange(rows) * step_y)
    posts = waves(longitudes, latitudes).astype(np.float32)
    name = GLO.format(f"{'N' if south >= 0 else 'S'}{abs(south):02}", f"{'E' if west >= 0 else 'W'}{abs(west):03}")
    return write_geotiff(
        folder / name,
        posts,
        west=west - step_x / 2,
        north=south + 1 + step_y / 2,
        step_x=step_x,
        step_y=step_y,
        tile=256,
        **more,
    )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def opened() -> Iterator[Callable[[Path], ElevationFolder]]:
    """Opens models, and closes them again."""
    models: list[ElevationFolder] = []

    def open_model(folder: Path) -> ElevationFolder:
        models.append(ElevationFolder(folder))
        return models[-1]

    yield open_model
    for model in models:
        model.close()


Opened = Callable[[Path], ElevationFolder]


def test_between_posts_of_srtm_it_is_bilinear(folder: Path, opened: Opened) -> None:
    posts = srtm(folder, "N47E012", waves)
    model = opened(folder)
    surface = model.around(12.43, 47.61, 5_000)
    assert surface is not None
    generator = np.random.default_rng(1)
    longitudes, latitudes = 12.43 + generator.uniform(-0.06, 0.06, 500), 47.61 + generator.uniform(-0.04, 0.04, 500)
    x, y = (longitudes - 12) * 1_200, (48 - latitudes) * 1_200
    for found, i, j in zip(surface.elevations(longitudes, latitudes), x, y, strict=True):
        west, north = int(i), int(j)
        f, g = i - west, j - north
        four = posts[north : north + 2, west : west + 2]
        expected = (four[0, 0] * (1 - f) + four[0, 1] * f) * (1 - g) + (four[1, 0] * (1 - f) + four[1, 1] * f) * g
        assert found == pytest.approx(expected, abs=1e-3)
    assert surface.post_m == pytest.approx(62, abs=1)  # three seconds of arc eastwards
    assert model.elevation(12.43, 47.61) == pytest.approx(
        float(surface.elevations(np.array([12.43]), np.array([47.61]))[0])
    )


@pytest.mark.parametrize(("south", "columns"), [(47, 720), (51, 480), (-34, 720)])
def test_tiles_of_copernicus_are_read_where_they_say_they_are(
    folder: Path, opened: Opened, south: int, columns: int
) -> None:
    glo(folder, south, 12, columns)
    model = opened(folder)
    surface = model.around(12.5, south + 0.5, 5_000)
    assert surface is not None
    generator = np.random.default_rng(1)
    longitudes, latitudes = (
        12.5 + generator.uniform(-0.05, 0.05, 500),
        south + 0.5 + generator.uniform(-0.04, 0.04, 500),
    )
    # 150 m between posts, of waves of 12 km: bilinear is right to some decimetres
    assert np.abs(surface.elevations(longitudes, latitudes) - waves(longitudes, latitudes)).max() < 0.5


def test_a_window_over_several_tiles_and_rows_of_other_spacing_has_no_seam(folder: Path, opened: Opened) -> None:
    for west in (11, 12):
        glo(folder, 49, west, 720)
        glo(folder, 50, west, 480)
    surface = opened(folder).around(12.0003, 49.9998, 4_000)
    assert surface is not None
    longitudes, latitudes = np.meshgrid(np.linspace(11.95, 12.05, 301), np.linspace(49.97, 50.03, 301))
    assert np.abs(surface.elevations(longitudes, latitudes) - waves(longitudes, latitudes)).max() < 0.5


def test_longitudes_go_on_through_the_antimeridian(folder: Path, opened: Opened) -> None:
    srtm(folder, "S17E179", hill)
    srtm(folder, "S17W180", hill)
    surface = opened(folder).around(179.999, -16.5, 5_000)
    assert surface is not None
    longitudes, latitudes = np.linspace(179.96, 180.04, 81), np.full(81, -16.5)
    assert np.abs(surface.elevations(longitudes, latitudes) - hill(longitudes, latitudes)).max() < 1
    other = opened(folder).around(-179.999, -16.5, 5_000)
    assert other is not None
    assert np.abs(other.elevations(longitudes - 360, latitudes) - hill(longitudes, latitudes)).max() < 1


def test_a_missing_tile_is_sea_beside_another_and_else_unknown(folder: Path, opened: Opened) -> None:
    srtm(folder, "N47E012", lambda longitude, latitude: np.full(longitude.shape, 300.0))
    model = opened(folder)
    assert model.elevation(12.5, 47.5) == 300
    assert model.elevation(11.5, 47.5) == 0
    assert model.elevation(13.5, 48.5) == 0
    assert model.elevation(20.5, 47.5) is None
    assert model.around(20.5, 47.5, 5_000) is None
    coast = model.around(12.01, 47.5, 5_000)
    assert coast is not None
    assert coast.elevations(np.array([11.99, 12.0, 12.02]), np.full(3, 47.5)).tolist() == [0, 300, 300]
    # the post on the southern degree belongs to this tile, too
    assert model.elevation(12.5, 47.0) == 300


def test_a_void_is_sea_beside_another_tile_and_makes_a_lone_one_unknown_there(folder: Path, opened: Opened) -> None:
    posts = srtm(folder, "N47E012", waves)
    posts[600, 600] = -32_768
    write_hgt(folder / "N47E012.hgt", posts)
    alone = opened(folder)
    assert alone.elevation(12.5, 47.5) is None
    assert alone.around(12.49, 47.5, 2_000) is None
    assert alone.around(12.3, 47.3, 2_000) is not None
    srtm(folder, "N47E013", waves)
    beside = opened(folder).around(12.49, 47.5, 2_000)
    assert beside is not None
    assert beside.elevations(np.array([12.5]), np.array([47.5]))[0] == pytest.approx(0, abs=1)


def test_a_wide_range_is_held_by_two_windows_within_bounds(folder: Path, opened: Opened) -> None:
    for south, west, side in ((47, 12, 3_601), (47, 13, 1_201)):
        srtm(folder, f"N{south}E{west:03}", waves, side=side)
    surface: Any = opened(folder).around(12.7, 47.5, 60_000)
    assert surface is not None
    assert sum(window.posts.nbytes for window in surface._windows) < 40 * 1024 * 1024
    near = np.array([12.7, 12.71]), np.array([47.5, 47.52])
    far = np.array([13.4, 12.1]), np.array([47.5, 47.9])
    assert np.abs(surface.elevations(*near) - waves(*near)).max() < 1
    assert np.abs(surface.elevations(*far) - waves(*far)).max() < 3


def test_inflated_blocks_are_kept_within_a_bound(folder: Path, opened: Opened) -> None:
    glo(folder, 47, 12, 720)
    model = opened(folder)
    model._blocks._most = 600_000  # of some 256 kB each
    for longitude in np.arange(12.1, 13, 0.1):
        assert model.around(float(longitude), 47.5, 5_000) is not None
    assert 0 < model._blocks._bytes <= 600_000


def test_the_identity_changes_with_the_files_and_the_model_with_it(folder: Path, opened: Opened) -> None:
    srtm(folder, "N47E012", lambda longitude, latitude: np.full(longitude.shape, 300.0))
    model = opened(folder)
    before = model.identity()
    assert before == model.identity() == opened(folder).identity()
    assert model.elevation(12.5, 47.5) == 300
    path = folder / "N47E012.hgt"
    srtm(folder, "N47E012", lambda longitude, latitude: np.full(longitude.shape, 400.0))
    os.utime(path, ns=(1, before.files + 1))
    assert model.identity() != before
    assert model.elevation(12.5, 47.5) == 400


def test_files_lie_where_they_like_and_others_are_passed_by(folder: Path, opened: Opened) -> None:
    deep = folder / "europe" / "Copernicus_DSM_COG_10_N47_00_E012_00_DEM"
    deep.mkdir(parents=True)
    srtm(deep, "N47E012", lambda longitude, latitude: np.full(longitude.shape, 300.0))
    (folder / "README.txt").write_text("N48E012")
    (folder / "N99E012.hgt").write_bytes(b"")
    model = opened(folder)
    assert model.identity().files == 1
    assert model.elevation(12.5, 47.5) == 300
    assert opened(folder / "absent").identity().files == 0


# Damaged and hostile files


@pytest.mark.parametrize("content", [b"", b"II*\0", bytes(100), b"\xff" * 3_000_000])
@pytest.mark.parametrize("name", ["N47E012.hgt", "N47E012.tif"])
def test_a_file_that_cannot_be_read_is_no_sea(folder: Path, opened: Opened, name: str, content: bytes) -> None:
    srtm(folder, "N47E013", waves)
    (folder / name).write_bytes(content)
    model = opened(folder)
    assert model.elevation(12.5, 47.5) is None
    assert model.around(12.5, 47.5, 5_000) is None
    assert model.around(13.5, 47.5, 5_000) is not None


def test_a_tile_that_is_not_where_its_name_says_is_not_used(folder: Path, opened: Opened) -> None:
    path = glo(folder, 47, 12, 360, rows=360)
    path.rename(folder / GLO.format("N47", "E013"))
    assert opened(folder).elevation(13.5, 47.5) is None


def small(path: Path, **more: Any) -> Path:
    posts = waves(*np.meshgrid(np.linspace(12, 13, 100), np.linspace(48, 47, 90))).astype(np.float32)
    return write_geotiff(path, posts, west=12, north=48, step_x=0.01, step_y=1 / 90, tile=64, **more)


@settings(max_examples=40)
@given(st.data())
def test_no_bytes_of_a_file_do_harm(data: st.DataObject) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as name:
        path = small(Path(name, "a.tif"))
        content = bytearray(path.read_bytes())
        for _ in range(data.draw(st.integers(1, 6))):
            content[data.draw(st.integers(0, 400))] = data.draw(st.integers(0, 255))
        path.write_bytes(content[: data.draw(st.integers(0, len(content)))] if data.draw(st.booleans()) else content)
        try:
            tiff = GeoTiff(path)
        except RasterError:
            return
        try:
            block = tiff.block(0, 0)
            assert block.size <= 16 * 1024 * 1024
        except RasterError:
            pass
        finally:
            tiff.close()


def test_what_inflates_beyond_its_block_is_cut_off(folder: Path) -> None:
    path = small(folder / "a.tif", predictor=1)
    content = path.read_bytes()
    tiff = GeoTiff(path)
    offset, length = tiff._offsets[0], tiff._lengths[0]
    bomb = zlib.compress(bytes(30_000_000), 9)
    assert len(bomb) > length
    path.write_bytes(content[:offset] + bomb)
    tiff._lengths = (len(bomb), *tiff._lengths[1:])
    assert tiff.block(0, 0).shape == (64, 64)
    tiff.close()


# GeoTIFF


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"predictor": 1},
        {"predictor": 1, "is_deflated": False},
    ],
)
def test_what_is_read_is_what_another_reader_reads(folder: Path, more: dict[str, Any]) -> None:
    path = small(folder / "a.tif", **more)
    with Image.open(path) as image:
        expected = np.asarray(image)
    tiff = GeoTiff(path)
    found = np.block([[tiff.block(row, column) for column in range(2)] for row in range(2)])
    tiff.close()
    assert found.shape == (90, 100)
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("predictor", [1, 3])
def test_the_order_of_bytes_is_the_files_own(folder: Path, predictor: int) -> None:
    blocks = []
    for order in "<>":
        tiff = GeoTiff(small(folder / "a.tif", order=order, predictor=predictor))
        blocks.append(tiff.block(1, 1))
        tiff.close()
    assert np.array_equal(*blocks)


def test_whole_numbers_strips_and_no_data_are_understood(folder: Path) -> None:
    posts = np.arange(90 * 100).reshape(90, 100).astype(np.int16)
    path = write_geotiff(
        folder / "a.tif", posts, west=12, north=48, step_x=0.01, step_y=0.01, tile=None, predictor=2, no_data="7"
    )
    tiff = GeoTiff(path)
    found = np.concatenate([tiff.block(0, 0), tiff.block(1, 0)])
    tiff.close()
    assert np.isnan(found[0, 7])
    assert np.array_equal(np.nan_to_num(found, nan=7), posts)


def test_a_tie_is_a_corner_of_an_area_and_the_middle_of_a_point(folder: Path) -> None:
    area, point = GeoTiff(small(folder / "a.tif")), GeoTiff(small(folder / "b.tif", is_point=True))
    assert (area.lattice.west, point.lattice.west) == (pytest.approx(12.005), pytest.approx(12))
    assert (area.lattice.north, point.lattice.north) == (pytest.approx(48 - 1 / 180), pytest.approx(48))
    area.close()
    point.close()


# Geoids


def undulation(longitude: Any, latitude: Any) -> NDArray[np.float64]:
    return np.asarray(
        40 * np.cos(np.radians(longitude)) * np.cos(np.radians(latitude)) + 10 * np.sin(np.radians(latitude))
    )


def written_geoid(folder: Path, form: str) -> Path:
    path = folder / f"geoid.{form}"
    if form == "pgm":
        posts = undulation(*np.meshgrid(np.arange(720) / 2, 90 - np.arange(361) / 2))
        head = b"P5\n# Geoid file\n# Offset -108\n# Scale 0.003\n720 361\n65535\n"
        path.write_bytes(head + np.rint((posts + 108) / 0.003).astype(">u2").tobytes())
    elif form == "gtx":
        posts = undulation(*np.meshgrid(-180 + np.arange(720) / 2, -90 + np.arange(361) / 2))
        head = np.array([-90, -180, 0.5, 0.5], ">f8").tobytes() + np.array([361, 720], ">i4").tobytes()
        path.write_bytes(head + posts.astype(">f4").tobytes())
    else:
        posts = undulation(*np.meshgrid(-180 + np.arange(720) / 2, 90 - np.arange(361) / 2)).astype(np.float32)
        write_geotiff(path, posts, west=-180, north=90, step_x=0.5, step_y=0.5, is_point=True)
    return path


@pytest.mark.parametrize("form", ["pgm", "gtx", "tif"])
def test_a_geoid_is_read_in_three_forms(folder: Path, form: str) -> None:
    geoid = GeoidGrid(written_geoid(folder, form))
    for longitude, latitude in [(12.3, 47.2), (-179.9, 10), (179.9, -60), (0.1, 89.99), (359.9, -89.9), (180.3, 5.1)]:
        assert geoid.undulation(longitude, latitude) == pytest.approx(float(undulation(longitude, latitude)), abs=0.01)


@pytest.mark.parametrize("name", ["geoid.pgm", "geoid.gtx", "geoid.tif", "geoid.txt"])
@pytest.mark.parametrize(
    "content", [b"", b"P5\n# Offset -108\n# Scale 0.003\n720 361\n65535\n", bytes(40), b"\xff" * 4_000]
)
def test_what_is_no_geoid_is_refused(folder: Path, name: str, content: bytes) -> None:
    (folder / name).write_bytes(content)
    with pytest.raises(RasterError):
        GeoidGrid(folder / name)
