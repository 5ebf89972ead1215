"""The reader on real annotations (IPF 2.36 to 3.91) and on synthetic products with truth."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import pytest

from subside.errors import InputFileError
from subside.io.acquisitions import acquisition_from_json, acquisition_to_json
from subside.io.orbits import choose_orbit
from subside.io.safe import (
    burst_footprints,
    burst_synchronisation,
    open_burst,
    read_acquisitions,
    read_geolocation,
    read_slices,
)
from subside.io.safe.numbering import burst_numbers, node_offset, settle_node

pytestmark = pytest.mark.data

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
ANNOTATION, SYNTHETIC = DATA / "sentinel1-annotation", DATA / "safe-synthetic"


@pytest.fixture(scope="module", autouse=True)
def _data():
    if not ANNOTATION.is_dir():
        pytest.skip(f"no data in {ANNOTATION}; set SUBSIDE_DATA")


@pytest.fixture(scope="module")
def slices():
    return {p: read_slices([ANNOTATION], polarisation=p, is_measured=False) for p in ("VV",)}["VV"]


def read(*names, **options):
    return read_acquisitions([ANNOTATION / n for n in names], is_measured=False, **options)


def test_every_annotation_is_read(slices):
    assert len(slices) == 17
    assert {s.manifest.ipf_version for s in slices} == {
        *("002.36", "002.91", "003.10", "003.20", "003.40", "003.52", "003.91")
    }
    assert {s.mission for s in slices} == {"S1A", "S1B"}
    single = [s for s in slices if s.mission == "S1B"]
    assert all(list(s.annotations) == ["IW3"] for s in single), "swaths without bursts are left out"
    old = next(s for s in slices if s.manifest.ipf_version == "002.36")
    assert len(old.annotations["IW2"].orbit_time) == 30
    assert old.annotations["IW2"].fm_rate[0][1].coefficients[0] == pytest.approx(-2204.0847)


def test_computed_numbers_are_the_annotated_ones(slices):
    """Formula against annotation wherever there is one, node crossings and nodes one orbit early among them."""
    compared = 0
    for one in slices:
        if not one.is_numbered:
            continue
        earliest = min(one.annotations.values(), key=lambda a: a.bursts[0].time)
        offset = settle_node(node_offset(earliest), one.manifest.is_crossing)
        for annotation in one.annotations.values():
            bare = [_without_number(b) for b in annotation.bursts]
            blind = _replaced(annotation, bursts=tuple(bare))
            start = earliest.bursts[0].time
            computed = burst_numbers(blind, one.manifest.relative_orbit, start, offset)
            assert list(computed) == [b.burst_id for b in annotation.bursts], one.container.name
            compared += len(computed)
    assert compared > 120


def _without_number(burst):
    return _replaced(burst, burst_id=None)


def _replaced(value, **changes):
    import dataclasses

    return dataclasses.replace(value, **changes)


@pytest.mark.parametrize(
    ("folder", "track", "limit"),
    [("hyp3-isce2/slc", 108, 1.5), ("hyp3-isce2/single_burst", 174, 1.5)],
)
def test_same_ground_on_both_dates(folder, track, limit):
    acquisitions, findings = read(folder)
    assert len(acquisitions) == 2 and acquisitions[0].relative_orbit == track and findings == ()
    for name, lines in burst_synchronisation(*acquisitions).items():
        assert len(lines) == len(acquisitions[0].swaths[name].bursts)
        assert max(map(abs, lines.values())) < limit
        places = [burst_footprints(a, name) for a in acquisitions]
        for number, outline in places[0].items():
            apart = (outline - places[1][number]) * [np.cos(np.radians(outline[0, 1])), 1.0]
            assert np.linalg.norm(apart, axis=1).max() * 111_000 < 400


def test_tracks_and_old_processors_are_told_apart():
    for code, folder in (("S124", "hyp3-isce2/multi_burst"), ("S120", "s1-reader")):
        paths = sorted((ANNOTATION / folder).iterdir())
        wanted = [p for p in paths if code == "S124" or ("20141004" in p.name and p.suffix == ".zip")]
        with pytest.raises(InputFileError) as caught:
            read_acquisitions(wanted, is_measured=False)
        assert caught.value.code == code


def test_burst_merged_products_are_read_with_samples_that_differ_by_one():
    paths = sorted((ANNOTATION / "hyp3-isce2" / "multi_burst").glob("*2020*"))
    acquisitions, _ = read_acquisitions(paths, is_measured=False)
    assert [a.swaths["IW3"].samples_per_burst for a in acquisitions] == [24575, 24576]
    assert [[b.burst_id for b in a.swaths["IW2"].bursts] for a in acquisitions] == [list(range(136_229, 136_234))] * 2


def test_interference_of_a_real_report():
    (_, findings) = read("s1-reader/S1A_IW_SLC__1SDV_20230108T135249_20230108T135316_046693_0598D3_BA76.zip")
    assert [f.code for f in findings] == ["W121"] and "10 of 10 bursts" in findings[0].message


def test_missing_pixels_of_real_zips_are_refused():
    name = "S1A_IW_SLC__1SDV_20220929T201107_20220929T201137_045224_0567CE_115A.zip"
    with pytest.raises(InputFileError) as caught:
        read_acquisitions([ANNOTATION / "s1-reader" / name])
    assert caught.value.code == "S102"
    empty = "S1A_IW_SLC__1SDV_20200511T135117_20200511T135144_032518_03C421_7768.zip"
    with pytest.raises(InputFileError) as caught:
        read_acquisitions([ANNOTATION / "s1-reader" / empty])
    assert caught.value.code == "S103"


def test_tiled_compressed_measurement_of_a_real_product_is_read():
    (acquisition,), _ = read_acquisitions([ANNOTATION / "sarsen"])
    pixels = open_burst(acquisition, "IW1", 249_402)
    assert pixels.layout.offset is None and pixels.shape == (1501, 22694)
    assert pixels.read(slice(0, 4), slice(0, 5)).shape == (4, 5)


def test_json_of_a_real_acquisition():
    for acquisition in read("hyp3-isce2/slc")[0]:
        text = json.dumps(acquisition_to_json(acquisition))
        again = acquisition_from_json(json.loads(text))
        assert again.swaths == acquisition.swaths and np.array_equal(again.orbit.time, acquisition.orbit.time)
        assert len(text) < 60_000


def test_geolocation_grid_lies_on_the_lines_of_the_bursts():
    """Slope and zero of the range term of the annotated times: half the range time about the middle of IW2."""
    acquisition = read("hyp3-isce2/slc")[0][0]
    middle = acquisition.swaths["IW2"]
    zero = middle.slant_range_time + middle.samples_per_burst / 2 / middle.range_sampling_rate
    for name, swath in acquisition.swaths.items():
        grid = read_geolocation(acquisition, name)
        starts = np.array([b.time for b in swath.bursts])
        index = np.round(grid.line / swath.lines_per_burst).astype(int)
        inside = index < len(starts)
        line_time = starts[index[inside]] + (grid.slant_range_time[inside] - zero) / 2
        assert np.abs(grid.time[inside] - line_time).max() < 3e-6
        assert np.abs(swath.fast_time(grid.sample) - grid.slant_range_time).max() < 5e-11


@pytest.mark.parametrize("name", ["small", "tiny"])
def test_synthetic_products_against_their_truth(name):
    truth = json.loads((SYNTHETIC / name / "truth.json").read_text())
    acquisitions, findings = read_acquisitions([SYNTHETIC / name])
    assert findings == () and len(acquisitions) == {"small": 4, "tiny": 3}[name]
    for acquisition, date in zip(acquisitions, truth["dates"], strict=True):
        chosen, found = choose_orbit(acquisition, SYNTHETIC / name / "orbits")
        assert found == () and chosen.orbit.source == "POEORB"
        assert chosen.date == date["date"] and date["eof"].endswith(chosen.orbit.file)
        for swath, values in chosen.swaths.items():
            told = date["swaths"][swath]
            starts = [(b.time, b.first_line, b.first_sample) for b in values.bursts]
            lines, samples = told["valid_lines"], told["valid_samples"]
            assert starts == [(t, lines[0], samples[0]) for t in told["burst_start_annotated"]]
            assert {(b.last_line, b.last_sample) for b in values.bursts} == {(lines[1], samples[1])}
            assert values.slant_range_time == pytest.approx(told["tau0_annotated"], rel=1e-15)
            for burst in values.bursts:
                pixels = open_burst(chosen, swath, burst.burst_id).read()
                assert not pixels[: burst.first_line].any() and not pixels[burst.last_line + 1 :].any()
                inner = pixels[burst.first_line : burst.last_line + 1, burst.first_sample : burst.last_sample + 1]
                assert np.count_nonzero(inner) > 0.99 * inner.size
