"""Orbit files: chosen by satellite, validity and kind, read around the scene, never replaced in silence."""

from __future__ import annotations

import dataclasses
import gzip
import os
import zipfile
from pathlib import Path

import numpy as np
import pytest
from safe_trees import PERIOD, Tree, frozen_orbit, write_tree

from subside.errors import InputFileError
from subside.io.orbits import choose_orbit, find_orbit_files, read_orbit_file
from subside.io.safe import read_acquisitions

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
REAL = DATA / "sentinel1-annotation" / "s1-reader"
TREE = Tree(swaths=("IW1",))
NODE = np.datetime64(TREE.node, "us")
EPOCH = np.datetime64("2021-03-04", "s")


def stamp(moment):
    return str(moment.astype("datetime64[s]")).replace("-", "").replace(":", "")


def write_eof(
    folder, *, kind="POEORB", mission="S1A", created="20210324T120000", span=(-4000, 4000), held=None, **more
):
    """A file of vectors every 10 s since the node; ``held`` are the vectors there are, by default all of the span."""
    first, last = (NODE + np.timedelta64(s, "s") for s in span)
    times = np.arange(*(held or span), 10.0)
    times = times[~np.isin(times, more.get("without", ()))]
    quality = more.get("quality", "NOMINAL")
    rows = []
    for t, state in zip(times, frozen_orbit(times), strict=True):
        moment = NODE + np.timedelta64(round(t * 1e6), "us")
        fields = "".join(f"<{n}>{v:.6f}</{n}>" for n, v in zip(("X", "Y", "Z", "VX", "VY", "VZ"), state, strict=True))
        rows.append(f"<OSV><TAI>TAI={moment}</TAI><UTC>UTC={moment}</UTC>{fields}<Quality>{quality}</Quality></OSV>")
    name = f"{mission}_OPER_AUX_{kind}_OPOD_{created}_V{stamp(first)}_{stamp(last)}.EOF"
    text = (
        f'<?xml version="1.0" ?>\n<Earth_Explorer_File><Earth_Explorer_Header><Fixed_Header><File_Name>{name[:-4]}'
        f'</File_Name></Fixed_Header></Earth_Explorer_Header><Data_Block type="xml"><List_of_OSVs count="9361">\n'
        f"{chr(10).join(rows)}\n</List_of_OSVs></Data_Block></Earth_Explorer_File>\n"
    )
    path = folder / more.get("name", name)
    path.write_text(text)
    return path


@pytest.fixture(scope="module")
def acquisition(tmp_path_factory):
    (read,), _ = read_acquisitions([write_tree(tmp_path_factory.mktemp("safe"), TREE)])
    return read


def near(acquisition):
    """First and last line since the node, s."""
    since = (EPOCH.astype("datetime64[us]") - NODE).astype(int) / 1e6
    return acquisition.start + since, acquisition.stop + since


def test_vectors_enclose_the_scene_and_its_margin(tmp_path, acquisition):
    path = write_eof(tmp_path)
    orbit = read_orbit_file(path, epoch=EPOCH, start=acquisition.start, stop=acquisition.stop)
    assert (orbit.source, orbit.file) == ("POEORB", path.name)
    assert orbit.time[0] <= acquisition.start - 60 < acquisition.start - 60 + 11 and len(orbit.time) < 20
    assert acquisition.stop + 60 <= orbit.time[-1] < acquisition.stop + 75
    since = orbit.time + (EPOCH.astype("datetime64[us]") - NODE).astype(int) / 1e6
    states = frozen_orbit(since)
    assert np.abs(orbit.position - states[:, :3]).max() < 1e-5
    assert np.abs(orbit.velocity - states[:, 3:]).max() < 1e-5
    wide = read_orbit_file(path, epoch=EPOCH, start=acquisition.start, stop=acquisition.stop, margin=200.0)
    assert len(wide.time) == len(orbit.time) + 28


@pytest.mark.parametrize("packed", ["zip", "gz"])
def test_packed_files(tmp_path, acquisition, packed):
    path = write_eof(tmp_path)
    plain = read_orbit_file(path, epoch=EPOCH, start=acquisition.start, stop=acquisition.stop)
    other = path.with_name(f"{path.name}.{packed}")
    if packed == "gz":
        other.write_bytes(gzip.compress(path.read_bytes()))
    else:
        with zipfile.ZipFile(other, "w") as archive:
            archive.write(path, path.name)
    path.unlink()
    chosen, findings = choose_orbit(acquisition, tmp_path)
    assert findings == () and np.array_equal(chosen.orbit.position, plain.position)


def test_precise_before_restituted_and_newest_before_older(tmp_path, acquisition):
    first, last = near(acquisition)
    assert 0 < first < last < PERIOD
    write_eof(tmp_path, kind="RESORB", created="20220101T000000")
    chosen, findings = choose_orbit(acquisition, tmp_path)
    assert chosen.orbit.source == "RESORB" and findings == ()
    write_eof(tmp_path, created="20210324T120000")
    newer = write_eof(tmp_path, created="20210401T120000")
    write_eof(tmp_path, created="20220401T120000", mission="S1B")
    write_eof(tmp_path, created="20220402T120000", span=(round(last) + 200, round(last) + 4000))
    (tmp_path / "sub").mkdir()
    (tmp_path / "notes.txt").write_text("nothing")
    chosen, findings = choose_orbit(acquisition, tmp_path)
    assert chosen.orbit.source == "POEORB" and chosen.orbit.file == newer.name and findings == ()
    assert len(find_orbit_files(tmp_path)) == 5
    assert dataclasses.replace(chosen, orbit=acquisition.orbit) == acquisition


def test_names_may_be_lost(tmp_path, acquisition):
    path = write_eof(tmp_path, name="precise.EOF")
    chosen, findings = choose_orbit(acquisition, path)
    assert chosen.orbit.file == "precise.EOF" and chosen.orbit.source == "POEORB" and findings == ()


def test_without_a_file_the_annotation_is_used_and_said(tmp_path, acquisition):
    for directory, reason in ((None, "no folder"), (tmp_path, "none of 0 orbit files")):
        chosen, (finding,) = choose_orbit(acquisition, directory)
        assert chosen is acquisition and finding.code == "W126" and reason in finding.message
        assert "20210304" in finding.message and "S1A" in finding.message
    far = write_eof(tmp_path, span=(20_000, 40_000))
    _, (finding,) = choose_orbit(acquisition, tmp_path)
    assert far.name in finding.message


def test_a_file_that_does_not_hold_what_its_name_says_is_set_aside(tmp_path, acquisition):
    first, last = near(acquisition)
    short = write_eof(tmp_path, created="20210501T120000", held=(-4000, round(last) + 20))
    with pytest.raises(InputFileError) as caught:
        read_orbit_file(short, epoch=EPOCH, start=acquisition.start, stop=acquisition.stop)
    assert caught.value.code == "S128" and short.name in str(caught.value)
    _, findings = choose_orbit(acquisition, tmp_path)
    assert [f.code for f in findings] == ["W125", "W126"] and "S128" in findings[0].message
    good = write_eof(tmp_path, kind="RESORB")
    gap = 10 * round(first / 10)
    write_eof(tmp_path, created="20210601T120000", without=(gap, gap + 10))
    cut = write_eof(tmp_path, created="20210701T120000")
    cut.write_bytes(cut.read_bytes()[:-40])
    chosen, findings = choose_orbit(acquisition, tmp_path)
    assert chosen.orbit.file == good.name
    assert [f.code for f in findings] == ["W125"] * 3
    assert "S103" in findings[0].message and "gap of 30 s" in findings[1].message


def test_vectors_that_are_not_nominal_are_made_known(tmp_path, acquisition):
    write_eof(tmp_path, quality="DEGRADED")
    chosen, (finding,) = choose_orbit(acquisition, tmp_path)
    assert finding.code == "W127" and "DEGRADED" in finding.message and chosen.orbit.source == "POEORB"


@pytest.mark.parametrize(
    ("old", "new", "code"),
    [("<X>", "<X>x", "S109"), ("<X>", "<X>nan</X><X>", "S109"), ("UTC=", "GPS=", "S109"), ("</Y>", "</Q>", "S109")],
)
def test_malformed_files_are_refused(tmp_path, acquisition, old, new, code):
    path = write_eof(tmp_path)
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputFileError) as caught:
        read_orbit_file(path, epoch=EPOCH, start=acquisition.start, stop=acquisition.stop)
    assert caught.value.code == code


def test_absent_and_broken_files_are_refused(tmp_path, acquisition):
    with pytest.raises(InputFileError, match="S101"):
        choose_orbit(acquisition, tmp_path / "absent")
    with pytest.raises(InputFileError, match="S101"):
        read_orbit_file(tmp_path / "a.EOF", epoch=EPOCH, start=acquisition.start, stop=acquisition.stop)
    broken = tmp_path / "a.EOF.gz"
    broken.write_bytes(gzip.compress(b"a" * 500)[:30])
    with pytest.raises(InputFileError, match="S103"):
        read_orbit_file(broken, epoch=EPOCH, start=acquisition.start, stop=acquisition.stop)
    with zipfile.ZipFile(tmp_path / "b.EOF.zip", "w") as archive:
        archive.writestr("readme", "")
    with pytest.raises(InputFileError, match="S109"):
        read_orbit_file(tmp_path / "b.EOF.zip", epoch=EPOCH, start=acquisition.start, stop=acquisition.stop)


@pytest.mark.data
@pytest.mark.parametrize(
    ("day", "source", "along"),
    [("20220828", "POEORB", 0.014), ("20220929", "POEORB", -0.020), ("20221011", "POEORB", 0.719)],
)
def test_real_files_differ_from_the_annotation_as_measured(day, source, along):
    if not REAL.is_dir():
        pytest.skip(f"no data in {REAL}; set SUBSIDE_DATA")
    (acquisition,), _ = read_acquisitions(sorted(REAL.glob(f"*_{day}T*.zip")), is_measured=False)
    chosen, findings = choose_orbit(acquisition, REAL)
    assert chosen.orbit.source == source and findings == ()
    from scipy.interpolate import CubicHermiteSpline

    at = np.linspace(acquisition.start, acquisition.stop, 9)
    splines = [CubicHermiteSpline(a.orbit.time, a.orbit.position, a.orbit.velocity) for a in (acquisition, chosen)]
    difference, ahead = splines[0](at) - splines[1](at), splines[1].derivative()(at)
    measured = np.einsum("ij,ij->i", difference, ahead) / np.linalg.norm(ahead, axis=1)
    assert np.median(measured) == pytest.approx(along, abs=0.01)


@pytest.mark.data
def test_vectors_off_whole_seconds():
    path = REAL / "S1A_OPER_AUX_RESORB_OPOD_20230823T162050_V20230823T123139_20230823T154909.EOF"
    if not path.exists():
        pytest.skip(f"no data in {REAL}; set SUBSIDE_DATA")
    orbit = read_orbit_file(path, epoch=np.datetime64("2023-08-23", "s"), start=50_000.0, stop=50_027.0)
    assert orbit.source == "RESORB" and len(orbit.time) == 17
    assert np.all(np.diff(orbit.time) == pytest.approx(10.0, abs=1e-9))
