"""Products written and read back: by the schemas of real ones, by this package's reader, and by GDAL."""

from __future__ import annotations

import hashlib
import io
import os
import re
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rich.console import Console

sys.path.insert(0, str(Path(__file__).parents[1]))

from subside.errors import ArgumentError
from subside.io.dem import open_dem, stated_datum
from subside.io.orbits import choose_orbit
from subside.io.safe import open_burst, read_acquisitions, read_geolocation
from subside.io.safe_writer import SafeFolder
from subside.ops.orbit_arc import leave_one_out
from subside.ops.simulate.tops import TopsTrack
from subside.stages.simulating_safe import describe_product, simulate_safe
from xsd import Schema

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
SUPPORT = DATA / "sentinel1-annotation/hyp3-isce2/slc"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, TopsTrack]:
    out = tmp_path_factory.mktemp("safe")
    console = Console(file=io.StringIO())
    return out, simulate_safe(out, "safe-tiny", size=None, dates=2, seed=4, console=console)


@pytest.fixture(scope="module")
def schemas() -> dict[str, Schema]:
    found = sorted(SUPPORT.glob("*C7D4.SAFE/support/s1-level-1-product.xsd"))
    if not found:
        pytest.skip(f"no schemas in {SUPPORT}; set SUBSIDE_DATA")
    return {name: Schema(found[0].with_name(f"s1-level-1-{name}.xsd")) for name in ("product", "calibration", "noise")}


@pytest.mark.data
def test_annotation_is_valid_by_the_schemas_of_real_products(written, schemas) -> None:
    checked = set()
    for file in sorted(written[0].glob("*.SAFE/annotation/**/*.xml")):
        root = ET.parse(file).getroot()
        assert schemas[root.tag].faults(root) == []
        checked.add(root.tag)
    assert checked == {"product", "calibration", "noise"}


@pytest.mark.data
def test_the_schema_check_finds_faults_and_passes_real_products(written, schemas) -> None:
    for file in sorted(SUPPORT.glob("*C7D4.SAFE/annotation/s1a-iw*.xml")):
        assert schemas["product"].faults(ET.parse(file).getroot()) == []
    file = min(written[0].glob("*.SAFE/annotation/*.xml"))
    text = file.read_text()
    for old, new in (
        ("<rank>8</rank>", ""),
        ("<pass>Ascending</pass>", "<pass>Up</pass>"),
        ("<rank>8", "<rank>8.5"),
        ("<dataTakeId>", "<dataTakeId>99"),
        ("<swath>IW2</swath>", "<swath>IW2</swath><more/>"),
        ("<startTime>2018-01-08T", "<startTime>2018-01-08 "),
    ):
        assert old in text
        assert len(schemas["product"].faults(ET.fromstring(text.replace(old, new, 1)))) >= 1, old


def test_what_is_read_is_what_was_written(written) -> None:
    out, track = written
    acquisitions, findings = read_acquisitions([out])
    assert findings == () and len(acquisitions) == 2
    for read, given in zip(acquisitions, track.acquisitions, strict=True):
        assert read.date == given.date and read.epoch == given.epoch
        for name in ("mission", "relative_orbit", "absolute_orbit", "is_ascending", "polarisation", "ipf_version"):
            assert getattr(read, name) == getattr(given, name), name
        assert read.radar_frequency == given.radar_frequency
        for name, swath in given.swaths.items():
            other = read.swaths[name]
            for key in ("slant_range_time", "range_sampling_rate", "azimuth_time_interval", "steering_rate"):
                assert getattr(other, key) == pytest.approx(getattr(swath, key), rel=1e-15), key
            for mine, theirs in zip(swath.bursts, other.bursts, strict=True):
                kept = replace(theirs, file="")
                assert kept.time == pytest.approx(mine.time, abs=1e-9)
                assert kept.sensing_time == pytest.approx(mine.sensing_time, abs=1e-9)
                assert replace(kept, time=mine.time, sensing_time=mine.sensing_time) == mine


def test_pixels_come_back_and_gdal_agrees(written, tmp_path: Path) -> None:
    _, track = written
    acquisition = track.acquisitions[0]
    folder = SafeFolder(tmp_path, describe_product(acquisition, track.given_dem, node_time=track.node_times[0]))
    swath = acquisition.swaths["IW2"]
    rng = np.random.default_rng(0)
    shape = (2, swath.lines_per_burst, swath.samples_per_burst, 2)
    pixels = rng.integers(-32767, 32767, shape, dtype=np.int16, endpoint=True)
    for burst in (1, 0):
        for part in (slice(96, swath.samples_per_burst), slice(0, 96)):
            folder.write("IW2", burst, samples=part, pixels=pixels[burst][:, part])
    folder.finish()
    read = read_acquisitions([tmp_path])[0][0]
    wanted = pixels.astype(np.float32).view(np.complex64)[..., 0]
    for burst, record in enumerate(read.swaths["IW2"].bursts):
        source = open_burst(read, "IW2", record.burst_id)
        assert source.layout.offset is not None
        assert np.array_equal(source.read(), wanted[burst])
    file = next(folder.path.glob("measurement/*.tiff"))
    with rasterio.open(file) as image:
        assert np.array_equal(image.read(1), wanted.reshape(-1, wanted.shape[-1]))
        points, crs = image.gcps
        assert crs.to_epsg() == 4326 and len(points) == 63
    offset = int(re.findall(r"<byteOffset>(\d+)<", next(folder.path.glob("annotation/*.xml")).read_text())[0])
    assert offset == source.layout.offset


def test_geolocation_grid_lies_on_the_ground(written) -> None:
    out, track = written
    read = read_acquisitions([out])[0][0]
    grid = read_geolocation(read, "IW2")
    low, high = track.given_dem.height.min(), track.given_dem.height.max()
    assert np.all((grid.height > low) & (grid.height < high))
    assert np.ptp(grid.height) > 10.0
    assert np.all(np.abs(grid.longitude - 115.45) < 0.3) and np.all(np.abs(np.degrees(grid.incidence_angle) - 37) < 1)


def test_orbit_file_is_chosen_and_is_smooth(written) -> None:
    out, track = written
    for read, given in zip(read_acquisitions([out])[0], track.acquisitions, strict=True):
        with_orbit, findings = choose_orbit(read, out / "orbits")
        assert findings == () and with_orbit.orbit.source == "POEORB"
        at = np.searchsorted(given.orbit.time, with_orbit.orbit.time)
        assert np.allclose(given.orbit.time[at], with_orbit.orbit.time, atol=1e-6)
        assert np.abs(given.orbit.position[at] - with_orbit.orbit.position).max() < 1e-6
        assert np.abs(given.orbit.velocity[at] - with_orbit.orbit.velocity).max() < 1e-6
        assert leave_one_out(with_orbit.orbit, (read.start, read.stop)) < 1e-3
        apart = read.orbit.position - given.orbit.position[np.searchsorted(given.orbit.time, read.orbit.time - 1e-3)]
        assert np.allclose(np.linalg.norm(apart, axis=1), 0.027, atol=1e-4)


def test_elevation_model_states_its_datum(written) -> None:
    out, track = written
    assert stated_datum(out / "dem.tif") == "ellipsoid"
    dem = track.given_dem
    north, west = dem.latitude, dem.longitude
    bounds = (west + 0.01, north - 0.05, west + 0.05, north - 0.01)
    read, findings = open_dem(out / "dem.tif", bounds=bounds, vertical_datum="ellipsoid")
    assert findings == ()
    row = round((read.latitude - north) / dem.latitude_step)
    column = round((read.longitude - west) / dem.longitude_step)
    rows, columns = read.height.shape
    assert np.array_equal(read.height, dem.height[row : row + rows, column : column + columns])
    assert read.latitude == pytest.approx(north + row * dem.latitude_step, abs=1e-9)


def test_manifest_lists_every_file_with_its_sum(written) -> None:
    root = next(written[0].glob("*.SAFE"))
    streams = ET.parse(root / "manifest.safe").getroot().findall("dataObjectSection/dataObject/byteStream")
    listed = set()
    for stream in streams:
        file = root / stream.find("fileLocation").get("href")
        listed.add(file.resolve())
        assert int(stream.get("size")) == file.stat().st_size
        assert stream.findtext("checksum") == hashlib.md5(file.read_bytes()).hexdigest()
    assert listed == {p.resolve() for p in root.rglob("*") if p.is_file() and p.name != "manifest.safe"}


def test_refuses_a_folder_that_is_there_and_pixels_of_another_shape(written, tmp_path: Path) -> None:
    _, track = written
    product = describe_product(track.acquisitions[0], track.given_dem, node_time=track.node_times[0])
    folder = SafeFolder(tmp_path, product)
    with pytest.raises(ArgumentError, match="must not hold"):
        SafeFolder(tmp_path, product)
    with pytest.raises(ArgumentError, match="int16 of shape"):
        folder.write("IW2", 0, samples=slice(0, 10), pixels=np.zeros((409, 9, 2), np.int16))
