"""Reader of wrapped single-reference stacks."""

from __future__ import annotations

import gzip

import h5py
import layouts
import numpy as np
import pytest
from stack_checks import assert_same_interferograms, read_all

from subside.errors import InputFileError, InputRepairWarning, UnknownQuantityWarning
from subside.io.stacks import open_stack

SPACING = {"azimuth_spacing": 100.0, "range_spacing": 100.0}
UNKNOWN = {"W201", "W202", "W203", "W204"}


@pytest.fixture(scope="module")
def truth():
    return layouts.make_truth(seed=5)


def opened(paths, **options):
    with pytest.warns(UnknownQuantityWarning):
        return open_stack("wrapped", paths, **options)


def assert_sinking(source, truth):
    slc = read_all(source)
    phase = np.angle(slc[0, 5, 7] * np.conj(slc[-1, 5, 7]))
    assert phase == pytest.approx(layouts.K * (truth.sunk[-1] - truth.sunk[0]), abs=1e-3)
    assert phase > 0.5


def assert_raised_target(source, truth):
    """The phase of the raised target follows the growth of range with height, computed from positions."""
    slc = read_all(source)
    r = layouts.NEAR + layouts.SPACING * 30
    ranges = [
        layouts.range_to(r, truth.target_height, c, d) - layouts.range_to(r, 0.0, c, d)
        for c, d in zip(truth.cross, truth.down, strict=True)
    ]
    for j in range(1, len(ranges)):
        expected = layouts.K * (ranges[j] - ranges[0])
        measured = np.angle(slc[0, 15, 30] * np.conj(slc[j, 15, 30]))
        assert np.angle(np.exp(1j * (measured - expected))) == pytest.approx(0, abs=2e-3)


def test_hdf5(truth, tmp_path):
    path = layouts.write_wrapped_hdf5(truth, tmp_path / "stack.h5")
    source = opened([path], n_looks=20, **SPACING)
    assert source.dates == truth.dates
    assert source.reference_date == truth.dates[truth.reference]
    assert source.wavelength == layouts.WAVELENGTH
    assert source.n_looks == 20
    assert source.bperp is None
    assert {f.code for f in source.findings} == UNKNOWN
    assert_same_interferograms(read_all(source), truth)
    assert_sinking(source, truth)
    assert_raised_target(source, truth)


def test_hdf5_complex(truth, tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["slc"] = truth.slc[::-1]
        file["dates"] = [d.encode() for d in truth.dates[::-1]]
    source = opened([tmp_path / "s.h5"], sensor="Sentinel-1", n_looks=1, **SPACING)
    assert source.dates == truth.dates
    assert_same_interferograms(read_all(source), truth)


@pytest.mark.parametrize("order", ["little", "big"])
def test_raw_files(truth, tmp_path, order):
    folder = layouts.write_wrapped_files(truth, tmp_path / "raw")
    if order == "big":
        for path in folder.iterdir():
            np.fromfile(path, "<f4").astype(">f4").tofile(path)
    source = opened([folder], shape=truth.shape, wavelength=layouts.WAVELENGTH, byte_order=order, n_looks=4, **SPACING)
    assert source.reference_date == truth.dates[truth.reference]
    assert_same_interferograms(read_all(source), truth)
    assert_sinking(source, truth)
    assert_raised_target(source, truth)


def test_rsc_header_gives_size_and_wavelength(truth, tmp_path):
    folder = layouts.write_wrapped_files(truth, tmp_path / "raw")
    for path in list(folder.iterdir()):
        path.with_name(path.name + ".rsc").write_text(f"WIDTH 40\nFILE_LENGTH 24\nWAVELENGTH {layouts.WAVELENGTH}\n")
    source = opened([folder], n_looks=4, **SPACING)
    assert source.wavelength == layouts.WAVELENGTH
    assert_same_interferograms(read_all(source), truth)


def test_geotiff_files_know_their_position(truth, tmp_path):
    folder = layouts.write_wrapped_files(truth, tmp_path / "tif", kind="tif")
    source = opened([folder], wavelength=layouts.WAVELENGTH, n_looks=4)
    assert {f.code for f in source.findings} == UNKNOWN - {"W203"}
    assert_same_interferograms(read_all(source), truth)
    assert_sinking(source, truth)
    np.testing.assert_allclose(source.geometry["longitude"](slice(0, 5)), truth.longitude[:5], atol=1e-8)
    np.testing.assert_allclose(source.geometry["latitude"](slice(0, 5)), truth.latitude[:5], atol=1e-8)


def test_geotransform_option(truth, tmp_path):
    path = layouts.write_wrapped_hdf5(truth, tmp_path / "stack.h5")
    source = opened([path], geotransform=[-96.5, 0.001, 30.0, -0.0012], n_looks=9)
    lon, lat = (source.geometry[n](slice(10, 12)) for n in ("longitude", "latitude"))
    np.testing.assert_allclose(lon[0], -96.5 + 0.001 * np.arange(40))
    np.testing.assert_allclose(lat[:, 0], [30 - 0.012, 30 - 0.0132])
    # Metres per degree at latitude 30: 110 852 north (meridian arc), 96 486 east.
    assert source.azimuth_spacing == pytest.approx(110_852 * 0.0012, rel=1e-4)
    assert source.range_spacing == pytest.approx(96_486 * 0.001, rel=1e-3)


@pytest.mark.parametrize("looks", [4, 25])
def test_number_of_looks_is_estimated(looks, tmp_path):
    rng = np.random.default_rng(looks)
    amplitude = np.sqrt(rng.gamma(looks, 1 / looks, (3, 60, 90)))
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["amplitude"], file["phase"] = amplitude, np.zeros_like(amplitude)
        file["dates"] = [20200101, 20200113, 20200125]
        file.attrs["wavelength"] = 0.056
    source = opened([tmp_path / "s.h5"], **SPACING)
    assert "W205" in {f.code for f in source.findings}
    assert source.n_looks == pytest.approx(looks, rel=0.12)


def test_what_must_be_known_is_asked_for(truth, tmp_path):
    path = layouts.write_wrapped_hdf5(truth, tmp_path / "stack.h5")
    with pytest.raises(InputFileError, match=r"S114.*geotransform"):
        open_stack("wrapped", [path])
    folder = layouts.write_wrapped_files(truth, tmp_path / "raw")
    with pytest.raises(InputFileError, match=r"S115.*shape"):
        open_stack("wrapped", [folder])
    with pytest.raises(InputFileError, match=r"S113.*wavelength"):
        open_stack("wrapped", [folder], shape=[24, 40], **SPACING)


def test_broken_hdf5(truth, tmp_path):
    path = layouts.write_wrapped_hdf5(truth, tmp_path / "stack.h5")
    whole = path.read_bytes()

    def code(**options):
        with pytest.raises(InputFileError) as caught:
            open_stack("wrapped", [path], **SPACING, **options)
        assert "stack.h5" in caught.value.file
        return caught.value.code

    path.write_bytes(whole[: len(whole) // 2])
    assert code() == "S103"
    path.write_bytes(whole)
    with h5py.File(path, "a") as file:
        file["amplitude"][1] = 0
    assert code() == "S106"
    source = opened([path], exclude_dates=[truth.dates[1]], n_looks=3, **SPACING)
    assert truth.dates[1] not in source.dates
    assert np.angle(read_all(source)[0, 5, 7] * np.conj(read_all(source)[3, 5, 7])) == pytest.approx(
        layouts.K * truth.sunk[4], abs=1e-3
    )
    with h5py.File(path, "a") as file:
        file["amplitude"][1] = np.nan
    assert code() == "S108"
    with h5py.File(path, "a") as file:
        del file["dates"]
        file["dates"] = np.array([20200106] * 5)
    assert code() == "S110"
    with h5py.File(path, "a") as file:
        del file["dates"]
        file["dates"] = np.array([20200106, 20200118])
    assert code() == "S104"
    with h5py.File(path, "a") as file:
        del file["phase"]
    assert code() == "S101"


def test_broken_files(truth, tmp_path):
    folder = layouts.write_wrapped_files(truth, tmp_path / "raw")
    options = {"shape": [24, 40], "wavelength": 0.056, "n_looks": 2, **SPACING}
    path = folder / "20200106_20200130.int"
    whole = path.read_bytes()

    def code(file=path, **more):
        with pytest.raises(InputFileError) as caught:
            open_stack("wrapped", [folder], **{**options, **more})
        assert file.name in caught.value.file
        return caught.value.code

    path.write_bytes(whole[:-8])
    assert code() == "S103"
    np.frombuffer(whole, "<c8").astype(">c8").tofile(path)
    assert code() == "S105"
    path.write_bytes(bytes(len(whole)))
    assert code() == "S106"
    path.write_bytes(whole)
    assert code(file=folder / "20200106", byte_order="big") == "S105"
    (folder / "20200118.amp").unlink()
    assert code(file=folder) == "S102"
    path.rename(folder / "20200106_20200107.int")
    assert code(file=folder) == "S118"
    for left in folder.iterdir():
        (left.with_name(left.name + ".gz")).write_bytes(gzip.compress(left.read_bytes()))
        left.unlink()
    assert code(file=folder / "20200106") == "S117"


def test_nan_samples_become_no_data(truth, tmp_path):
    folder = layouts.write_wrapped_files(truth, tmp_path / "raw")
    path = folder / "20200118.amp"
    values = np.fromfile(path, "<f4").reshape(24, 40)
    values[:, 2] = np.nan
    values.tofile(path)
    with pytest.warns(InputRepairWarning, match="W107"), pytest.warns(UnknownQuantityWarning):
        source = open_stack("wrapped", [folder], shape=[24, 40], wavelength=0.056, n_looks=2, **SPACING)
    assert np.all(source.read_slc(1, slice(0, 24))[:, 2] == 0)
