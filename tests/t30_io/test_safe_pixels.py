"""Burst pixels: every container and layout gives the samples that were written."""

from __future__ import annotations

import warnings
import zipfile

import numpy as np
import pytest
import rasterio
from rasterio.errors import NotGeoreferencedWarning
from safe_trees import Tree, write_tiff, write_tree, zip_tree

from subside.errors import ArgumentError, InputFileError
from subside.io.safe import _bytes, open_burst, read_acquisitions

TREE = Tree(swaths=("IW1",), lines=300, samples=77)
WINDOWS = [
    (slice(None), slice(None)),
    (slice(0, 1), slice(0, 1)),
    (slice(100, 290), slice(5, 70)),
    (slice(-3, None), slice(76, 77)),
    (slice(20, 20), slice(None)),
]


def expected(tree, index, lines, samples):
    image = tree.image("IW1", "VV").astype(np.float32)
    image = image[index * tree.lines : (index + 1) * tree.lines]
    return (image[..., 0] + 1j * image[..., 1]).astype(np.complex64)[lines, samples]


def check(path, tree=TREE):
    (acquisition,), _ = read_acquisitions([path])
    for index in (1, 2, 0):
        pixels = open_burst(acquisition, "IW1", tree.first + index)
        assert pixels.shape == (tree.lines, tree.samples)
        for lines, samples in WINDOWS:
            read = pixels.read(lines, samples)
            assert read.dtype == np.complex64 and np.array_equal(read, expected(tree, index, lines, samples))
    return acquisition


@pytest.mark.parametrize("order", ["<", ">"])
def test_mapped_files_in_both_byte_orders(tmp_path, order):
    acquisition = check(write_tree(tmp_path, TREE.but(byte_order=order)))
    layout = open_burst(acquisition, "IW1", TREE.first).layout
    assert layout.offset is not None and layout.offset % 2 == 1, "as odd as in real files"


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_members_of_zips(tmp_path, method, monkeypatch):
    monkeypatch.setattr(_bytes, "_CHECKPOINT", 20_000)
    monkeypatch.setattr(_bytes, "_CHUNK", 1_000)
    monkeypatch.setattr(_bytes, "_PIECE", 7_000)
    check(zip_tree(write_tree(tmp_path, TREE), tmp_path / f"{TREE.name}.zip", method))


def test_inflating_goes_on_from_where_it_was(tmp_path, monkeypatch):
    """Reading forward inflates each byte once; reading back costs no more than one checkpoint."""
    monkeypatch.setattr(_bytes, "_CHECKPOINT", 50_000)
    monkeypatch.setattr(_bytes, "_CHUNK", 1_000)
    monkeypatch.setattr(_bytes, "_PIECE", 10_000)
    data = np.random.default_rng(4).integers(0, 60, 1_000_000).astype(np.uint8)
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m", data.tobytes())
    source = _bytes.open_bytes(f"{tmp_path}/a.zip!m")
    assert isinstance(source, _bytes.DeflatedMember)
    for offset in range(0, 1_000_000, 100_000):
        assert np.array_equal(source.read(offset, 100_000), data[offset : offset + 100_000])
    starts = [p[0] for p in source._points]
    assert len(starts) >= 15 and np.diff(starts).max() <= 61_000
    assert np.array_equal(source.read(333_333, 70_000), data[333_333:403_333])
    assert np.array_equal(source.read(999_990, 100), data[999_990:])
    assert len(source._points) == len(starts)
    assert _bytes.open_bytes(f"{tmp_path}/a.zip!m") is source


def test_long_runs_of_zeros_inflate_in_pieces(tmp_path):
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("m", bytes(40_000_000) + b"end")
    assert _bytes.open_bytes(f"{tmp_path}/a.zip!m").read(39_999_998, 50).tobytes() == b"\0\0end"


def test_damaged_members_are_refused(tmp_path):
    zipped = zip_tree(write_tree(tmp_path, TREE), tmp_path / f"{TREE.name}.zip", zipfile.ZIP_DEFLATED)
    (acquisition,), _ = read_acquisitions([zipped])
    raw = bytearray(zipped.read_bytes())
    with zipfile.ZipFile(zipped) as archive:
        member = next(i for i in archive.infolist() if i.filename.endswith(".tiff"))
    middle = member.header_offset + member.compress_size // 2
    raw[middle : middle + 4000] = bytes(4000)
    zipped.write_bytes(raw)
    with pytest.raises(InputFileError) as caught:
        for number in range(TREE.first, TREE.first + 3):
            open_burst(acquisition, "IW1", number).read()
    assert caught.value.code == "S103" and member.filename in str(caught.value)


def test_other_methods_of_compression_are_refused(tmp_path):
    zipped = zip_tree(write_tree(tmp_path, TREE), tmp_path / f"{TREE.name}.zip", zipfile.ZIP_BZIP2)
    (acquisition,), _ = read_acquisitions([zipped])
    with pytest.raises(InputFileError) as caught:
        open_burst(acquisition, "IW1", TREE.first)
    assert caught.value.code == "S117"


@pytest.mark.parametrize("dtype", ["complex_int16", "complex64"])
def test_repackaged_tiffs_are_decoded(tmp_path, dtype):
    root = write_tree(tmp_path, TREE)
    (file,) = root.glob("measurement/*.tiff")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(file) as old:
            values = old.read(1)
        profile = {"driver": "GTiff", "height": 900, "width": 77, "count": 1, "dtype": dtype, "compress": "deflate"}
        with rasterio.open(file, "w", tiled=True, blockxsize=64, blockysize=64, **profile) as new:
            new.write(values.astype(np.complex64), 1)
    acquisition = check(root)
    assert open_burst(acquisition, "IW1", TREE.first).layout.offset is None
    check(zip_tree(root, tmp_path / f"{TREE.name}.zip", zipfile.ZIP_DEFLATED))


def test_files_of_another_size_are_refused(tmp_path):
    root = write_tree(tmp_path, TREE)
    (file,) = root.glob("measurement/*.tiff")
    whole = TREE.image("IW1", "VV")
    (acquisition,), _ = read_acquisitions([root])
    write_tiff(file, np.concatenate([whole, whole])[:, :60])
    with pytest.raises(InputFileError) as caught:
        open_burst(acquisition, "IW1", TREE.first)
    assert caught.value.code == "S104" and "(900, 77)" not in str(caught.value) and "(300, 77)" in str(caught.value)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        profile = {"driver": "GTiff", "height": 30, "width": 77, "count": 1, "dtype": "complex64"}
        with rasterio.open(file, "w", **profile) as new:
            new.write(np.zeros((30, 77), np.complex64), 1)
    with pytest.raises(InputFileError) as caught:
        read_acquisitions([root])
    assert caught.value.code == "S104"


def test_a_file_cut_off_after_the_import_is_refused(tmp_path):
    root = write_tree(tmp_path, TREE)
    (acquisition,), _ = read_acquisitions([root])
    pixels = open_burst(acquisition, "IW1", TREE.first + 2)
    (file,) = root.glob("measurement/*.tiff")
    file.write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(InputFileError) as caught:
        pixels.read()
    assert caught.value.code == "S103" and file.name in str(caught.value)


def test_arguments(tmp_path):
    (acquisition,), _ = read_acquisitions([write_tree(tmp_path, TREE)])
    with pytest.raises(ArgumentError, match="swath"):
        open_burst(acquisition, "IW2", TREE.first)
    with pytest.raises(ArgumentError, match="no burst 7"):
        open_burst(acquisition, "IW1", 7)
    with pytest.raises(ArgumentError, match="step 1"):
        open_burst(acquisition, "IW1", TREE.first).read(slice(0, 10, 2))
