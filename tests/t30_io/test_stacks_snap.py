"""Reader of StaMPS trees: phases, signs, producer faults, broken inputs."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import layouts
import numpy as np
import pytest
from stack_checks import assert_same_interferograms, assert_signs, read_all

from subside.errors import InputFileError, InputRepairWarning, ProjectError, UnknownQuantityError
from subside.io.stacks import open_stack, write_snap_tree
from subside.model.stack import Stack, parse_dates

ALL_PAIRS = [(0, 1), (1, 2), (2, 3), (3, 4), (0, 2), (1, 3), (2, 4)]


@pytest.fixture(scope="module")
def truth():
    return layouts.make_truth()


@pytest.fixture(scope="module")
def tree(truth, tmp_path_factory):
    return layouts.write_snap_tree(truth, tmp_path_factory.mktemp("snap") / "tree")


def test_single_reference_gives_back_every_interferogram(truth, tree):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = open_stack("snap", [tree])
    assert source.dates == truth.dates
    assert source.reference_date == truth.dates[truth.reference]
    assert source.shape == truth.shape
    assert source.findings == ()
    assert_same_interferograms(read_all(source), truth)


def test_single_reference_signs(truth, tree):
    assert_signs(open_stack("snap", [tree]), truth)


def test_secondary_speckle_is_that_of_its_own_image(truth, tree):
    """The image rebuilt is the exported one with its geometric phase removed, not only a phase difference."""
    source = open_stack("snap", [tree])
    slc = read_all(source)
    for k in range(len(truth.dates)):
        assert (
            np.max(np.abs(np.angle(slc[k] * np.conj(truth.slc[k]) * np.exp(1j * truth.geometric[truth.reference]))))
            < 1e-3
        )


def test_geometry_and_spacing(truth, tree):
    source = open_stack("snap", [tree])
    rows = slice(3, 9)
    g = {n: r(rows) for n, r in source.geometry.items()}
    np.testing.assert_allclose(g["longitude"], truth.longitude[rows], atol=1e-5)
    np.testing.assert_allclose(g["latitude"], truth.latitude[rows], atol=1e-5)
    np.testing.assert_allclose(g["height"], truth.height[rows], atol=1e-4)
    np.testing.assert_allclose(g["incidence_angle"], layouts.incidence_at(truth)[rows], atol=1e-6)
    np.testing.assert_allclose(g["slant_range"][0], layouts.NEAR + layouts.SPACING * np.arange(40), rtol=1e-9)
    los = np.stack([g["los_east"], g["los_north"], g["los_up"]])
    np.testing.assert_allclose(np.sum(los**2, axis=0), 1, atol=1e-12)
    # An ascending right-looking satellite stands to the west-south-west of its target.
    assert np.all(g["los_east"] < -0.4) and np.all(g["los_north"] < 0) and np.all(g["los_up"] > 0.6)
    assert source.azimuth_spacing == pytest.approx(layouts.AZIMUTH_SPACING)
    incidence = layouts.incidence_at(truth).mean()
    assert source.range_spacing == pytest.approx(layouts.SPACING / np.sin(incidence), rel=1e-3)
    assert source.wavelength == pytest.approx(layouts.WAVELENGTH, rel=1e-9)


def test_snap_faults_are_repaired_and_reported(truth, tree, tmp_path):
    faulty = layouts.write_snap_tree(truth, tmp_path / "faulty", has_snap_faults=True)
    right = open_stack("snap", [tree])
    with pytest.warns(InputRepairWarning) as caught:
        source = open_stack("snap", [faulty])
    assert {f.code for f in source.findings} == {"W101", "W102", "W103", "W104", "W105", "W106"}
    assert {str(w.message)[1:5] for w in caught} == {"W101", "W102", "W103", "W104", "W105", "W106"}
    assert source.range_spacing == pytest.approx(right.range_spacing, rel=1e-4)
    assert source.azimuth_spacing == pytest.approx(layouts.AZIMUTH_SPACING, rel=1e-3)
    np.testing.assert_allclose(source.bperp, right.bperp, atol=0.05)
    np.testing.assert_allclose(
        source.geometry["incidence_angle"](slice(0, 24)), right.geometry["incidence_angle"](slice(0, 24)), atol=1e-4
    )
    assert_same_interferograms(read_all(source), truth)


def test_truncated_azimuth_spacing_without_speed_comes_from_the_grids(truth, tmp_path):
    faulty = layouts.write_snap_tree(truth, tmp_path / "faulty", has_snap_faults=True)
    for path in faulty.rglob("*.par"):
        path.write_text(path.read_text().replace("number_of_state_vectors:\t1", "number_of_state_vectors:\t0"))
    with pytest.warns(InputRepairWarning):
        source = open_stack("snap", [faulty])
    north = np.deg2rad(-layouts.DLAT) * 6_356_000
    assert source.azimuth_spacing == pytest.approx(north, rel=0.01)
    assert "W103" in {f.code for f in source.findings}


def test_vertical_baseline_option_overrides(truth, tmp_path):
    faulty = layouts.write_snap_tree(truth, tmp_path / "faulty", has_snap_faults=True)
    with pytest.warns(InputRepairWarning):
        up = open_stack("snap", [faulty])
    with pytest.warns(InputRepairWarning):
        down = open_stack("snap", [faulty], vertical_baseline="down")
    look = np.arccos((layouts.ORBIT**2 + layouts.NEAR**2 - layouts.EARTH**2) / (2 * layouts.ORBIT * layouts.NEAR))
    np.testing.assert_allclose((up.bperp - down.bperp)[:, 0, 0], 2 * truth.down * np.sin(look), atol=0.2)


def test_small_baselines_give_back_every_interferogram(truth, tmp_path):
    tree = layouts.write_small_baselines_tree(truth, tmp_path / "sb", ALL_PAIRS)
    source = open_stack("snap", [tree])
    assert source.reference_date == truth.dates[truth.reference]
    assert source.findings == ()
    assert_same_interferograms(read_all(source), truth, 1e-3)
    assert_signs(source, truth)


def test_small_baselines_disconnected(truth, tmp_path):
    tree = layouts.write_small_baselines_tree(truth, tmp_path / "sb", [(0, 1), (2, 3), (3, 4)])
    with pytest.raises(InputFileError, match=r"S111.*20200106"):
        open_stack("snap", [tree])


def test_small_baselines_that_do_not_close(truth, tmp_path):
    tree = layouts.write_small_baselines_tree(truth, tmp_path / "sb", ALL_PAIRS)
    rng = np.random.default_rng(1)
    path = next(tree.glob("SMALL_BASELINES/*/20200106_20200118.diff"))
    values = np.fromfile(path, ">c8")
    (values * np.exp(1j * rng.normal(0, 0.5, values.size))).astype(">c8").tofile(path)
    with pytest.warns(InputRepairWarning, match=r"W109.*20200106_20200"):
        open_stack("snap", [tree])
    (values * np.exp(1j * rng.uniform(0, 7, values.size))).astype(">c8").tofile(path)
    with pytest.raises(InputFileError, match="S112"):
        open_stack("snap", [tree])


def copy(tree: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tree, tmp_path / "copy"))


def truncate(tree):
    path = tree / "rslc" / "20200118.rslc"
    path.write_bytes(path.read_bytes()[:-100])


def lengthen(tree):
    path = tree / "diff0" / "20200130_20200118.diff"
    path.write_bytes(path.read_bytes() + bytes(8))


def swap(tree):
    for path in tree.rglob("*.rslc"):
        np.fromfile(path, ">f4").astype("<f4").tofile(path)


def lose_image(tree):
    (tree / "rslc" / "20200118.rslc").unlink()


def lose_pair(tree):
    (tree / "diff0" / "20200130_20200118.diff").unlink()


def lose_header(tree):
    (tree / "rslc" / "20200118.rslc.par").unlink()


def zero(tree):
    path = tree / "rslc" / "20200118.rslc"
    path.write_bytes(bytes(path.stat().st_size))


def nans(tree):
    path = tree / "rslc" / "20200118.rslc"
    values = np.fromfile(path, ">c8")
    values[: int(0.8 * values.size)] = np.nan
    values.tofile(path)


def noise_bytes(tree):
    path = tree / "rslc" / "20200118.rslc"
    path.write_bytes(np.random.default_rng(0).integers(0, 256, path.stat().st_size, np.uint8).tobytes())


def bad_field(tree):
    path = tree / "rslc" / "20200130.rslc.par"
    path.write_text(path.read_text().replace("near_range_slc:\t846000.0", "near_range_slc:\tnan"))


def other_size(tree):
    path = tree / "rslc" / "20200118.rslc.par"
    path.write_text(path.read_text().replace("azimuth_lines:\t24", "azimuth_lines:\t25"))


@pytest.mark.parametrize(
    ("damage", "code", "file", "words"),
    [
        (truncate, "S103", "20200118.rslc", "24 lines x 40 samples"),
        (lengthen, "S104", "20200130_20200118.diff", "must be 7680"),
        (swap, "S105", ".rslc", "byte_order"),
        (lose_image, "S102", "20200118.rslc", "exclude_dates"),
        (lose_pair, "S102", "diff0", "20200118"),
        (lose_header, "S102", "20200118.rslc.par", "must exist"),
        (zero, "S106", "20200118.rslc", "exclude_dates"),
        (nans, "S108", "20200118.rslc", "NaN"),
        (noise_bytes, "S107", "20200118.rslc", "plausible"),
        (bad_field, "S109", "20200130.rslc.par", "near_range_slc"),
        (other_size, "S104", "20200118.rslc.par", "azimuth_lines"),
    ],
)
def test_broken_input_is_refused_by_code_file_and_remedy(tree, tmp_path, damage, code, file, words):
    broken = copy(tree, tmp_path)
    damage(broken)
    with pytest.raises(InputFileError) as caught:
        open_stack("snap", [broken])
    assert caught.value.code == code
    assert file in caught.value.file
    assert words in str(caught.value)
    assert len(caught.value.remedy) > 10


def test_excluded_date_makes_a_broken_tree_usable(truth, tree, tmp_path):
    broken = copy(tree, tmp_path)
    zero(broken)
    source = open_stack("snap", [broken], exclude_dates=["20200118"])
    assert source.dates == tuple(d for d in truth.dates if d != "20200118")
    slc = read_all(source)
    expected = truth.ifg(0, 4)
    assert np.max(np.abs(np.angle(slc[0] * np.conj(slc[3]) * np.conj(expected)))) < 2e-4


def test_byte_order_option_reads_a_swapped_tree(truth, tree, tmp_path):
    swapped = copy(tree, tmp_path)
    for path in [*swapped.rglob("*.rslc"), *swapped.rglob("*.diff"), *(p for p in (swapped / "geo").iterdir())]:
        np.fromfile(path, ">f4").astype("<f4").tofile(path)
    assert_same_interferograms(read_all(open_stack("snap", [swapped], byte_order="little")), truth)


def test_short_complex_images(truth, tree, tmp_path):
    short = copy(tree, tmp_path)
    for path in short.glob("rslc/*.rslc"):
        np.round(np.fromfile(path, ">f4")).astype(">i2").tofile(path)
        par = path.with_name(path.name + ".par")
        par.write_text(par.read_text().replace("FCOMPLEX", "SCOMPLEX"))
    slc = read_all(open_stack("snap", [short]))
    strong = np.abs(truth.slc).min(axis=0) > 20
    for i, j in ((0, 1), (1, 4)):
        error = np.abs(np.angle(slc[i] * np.conj(slc[j]) * np.conj(truth.ifg(i, j))))
        assert np.max(error[strong]) < 2e-3 and strong.sum() > 100


def test_missing_baseline_is_unknown_not_invented(tree, tmp_path):
    partial = copy(tree, tmp_path)
    (partial / "diff0" / "20200130_20200118.base").unlink()
    for path in (partial / "geo").iterdir():
        path.unlink()
    with pytest.warns(Warning):
        source = open_stack("snap", [partial])
    assert source.bperp is None
    assert {f.code for f in source.findings} == {"W201", "W202", "W203"}
    assert not {"longitude", "latitude", "height"} & source.geometry.keys()


def test_a_few_nan_become_no_data(tree, tmp_path):
    partial = copy(tree, tmp_path)
    path = partial / "rslc" / "20200118.rslc"
    values = np.fromfile(path, ">c8").reshape(24, 40)
    values[:, 3] = np.nan
    values.tofile(path)
    with pytest.warns(InputRepairWarning, match="W107"):
        source = open_stack("snap", [partial])
    read = source.read_slc(1, slice(0, 24))
    assert np.all(read[:, 3] == 0) and np.all(read[:, 4] != 0)


def as_stack(truth):
    r = layouts.NEAR + layouts.SPACING * np.arange(truth.shape[1]) + np.zeros(truth.shape)
    look = [
        np.arccos((layouts.ORBIT**2 + x**2 - layouts.EARTH**2) / (2 * layouts.ORBIT * x)) for x in (r[0, 0], r[0, -1])
    ]
    corners = [
        [[d * np.sin(t) - c * np.cos(t) + row for t in look] for row in (0.0, 0.5 * (k != truth.reference))]
        for k, (c, d) in enumerate(zip(truth.cross, truth.down, strict=True))
    ]
    incidence = layouts.incidence_at(truth)
    dates = parse_dates(list(truth.dates))
    geometry = {
        "height": truth.height,
        "longitude": truth.longitude,
        "latitude": truth.latitude,
        "incidence_angle": incidence,
        "slant_range": r,
    }
    return Stack(
        slc=truth.slc,
        dates=dates,
        reference_date=dates[truth.reference],
        wavelength=layouts.WAVELENGTH,
        azimuth_spacing=layouts.AZIMUTH_SPACING,
        range_spacing=3.5,
        geometry=geometry,
        bperp=np.array(corners),
        attributes={"heading": layouts.HEADING, "sensor": "SENTINEL-1A"},
    )


def test_written_tree_reads_back(truth, tmp_path):
    stack = as_stack(truth)
    write_snap_tree(stack, tmp_path / "out")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        source = open_stack("snap", [tmp_path / "out"])
    assert_same_interferograms(read_all(source), truth)
    np.testing.assert_allclose(source.bperp, stack.bperp, atol=1e-4)
    rows = slice(0, 24)
    for name in ("height", "longitude", "latitude", "incidence_angle", "slant_range"):
        np.testing.assert_allclose(source.geometry[name](rows), stack.geometry[name], rtol=1e-6, atol=1e-5)
    assert source.azimuth_spacing == pytest.approx(stack.azimuth_spacing)
    assert source.attributes["heading"] == pytest.approx(layouts.HEADING)
    assert (tmp_path / "out" / "rslc" / "20200106.rslc").read_bytes()[:8] == truth.slc[0, 0, :1].astype(">c8").tobytes()


def test_writer_refuses_what_it_does_not_know(truth, tmp_path):
    stack = as_stack(truth)
    with pytest.raises(UnknownQuantityError, match="bperp"):
        write_snap_tree(Stack(**{**vars(stack), "bperp": None}), tmp_path / "a")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").write_text("x")
    with pytest.raises(ProjectError, match="empty"):
        write_snap_tree(stack, tmp_path / "full")


@pytest.mark.parametrize(
    "options", [{"byte_order": "middle"}, {"vertical_baseline": "left"}, {"exclude_dates": "20200118"}, {"nonsense": 1}]
)
def test_options_are_checked(tree, options):
    with pytest.raises(InputFileError, match="S116"):
        open_stack("snap", [tree], **options)


def test_source_is_checked(tmp_path):
    with pytest.raises(InputFileError, match="S101"):
        open_stack("snap", [tmp_path / "nowhere"])
    with pytest.raises(InputFileError, match="S101"):
        open_stack("snap", [tmp_path])
    with pytest.raises(InputFileError, match=r"S116.*snap"):
        open_stack("doris", [tmp_path])
