"""Elevation models: position of cells, datum, voids, cover, and the heights that are refused."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
import rasterio
from pyproj import Transformer
from rasterio import Affine

from subside.errors import ArgumentError, InputFileError
from subside.io.dem import open_dem

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
WEST, NORTH, STEP = 12.0, 42.0, 1 / 1200
BOUNDS = (12.05, 41.90, 12.15, 41.95)


def relief(latitude, longitude):
    """Linear, so that bilinear and cubic interpolation are exact: 400 m per degree each way."""
    return 300.0 + 4000.0 * (np.asarray(latitude) - 41.9) + 1500.0 * (np.asarray(longitude) - 12.1)


def write(path, values, transform, crs="EPSG:4326", tags=None, nodata=None, **more):
    profile = {"driver": "GTiff", "height": values.shape[0], "width": values.shape[1], "count": 1}
    profile |= {"dtype": values.dtype.name, "crs": crs, "transform": transform, "nodata": nodata}
    with rasterio.open(path, "w", **profile) as new:
        new.write(values, 1)
        new.update_tags(**(tags or {}))
        for name, value in more.items():
            setattr(new, name, value)
    return path


def geographic(path, *, shape=(240, 300), edit=None, dtype=np.float32, **more):
    """Cells of the relief by their centres."""
    transform = Affine(STEP, 0, WEST, 0, -STEP, NORTH)
    latitude = NORTH - (np.arange(shape[0]) + 0.5) * STEP
    longitude = WEST + (np.arange(shape[1]) + 0.5) * STEP
    values = relief(latitude[:, None], longitude).astype(dtype)
    if edit is not None:
        edit(values)
    return write(path, values, transform, **more)


def nodes(dem):
    latitude = dem.latitude + np.arange(dem.height.shape[0]) * dem.latitude_step
    longitude = dem.longitude + np.arange(dem.height.shape[1]) * dem.longitude_step
    return latitude[:, None], longitude


def opened(path, bounds=BOUNDS, vertical_datum="ellipsoid", **more):
    return open_dem(path, bounds=bounds, vertical_datum=vertical_datum, **more)


def refused(code, *args, **more):
    with pytest.raises(InputFileError) as caught:
        opened(*args, **more)
    assert caught.value.code == code, caught.value
    return str(caught.value)


@pytest.mark.parametrize("kind", ["Area", "Point"])
def test_cells_are_known_by_their_centres(tmp_path, kind):
    dem, findings = opened(geographic(tmp_path / "dem.tif", tags={"AREA_OR_POINT": kind}))
    assert findings == () and dem.height.dtype == np.float32
    assert np.abs(dem.height - relief(*nodes(dem))).max() < 1e-3
    latitude, longitude = nodes(dem)
    assert BOUNDS[0] - 5 * STEP < longitude[0] <= BOUNDS[0] and BOUNDS[2] <= longitude[-1] < BOUNDS[2] + 5 * STEP
    assert BOUNDS[1] - 5 * STEP < latitude[-1, 0] <= BOUNDS[1] and BOUNDS[3] <= latitude[0, 0] < BOUNDS[3] + 5 * STEP
    assert "ellipsoid" in dem.source and "dem.tif" in dem.source


def test_the_edge_of_the_file_may_be_the_edge_of_the_area(tmp_path):
    path = geographic(tmp_path / "dem.tif")
    with rasterio.open(path) as raster:
        dem, _ = opened(path, tuple(raster.bounds))
    assert dem.height.shape == (240, 300) and dem.latitude == pytest.approx(NORTH - STEP / 2, abs=1e-12)


@pytest.mark.parametrize("crs", ["EPSG:32632", "EPSG:3035"])
def test_other_coordinate_systems_are_warped(tmp_path, crs):
    """25 m cells of a projected grid: heights stay those of their places to a few centimetres."""
    place = Transformer.from_crs("EPSG:4326", crs, always_xy=True)
    corner = place.transform([11.98, 12.22, 11.98, 12.22], [41.85, 41.85, 42.0, 42.0])
    easting, northing = np.arange(min(corner[0]), max(corner[0]), 25), np.arange(max(corner[1]), min(corner[1]), -25)
    back = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    longitude, latitude = back.transform(*np.meshgrid(easting, northing))
    transform = Affine(25, 0, easting[0] - 12.5, 0, -25, northing[0] + 12.5)
    path = write(tmp_path / "dem.tif", relief(latitude, longitude).astype(np.float32), transform, crs)
    dem, findings = opened(path)
    assert findings == () and np.all(np.isfinite(dem.height))
    assert np.abs(dem.height - relief(*nodes(dem))).max() < 0.02
    assert dem.longitude <= BOUNDS[0] and dem.latitude >= BOUNDS[3]
    far = (12.05, 41.90, 12.5, 41.95)
    assert "in the east" in refused("S130", path, far)


def test_south_up_rasters_are_turned(tmp_path):
    latitude = 41.8 + (np.arange(240) + 0.5) * STEP
    longitude = WEST + (np.arange(300) + 0.5) * STEP
    values = relief(latitude[:, None], longitude).astype(np.float32)
    dem, _ = opened(write(tmp_path / "dem.tif", values, Affine(STEP, 0, WEST, 0, STEP, 41.8)))
    assert np.abs(dem.height - relief(*nodes(dem))).max() < 0.05


def test_scaled_heights(tmp_path):
    path = geographic(tmp_path / "dem.tif", edit=lambda v: np.copyto(v, v * 10 - 50), scales=(0.1,), offsets=(5.0,))
    dem, _ = opened(path)
    assert np.abs(dem.height - relief(*nodes(dem))).max() < 1e-2


def test_the_datum_is_never_assumed(tmp_path):
    path = geographic(tmp_path / "dem.tif")
    assert "nothing of it" in refused("S129", path, vertical_datum=None)
    refused("S129", path, vertical_datum="geoid")
    with pytest.raises(ArgumentError, match="vertical_datum"):
        opened(path, vertical_datum="EGM96")
    compound = geographic(tmp_path / "egm.tif", crs="EPSG:9707")
    assert "heights above a geoid" in refused("S129", compound, vertical_datum=None)
    refused("S129", compound)


@pytest.mark.parametrize("west", [-180.125, -0.125])
def test_undulations_are_added(tmp_path, west):
    """A grid of quarter degrees, from -180 or from 0 degrees on."""
    longitude, latitude = west + 0.125 + 0.25 * np.arange(1441), 60 - 0.25 * np.arange(161)
    grid = 48.0 + 0.5 * (latitude[:, None] - 42) - 0.25 * (longitude - 12)
    geoid = write(tmp_path / "egm.tif", grid.astype(np.float32), Affine(0.25, 0, west, 0, -0.25, 60.125))
    dem, _ = opened(geographic(tmp_path / "dem.tif"), vertical_datum="geoid", geoid=geoid)
    where = nodes(dem)
    undulation = 48.0 + 0.5 * (where[0] - 42) - 0.25 * (where[1] - 12)
    assert np.abs(dem.height - relief(*where) - undulation).max() < 1e-3
    assert "geoid of egm.tif" in dem.source
    same, _ = opened(geographic(tmp_path / "c.tif", crs="EPSG:9707"), vertical_datum="geoid", geoid=geoid)
    assert np.array_equal(same.height, dem.height)


def test_undulations_west_of_greenwich_on_a_grid_from_zero(tmp_path):
    grid = np.broadcast_to(0.1 * np.arange(1440, dtype=np.float32), (161, 1440)).copy()
    geoid = write(tmp_path / "egm.tif", grid - 100, Affine(0.25, 0, -0.125, 0, -0.25, 60.125))
    values = np.zeros((240, 300), np.float32)
    path = write(tmp_path / "dem.tif", values, Affine(STEP, 0, -100.0, 0, -STEP, NORTH))
    dem, _ = opened(path, (-99.95, 41.9, -99.85, 41.95), vertical_datum="geoid", geoid=geoid)
    assert dem.height[0, 0] == pytest.approx((360 + dem.longitude) / 0.25 * 0.1 - 100, abs=1e-3)


def test_unusable_geoid_grids_are_refused(tmp_path):
    path = geographic(tmp_path / "dem.tif")
    small = write(tmp_path / "s.tif", np.ones((8, 8), np.float32), Affine(0.25, 0, 20, 0, -0.25, 45))
    assert "must cover" in refused("S132", path, vertical_datum="geoid", geoid=small)
    raw = write(tmp_path / "r.tif", np.full((80, 80), 20_000, np.int16), Affine(0.25, 0, 2, 0, -0.25, 52))
    assert "-120 and 120" in refused("S132", path, vertical_datum="geoid", geoid=raw)
    projected = write(tmp_path / "p.tif", np.ones((8, 8), np.float32), Affine(25, 0, 5e5, 0, -25, 5e6), "EPSG:32632")
    refused("S132", path, vertical_datum="geoid", geoid=projected)
    refused("S101", path, vertical_datum="geoid", geoid=tmp_path / "absent.tif")


@pytest.mark.parametrize("value", [-32768, -9999, np.nan, 1234])
def test_small_voids_are_filled_and_large_ones_left(tmp_path, value):
    def edit(heights):
        heights[90:93, 100:104] = value
        heights[70:110, 120:160] = value

    path = geographic(tmp_path / "dem.tif", edit=edit, nodata=1234 if value == 1234 else None)
    dem, findings = opened(path)
    assert [f.code for f in findings] == ["W128", "W220"]
    assert "12 cells in 1 voids" in findings[0].message and "1600 cells" in findings[1].message
    latitude, longitude = nodes(dem)
    row, column = round((NORTH - dem.latitude) / STEP - 0.5), round((dem.longitude - WEST) / STEP - 0.5)
    unknown = np.isnan(dem.height)
    assert unknown.sum() == 1600 and unknown[70 - row : 110 - row, 120 - column : 160 - column].all()
    assert np.abs(dem.height - relief(latitude, longitude))[~unknown].max() < 4.0
    patch = (slice(90 - row, 93 - row), slice(100 - column, 104 - column))
    assert np.abs(dem.height[patch] - relief(latitude, longitude)[patch]).max() < 4.0


def test_short_integers_mark_voids_without_saying_so(tmp_path):
    def edit(heights):
        heights[90:93, 100:104] = -32768

    place = Affine(STEP, 0.0, WEST, 0, -STEP, NORTH)
    dem, findings = opened(geographic(tmp_path / "dem.tif", edit=edit, dtype=np.int16))
    assert [f.code for f in findings] == ["W128"] and np.abs(dem.height - relief(*nodes(dem))).max() < 5
    values = relief(41.9 + np.zeros((240, 300)), 12.1).astype(np.int16)
    edit(values)
    other = write(tmp_path / "o.tif", values, place, "EPSG:4258")
    dem, findings = opened(other)
    assert {f.code for f in findings} <= {"W128"} and np.nanmin(dem.height) > 200


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((11.99, 41.90, 12.15, 41.95), ["0.83 km short in the west"]),
        ((12.05, 41.79, 12.15, 41.95), ["1.11 km short in the south"]),
        ((12.05, 41.90, 12.35, 41.95), ["8.29 km short in the east"]),
        ((12.05, 41.90, 12.15, 42.50), ["55.66 km short in the north"]),
        ((11.99, 41.90, 12.35, 41.95), ["short in the west", "short in the east"]),
        ((80.0, 10.0, 80.1, 10.1), ["short in the south", "short in the east"]),
    ],
)
def test_a_dem_that_stops_short_is_refused_by_side_and_distance(tmp_path, bounds, words):
    message = refused("S130", geographic(tmp_path / "dem.tif"), bounds)
    assert all(w in message for w in words), message
    sides = sum(f"in the {s}" in message for s in ("west", "south", "east", "north"))
    assert sides == len(words)


def test_absurd_heights_are_refused(tmp_path):
    def spike(heights):
        heights[100, 100] = 12_000

    assert "12000" in refused("S131", geographic(tmp_path / "a.tif", edit=spike))
    assert "'ft'" in refused("S131", geographic(tmp_path / "b.tif", units=("ft",)))
    refused("S106", geographic(tmp_path / "c.tif", edit=lambda v: v.fill(-32768)))


def test_what_is_no_placed_raster_is_refused(tmp_path):
    refused("S101", tmp_path / "absent.tif")
    (tmp_path / "text.tif").write_text("not a raster")
    refused("S107", tmp_path / "text.tif")
    refused("S133", geographic(tmp_path / "bare.tif", crs=None))
    whole = geographic(tmp_path / "cut.tif")
    with whole.open("r+b") as file:
        file.truncate(150_000)
    refused("S107", whole)


def test_bounds_are_checked(tmp_path):
    path = geographic(tmp_path / "dem.tif")
    for bounds in ((12.1, 41.9, 12.05, 41.95), (12.05, 41.95, 12.1, 41.9), (170.0, 41.9, 190.0, 41.95)):
        with pytest.raises(ArgumentError, match="bounds"):
            opened(path, bounds)


@pytest.mark.data
@pytest.mark.parametrize("name", ["small", "tiny"])
def test_the_synthetic_dem_gives_the_heights_of_its_truth(name):
    folder = DATA / "safe-synthetic" / name
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}; set SUBSIDE_DATA")
    from scipy.ndimage import map_coordinates

    truth = np.load(folder / "truth_grid.npz")
    burst = truth.files[0].removesuffix("_line")
    latitude, longitude, height = (truth[f"{burst}_{k}"].ravel() for k in ("lat", "lon", "h"))
    with rasterio.open(folder / "dem.tif") as raster:
        whole = raster.bounds
    bounds = tuple(np.array(whole) + np.array([1, 1, -1, -1]) * 2e-3)
    dem, findings = opened(folder / "dem.tif", bounds)
    assert findings == ()
    rows, columns = nodes(dem)
    near = np.stack([latitude, longitude], axis=-1)
    inside = np.all((near > [bounds[1], bounds[0]]) & (near < [bounds[3], bounds[2]]), axis=1)
    assert inside.sum() > 200
    at = (near[inside] - [rows[0, 0], columns[0]]) / [dem.latitude_step, dem.longitude_step]
    assert np.abs(map_coordinates(dem.height, at.T, order=3) - height[inside]).max() < 0.1
