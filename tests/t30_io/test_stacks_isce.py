"""Reader of ISCE2 topsStack work directories."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import layouts
import numpy as np
import pytest
from stack_checks import assert_same_interferograms, assert_signs, read_all

from subside.errors import InputFileError, InputRepairWarning, UnknownQuantityWarning
from subside.io.stacks import open_stack


@pytest.fixture(scope="module")
def truth():
    return layouts.make_truth(reference=0, seed=3)


@pytest.fixture(scope="module")
def tree(truth, tmp_path_factory):
    return layouts.write_isce_tree(truth, tmp_path_factory.mktemp("isce") / "work")


def copy(tree: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tree, tmp_path / "copy"))


@pytest.mark.parametrize("folder", ["", "merged"])
def test_interferograms_and_signs(truth, tree, folder):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = open_stack("isce2", [tree / folder])
    assert source.dates == truth.dates
    assert source.reference_date == truth.dates[0]
    assert_same_interferograms(read_all(source), truth)
    assert_signs(source, truth)


def test_virtual_images(truth, tmp_path):
    tree = layouts.write_isce_tree(truth, tmp_path / "work", is_virtual=True)
    assert_same_interferograms(read_all(open_stack("isce2", [tree])), truth)


def test_geometry(truth, tree):
    source = open_stack("isce2", [tree])
    rows = slice(2, 11)
    g = {n: r(rows) for n, r in source.geometry.items()}
    np.testing.assert_allclose(g["longitude"], truth.longitude[rows])
    np.testing.assert_allclose(g["height"], truth.height[rows])
    np.testing.assert_allclose(g["incidence_angle"], layouts.incidence_at(truth)[rows], atol=1e-6)
    azimuth = np.deg2rad(layouts.HEADING)
    np.testing.assert_allclose(g["los_east"], -np.sin(g["incidence_angle"]) * np.cos(azimuth), atol=1e-6)
    np.testing.assert_allclose(g["los_north"], np.sin(g["incidence_angle"]) * np.sin(azimuth), atol=1e-6)
    np.testing.assert_allclose(g["slant_range"][0], layouts.NEAR + layouts.SPACING * np.arange(40))
    assert source.wavelength == layouts.WAVELENGTH
    assert source.attributes["heading"] == pytest.approx(layouts.HEADING, abs=1e-4)
    # Steps of the grids: 1.2557e-4 degrees of latitude and 4.4e-5 of longitude near latitude 37.
    assert source.azimuth_spacing == pytest.approx(111_000 * 1.2557e-4, rel=0.01)
    east = 111_320 * np.cos(np.deg2rad(truth.latitude[0, 0])) * 4.4e-5
    assert source.range_spacing == pytest.approx(east, rel=0.01)


def test_reference_date_option(truth, tree):
    source = open_stack("isce2", [tree], reference_date=truth.dates[2])
    assert source.reference_date == truth.dates[2]
    whole = open_stack("isce2", [tree])
    np.testing.assert_allclose(source.bperp, whole.bperp - whole.bperp[2])


def test_baseline_grid_with_a_jump_of_sign_is_repaired(truth, tree, tmp_path):
    broken = copy(tree, tmp_path)
    path = broken / "merged" / "baselines" / truth.dates[3] / truth.dates[3]
    values = np.fromfile(path, "<f4").reshape(3, 4)
    turned = values.copy()
    turned[1, 2] *= -1
    turned.tofile(path)
    with pytest.warns(InputRepairWarning, match="W111"):
        source = open_stack("isce2", [broken])
    np.testing.assert_allclose(source.bperp, open_stack("isce2", [tree]).bperp, atol=1e-3)


def test_a_smooth_zero_crossing_is_left_alone(truth, tree, tmp_path):
    other = copy(tree, tmp_path)
    path = other / "merged" / "baselines" / truth.dates[3] / truth.dates[3]
    np.tile(np.linspace(-1.5, 1.5, 4, dtype="<f4"), (3, 1)).tofile(path)
    source = open_stack("isce2", [other])
    assert source.findings == ()
    np.testing.assert_allclose(source.bperp[3], [[-1.5, 1.5], [-1.5, 1.5]], atol=1e-6)


def test_what_is_missing_is_unknown(truth, tree, tmp_path):
    bare = copy(tree, tmp_path)
    shutil.rmtree(bare / "merged" / "geom_reference")
    shutil.rmtree(bare / "merged" / "baselines")
    with pytest.raises(InputFileError, match="S114"):
        open_stack("isce2", [bare])
    with pytest.warns(UnknownQuantityWarning):
        source = open_stack("isce2", [bare], azimuth_spacing=14.0, range_spacing=4.0)
    assert source.bperp is None
    assert {f.code for f in source.findings} == {"W201", "W202", "W203", "W204"}
    assert set(source.geometry) == {"slant_range"}
    shutil.rmtree(bare / "reference")
    with pytest.raises(InputFileError, match=r"S113.*sensor"):
        open_stack("isce2", [bare], azimuth_spacing=14.0, range_spacing=4.0)
    with pytest.warns(UnknownQuantityWarning):
        source = open_stack("isce2", [bare], azimuth_spacing=14.0, range_spacing=4.0, sensor="Sentinel-1")
    assert source.wavelength == pytest.approx(0.05546576)


def slc(tree, date="20200130"):
    return tree / "merged" / "SLC" / date / f"{date}.slc.full"


def truncate(tree):
    slc(tree).write_bytes(slc(tree).read_bytes()[:-1])


def swap(tree):
    np.fromfile(slc(tree), "<c8").astype(">c8").tofile(slc(tree))


def zero(tree):
    slc(tree).write_bytes(bytes(slc(tree).stat().st_size))


def nans(tree):
    np.full(24 * 40, np.nan, "<c8").tofile(slc(tree))


def lose(tree):
    slc(tree).unlink()


def bad_xml(tree):
    xml = slc(tree).with_name(slc(tree).name + ".xml")
    xml.write_text(xml.read_text()[:-20])


def no_width(tree):
    xml = slc(tree).with_name(slc(tree).name + ".xml")
    xml.write_text(xml.read_text().replace('"width"', '"breadth"'))


def other_grid(tree):
    (tree / "merged" / "geom_reference" / "lon.rdr.full").write_bytes(bytes(8))
    layouts.isce_xml(tree / "merged" / "geom_reference" / "lon.rdr.full", (1, 1), "DOUBLE")


@pytest.mark.parametrize(
    ("damage", "code", "file", "words"),
    [
        (truncate, "S103", "20200130.slc.full", "7680 bytes"),
        (swap, "S105", "20200130.slc.full", "plausible"),
        (zero, "S106", "20200130.slc.full", "exclude_dates"),
        (nans, "S108", "20200130.slc.full", "NaN"),
        (lose, "S102", "20200130.slc", "must exist"),
        (bad_xml, "S109", "20200130.slc.full.xml", "well-formed"),
        (no_width, "S109", "20200130.slc.full.xml", "width"),
        (other_grid, "S104", "lon.rdr.full", "lines, samples"),
    ],
)
def test_broken_input_is_refused_by_code_file_and_remedy(tree, tmp_path, damage, code, file, words):
    broken = copy(tree, tmp_path)
    damage(broken)
    with pytest.raises(InputFileError) as caught:
        open_stack("isce2", [broken])
    assert caught.value.code == code
    assert file in caught.value.file
    assert words in str(caught.value)


def test_excluded_date(truth, tree, tmp_path):
    broken = copy(tree, tmp_path)
    zero(broken)
    source = open_stack("isce2", [broken], exclude_dates=["20200130"])
    assert source.dates == tuple(d for d in truth.dates if d != "20200130")
    assert source.bperp.shape == (4, 2, 2)
