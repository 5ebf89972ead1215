"""Reader of stacks of unwrapped interferograms."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import layouts
import numpy as np
import pytest

from subside.errors import InputFileError, InputRepairWarning, UnknownQuantityWarning
from subside.io.stacks import open_stack

PAIRS = [(0, 1), (0, 2), (1, 2), (2, 3), (1, 4), (3, 4)]


@pytest.fixture(scope="module")
def truth():
    return layouts.make_truth(seed=7)


@pytest.fixture(scope="module", params=["tif", "raw"])
def tree(truth, request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("unwrapped") / "tree"
    return layouts.write_unwrapped_tree(truth, folder, PAIRS, kind=request.param)


def copy(tree: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tree, tmp_path / "copy"))


def test_phases_coherence_and_signs(truth, tree):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = open_stack("unwrapped", [tree])
    assert source.dates == truth.dates
    assert [tuple(p) for p in source.pairs] == sorted(PAIRS)
    assert source.wavelength == pytest.approx(layouts.WAVELENGTH, rel=1e-9)
    h, r, e = truth.target_height, layouts.NEAR + layouts.SPACING * 30, layouts.EARTH
    incidence = np.arccos((layouts.ORBIT**2 - e**2 - r**2) / (2 * e * r))
    largest = 0.0
    for k, (i, j) in enumerate(source.pairs):
        read = np.concatenate([source.read_unwrapped(k, s) for s in (slice(0, 9), slice(9, 24))])
        expected = layouts.unwrapped_phase(truth, i, j)
        assert np.all(np.isnan(read[0, :3])) and np.count_nonzero(np.isnan(read)) == 3
        np.testing.assert_allclose(read[1:], expected[1:], rtol=1e-6)
        # Sinking, range grows, phase grows.
        assert read[20, 20] - 0.3 == pytest.approx(layouts.K * (truth.sunk[j] - truth.sunk[i]), abs=1e-5)
        assert read[20, 20] > 0.3
        raised = read[15, 30] - read[15, 29]
        predicted = layouts.K * source.bperp[k].mean() * h / (r * np.sin(incidence))
        assert raised == pytest.approx(predicted, abs=0.02 + 0.02 * abs(predicted))
        largest = max(largest, abs(predicted))
        np.testing.assert_allclose(source.read_coherence(k, slice(1, 4)), 0.6, rtol=1e-6)
    assert largest > 0.3


def test_geometry(truth, tree):
    source = open_stack("unwrapped", [tree])
    rows = slice(4, 8)
    g = {n: r(rows) for n, r in source.geometry.items()}
    np.testing.assert_allclose(g["longitude"], truth.longitude[rows], atol=1e-8)
    np.testing.assert_allclose(g["latitude"], truth.latitude[rows], atol=1e-8)
    np.testing.assert_allclose(g["height"], truth.height[rows], rtol=1e-6)
    np.testing.assert_allclose(g["incidence_angle"], layouts.incidence_at(truth)[rows], atol=1e-6)
    assert np.all(g["los_east"] < -0.4) and np.all(g["los_north"] < 0)


def test_reversed_pair_and_toward_convention(truth, tree, tmp_path):
    other = copy(tree, tmp_path)
    whole = open_stack("unwrapped", [tree])
    a, b = truth.dates[1], truth.dates[2]
    for path in list(other.rglob(f"{a}-{b}*")):
        path.rename(path.with_name(path.name.replace(f"{a}-{b}", f"{b}-{a}")))
    source = open_stack("unwrapped", [other])
    assert np.array_equal(source.pairs, whole.pairs)
    k = [tuple(p) for p in source.pairs].index((1, 2))
    rows = slice(2, 24)
    np.testing.assert_array_equal(source.read_unwrapped(k, rows), -whole.read_unwrapped(k, rows))
    np.testing.assert_allclose(source.bperp[k], -whole.bperp[k])
    toward = open_stack("unwrapped", [tree], positive_phase="toward")
    np.testing.assert_array_equal(toward.read_unwrapped(0, rows), -whole.read_unwrapped(0, rows))
    np.testing.assert_allclose(toward.bperp, whole.bperp)


def test_what_is_missing_is_unknown(tree, tmp_path):
    bare = copy(tree, tmp_path)
    for path in [*bare.rglob("*slc.par"), *bare.rglob("*base.par"), *bare.rglob("*dem.tif"), next(bare.rglob("*cc*"))]:
        path.unlink()
    with pytest.raises(InputFileError, match="S113"):
        open_stack("unwrapped", [bare])
    with pytest.warns(UnknownQuantityWarning):
        source = open_stack("unwrapped", [bare], wavelength=0.056)
    assert {f.code for f in source.findings} == {"W201", "W202", "W204", "W206"}
    assert source.bperp is None and source.read_coherence is None
    assert set(source.geometry) == {"longitude", "latitude"}


def test_excluded_date(truth, tree):
    source = open_stack("unwrapped", [tree], exclude_dates=[truth.dates[0]])
    assert source.dates == truth.dates[1:]
    assert [tuple(p) for p in source.pairs] == [(0, 1), (0, 3), (1, 2), (2, 3)]


def first(tree, pattern):
    return sorted(tree.rglob(pattern))[0]


def test_broken_geotiffs(truth, tmp_path):
    tree = layouts.write_unwrapped_tree(truth, tmp_path / "t", PAIRS)
    path = first(tree, "*unw.tif")
    whole = path.read_bytes()

    def code(file=path):
        with pytest.raises(InputFileError) as caught:
            open_stack("unwrapped", [tree])
        assert file.name in caught.value.file
        return caught.value.code

    path.write_bytes(whole[: len(whole) // 2])
    assert code() in ("S103", "S109")
    path.write_bytes(b"not a raster")
    assert code() == "S109"
    layouts.write_tiff(path, np.zeros(truth.shape, np.float32), has_position=True)
    assert code() == "S106"
    layouts.write_tiff(path, np.full(truth.shape, np.nan, np.float32), has_position=True)
    assert code() == "S108"
    layouts.write_tiff(path, np.ones((5, 6), np.float32), has_position=True)
    assert code(first(tree, "*20200130*unw.tif")) == "S104"
    path.write_bytes(whole)
    lookup = first(tree, "*.lt")
    lookup.write_bytes(lookup.read_bytes()[:-4])
    assert code(lookup) == "S103"


def test_broken_raw(truth, tmp_path):
    tree = layouts.write_unwrapped_tree(truth, tmp_path / "t", PAIRS, kind="raw")
    path = first(tree, "*.unw")
    whole = path.read_bytes()

    def code(file=path):
        with pytest.raises(InputFileError) as caught:
            open_stack("unwrapped", [tree])
        assert file.name in caught.value.file
        return caught.value.code

    path.write_bytes(whole[:-4])
    assert code() == "S103"
    path.write_bytes(whole + bytes(4))
    assert code() == "S104"
    np.frombuffer(whole, ">f4").astype("<f4").tofile(path)
    assert code() == "S105"
    path.write_bytes(whole)
    first(tree, "*dem.par").unlink()
    assert code() == "S115"


def test_contradicting_tags_are_reported(truth, tmp_path):
    tree = layouts.write_unwrapped_tree(truth, tmp_path / "t", PAIRS)
    path = first(tree, "*unw.tif")
    tags = {"WAVELENGTH_METRES": 0.0561, "INCIDENCE_DEGREES": 20.0}
    layouts.write_tiff(path, layouts.unwrapped_phase(truth, 0, 1), has_position=True, tags=tags)
    with pytest.warns(InputRepairWarning):
        source = open_stack("unwrapped", [tree])
    assert {f.code for f in source.findings} == {"W108", "W110"}
    assert source.wavelength == pytest.approx(layouts.WAVELENGTH)


def test_mostly_empty_map_is_accepted(truth, tmp_path):
    """A geocoded frame may cover less than half of its grid: no data is not a defect."""
    tree = layouts.write_unwrapped_tree(truth, tmp_path / "t", PAIRS)
    path = first(tree, "*unw.tif")
    phase = layouts.unwrapped_phase(truth, 0, 1)
    phase[:, :30] = 0
    layouts.write_tiff(path, phase, has_position=True)
    source = open_stack("unwrapped", [tree])
    assert np.isnan(source.read_unwrapped(0, slice(0, 24))).mean() == pytest.approx(0.75)


def test_nothing_unwrapped(tmp_path):
    with pytest.raises(InputFileError, match="S101"):
        open_stack("unwrapped", [tmp_path])
