"""SAFE products through import, geometry, alignment and stack, against the truth of the synthetic products."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import uniform_filter

from subside.io.project import Project
from subside.stages.acquisitions import load_input

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).parents[3] / "shared" / "data"))
SMALL = DATA / "safe-synthetic" / "small"
DATES = ["20171227", "20180108", "20180120", "20180201"]


@pytest.fixture(scope="module")
def small():
    if not SMALL.is_dir():
        pytest.skip(f"no data in {SMALL}; set SUBSIDE_DATA")
    return SMALL


@pytest.fixture(scope="module")
def truth(small):
    return json.loads((small / "truth.json").read_text())


def safes(small, dates=DATES):
    return [next(small.glob(f"*_{d}T*.SAFE")) for d in dates]


def import_words(project, sources, small, *more):
    return (
        "import", project, "--track", "t40", "--format", "safe", *sources,
        "--orbits", small / "orbits", "--dem", small / "dem.tif", *more,
    )  # fmt: skip


def track(project):
    return Project.open(project).track("t40")


@pytest.fixture(scope="module")
def processed(subside_command, tmp_path_factory, small):
    project = tmp_path_factory.mktemp("safe") / "project"
    for words in (("init", project), import_words(project, safes(small), small), ("run", project, "--to", "stack")):
        done = subside_command(*words, timeout=300)
        assert done.returncode == 0, done.stderr
    return project


def test_the_reference_is_the_one_of_the_quality_index(processed):
    facts = track(processed).stack_attributes()
    assert facts["reference_date"] == "20180108"
    assert facts["dates"] == DATES
    np.testing.assert_allclose(np.mean(facts["bperp"], axis=(1, 2)), [62, 0, -87, -38], atol=1.0)
    assert facts["azimuth_spacing"] == pytest.approx(13.96, abs=0.05)
    assert 3.5 < facts["range_spacing"] < 4.2
    assert facts["source"]["track"] == 40


def test_shifts_are_those_injected_although_two_pairs_wrap(processed, truth):
    store = track(processed)
    azimuth = np.array([d["az_shift_lines"] for d in truth["dates"]])
    range_ = np.array([d["rg_shift_samples"] for d in truth["dates"]])
    cycle = min(truth["pairs"][0]["esd_cycle_lines"].values())
    apart = np.abs(azimuth[:, None] - azimuth[None, :])
    assert np.count_nonzero(apart > cycle / 2) == 4
    error = store.read("alignment/azimuth_shift") - azimuth
    assert np.max(np.abs(error)) <= 3e-4
    sigma = store.read("alignment/azimuth_sigma")
    assert np.all(np.abs(error) <= 4 * sigma + 1e-12)
    assert np.max(np.abs(store.read("alignment/range_shift") - range_)) <= 0.01
    assert store.read("alignment/is_estimated").all()


def zones_of(store, truth):
    """Pixels of the merged grid well inside each coherence zone, by the truth's breaks along track."""
    slc = store.array("stack/slc")
    valid = (slc[0] != 0) & (slc[1] != 0) & (slc[2] != 0) & (slc[3] != 0)
    low, high = (int(b * 4611) for b in truth["zone_breaks"])
    line = np.arange(slc.shape[1])[:, None]
    bounds = [(60, low - 60), (low + 60, high - 60), (high + 60, slc.shape[1] - 60)]
    return [valid & (line > a) & (line < b) for a, b in bounds]


def test_coherence_of_each_zone_is_that_of_the_speckle(processed, truth):
    store = track(processed)
    slc = store.array("stack/slc")
    first, second = slc[1].astype(np.complex128), slc[2].astype(np.complex128)
    product = first * np.conj(second)
    mean = uniform_filter(product.real, (9, 9)) + 1j * uniform_filter(product.imag, (9, 9))
    aligned = product * np.exp(-1j * np.angle(mean))
    for zone, expected in zip(zones_of(store, truth), (0.959, 0.691, 0.322), strict=True):
        # Point targets are more coherent than the speckle around them.
        caps = [3 * np.median(np.abs(z[zone])) for z in (first, second)]
        inside = zone & (np.abs(first) < caps[0]) & (np.abs(second) < caps[1])
        assert inside.sum() > 100_000
        power = np.sqrt(np.sum(np.abs(first[inside]) ** 2) * np.sum(np.abs(second[inside]) ** 2))
        assert float(np.abs(np.sum(aligned[inside])) / power) == pytest.approx(expected, abs=0.02)


def test_no_jump_at_burst_seams(processed):
    """Phase on both sides of a cut, less the slope that the subsidence bowl has there, where the ground is coherent."""
    store = track(processed)
    lattice = load_input(store).lattice
    slc = store.array("stack/slc")
    jumps = []
    for burst in lattice.bursts:
        cut = burst.line + burst.lines.stop
        left, right = burst.sample + burst.samples.start, burst.sample + burst.samples.stop
        if not 80 < cut < 2000:
            continue
        for other in (0, 2, 3):
            band = (slice(cut - 80, cut + 80), slice(left, right))
            product = (slc[(1, *band)] * np.conj(slc[(other, *band)])).reshape(4, -1)
            unit = product / np.maximum(np.abs(product), 1e-6)
            phase = np.unwrap(np.angle(unit.sum(axis=1)))
            step = np.diff(phase)
            jumps.append(step[1] - 0.5 * (step[0] + step[2]))
    assert len(jumps) >= 6
    assert np.max(np.abs(jumps)) < 0.05


def test_importing_the_same_again_makes_nothing_stale(subside_command, processed, small, tmp_path):
    work = tmp_path / "again"
    shutil.copytree(processed, work)
    done = subside_command(*import_words(work, safes(small), small), timeout=120)
    assert done.returncode == 0, done.stderr
    rows = {r["stage"]: r["state"] for r in json.loads(subside_command("status", work, "--json").stdout)["t40"]}
    assert [rows[s] for s in ("geometry", "alignment", "stack")] == ["done"] * 3


_DIES_AT_THE_THIRD_BLOCK = """
import os, signal
from subside.cli import main
from subside.io.store import TrackStore
commit, done = TrackStore.commit_block, []
def dying(store, stage, *words):
    commit(store, stage, *words)
    done.append(stage)
    if done.count("stack") == 3:
        os.kill(os.getpid(), signal.SIGKILL)
TrackStore.commit_block = dying
main()
"""


def test_killed_amid_the_stack_resumes_to_the_same_bits(processed, tmp_path):
    work = tmp_path / "killed"
    shutil.copytree(processed, work)
    store = track(work)
    whole = store.array("stack/slc")[...]
    words = ["run", str(work), "--workers", "1"]
    killed = subprocess.run(
        [sys.executable, "-c", _DIES_AT_THE_THIRD_BLOCK, *words, "--from", "stack", "--to", "stack"],
        capture_output=True,
        check=False,
        timeout=300,
    )
    assert killed.returncode == -signal.SIGKILL
    assert len(list((store.path / ".state" / "stack").glob("*.json"))) == 3
    command = [sys.executable, "-c", "from subside.cli import main; main()", *words]
    done = subprocess.run([*command, "--to", "stack"], capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr
    assert "3 of 20 blocks were committed before" in " ".join(done.stderr.split())
    np.testing.assert_array_equal(store.array("stack/slc")[...], whole)


def test_a_better_orbit_of_one_date_has_only_its_shift_measured_again(subside_command, processed, small, tmp_path):
    work, orbits = tmp_path / "better", tmp_path / "orbits"
    shutil.copytree(processed, work)
    shutil.copytree(small / "orbits", orbits)
    old = next(f for f in orbits.iterdir() if "V20180131" in f.name)
    new = old.with_name(old.name.replace("OPOD_2018", "OPOD_2019"))
    old.rename(new)
    words = list(import_words(work, safes(small), small))
    words[words.index("--orbits") + 1] = orbits
    done = subside_command(*words, timeout=120)
    assert done.returncode == 0, done.stderr
    kept = track(work).read_attributes("acquisitions")["shifts"]
    assert sorted(kept) == DATES[:3]
    assert [kept[d][0] for d in DATES[:3]] == track(work).read("alignment/azimuth_shift")[:3].tolist()
    rows = {r["stage"]: r["state"] for r in json.loads(subside_command("status", work, "--json").stdout)["t40"]}
    assert rows["geometry"] == "done" and rows["alignment"] == "run"


@pytest.mark.slow
def test_adding_a_date_leaves_the_others_as_they_are(subside_command, tmp_path, small, processed):
    project = tmp_path / "grows"
    for words in (
        ("init", project),
        import_words(project, safes(small, DATES[:3]), small),
        ("run", project, "--to", "stack"),
    ):
        done = subside_command(*words, timeout=300)
        assert done.returncode == 0, done.stderr
    store = track(project)
    before, shifts = store.array("stack/slc")[...], store.read("alignment/azimuth_shift")
    assert store.stack_attributes()["reference_date"] == "20180108"
    markers = {m: m.stat().st_mtime_ns for m in (store.path / ".state" / "stack").glob("*.json")}
    for words in (import_words(project, safes(small), small), ("run", project, "--to", "stack")):
        done = subside_command(*words, timeout=300)
        assert done.returncode == 0, done.stderr
    assert store.stack_attributes()["dates"] == DATES
    np.testing.assert_array_equal(store.array("stack/slc")[:3], before)
    np.testing.assert_array_equal(store.read("alignment/azimuth_shift")[:3], shifts)
    assert all(m.stat().st_mtime_ns == t for m, t in markers.items())
    assert store.read("alignment/azimuth_shift")[3] == pytest.approx(0.041, abs=3e-4)
    added, whole = store.array("stack/slc")[3], track(processed).array("stack/slc")[3]
    assert np.abs(np.vdot(added, whole)) / np.vdot(whole, whole).real > 0.999


def test_an_area_of_interest_is_cropped_before_reading(subside_command, tmp_path, small, processed):
    whole = track(processed)
    latitude, longitude = whole.geometry_array("latitude"), whole.geometry_array("longitude")
    corner = [(float(longitude[k, s]), float(latitude[k, s])) for k in (1250, 1270) for s in (240, 300)]
    box = (min(c[0] for c in corner), min(c[1] for c in corner), max(c[0] for c in corner), max(c[1] for c in corner))
    project = tmp_path / "aoi"
    aoi = ",".join(f"{v:.6f}" for v in box)
    for words in (
        ("init", project),
        import_words(project, safes(small), small, "--aoi", aoi),
        ("run", project, "--to", "stack"),
    ):
        done = subside_command(*words, timeout=300)
        assert done.returncode == 0, done.stderr
    store = track(project)
    n_lines, n_samples = store.stack_attributes()["shape"]
    assert n_lines < 500 and n_samples < 450
    south, north = (
        float(store.geometry_array("latitude")[...].min()),
        float(store.geometry_array("latitude")[...].max()),
    )
    assert south <= box[1] and north >= box[3]
    assert np.max(np.abs(store.read("alignment/azimuth_shift") - [0.035, 0.0, -0.0225, 0.041])) < 3e-4


# --- inputs that are at fault


def linked(small, folder, date="20180120"):
    """The products as links, one of them a copy that can be damaged."""
    folder.mkdir()
    for safe in safes(small):
        if date in safe.name:
            shutil.copytree(safe, folder / safe.name)
            damaged = folder / safe.name
        else:
            (folder / safe.name).symlink_to(safe)
    return damaged


def refused(subside_command, tmp_path, *words, code):
    project = words[1]
    assert subside_command("init", project).returncode == 0
    done = subside_command(*words, timeout=120)
    said = " ".join(done.stderr.split())
    assert done.returncode != 0
    assert f"[{code}]" in said, said
    assert "Traceback" not in said
    assert not list((Path(project) / "tracks").glob("*.zarr/acquisitions"))
    return said


def test_a_truncated_measurement_is_refused_by_name(subside_command, tmp_path, small):
    damaged = linked(small, tmp_path / "in")
    tiff = next((damaged / "measurement").glob("*iw2*.tiff"))
    os.truncate(tiff, tiff.stat().st_size // 2)
    said = refused(subside_command, tmp_path, *import_words(tmp_path / "p", [tmp_path / "in"], small), code="S103")
    assert tiff.name in said


def test_orbits_that_do_not_cover_are_refused(subside_command, tmp_path, small):
    (tmp_path / "orbits").mkdir()
    for eof in (small / "orbits").glob("*.EOF"):
        if "20180120" not in eof.name.split("_V")[1] and "20180119" not in eof.name.split("_V")[1]:
            shutil.copy(eof, tmp_path / "orbits")
    words = list(import_words(tmp_path / "p", safes(small), small))
    words[words.index("--orbits") + 1] = tmp_path / "orbits"
    said = refused(subside_command, tmp_path, *words, code="S135")
    assert "20180120" in said and "annotation_orbits" in said


def test_a_dem_that_stops_short_is_refused(subside_command, tmp_path, small):
    import rasterio
    from rasterio.windows import Window

    with rasterio.open(small / "dem.tif") as source:
        window = Window(0, 0, source.width, source.height // 2)
        profile = {**source.profile, "height": source.height // 2}
        with rasterio.open(tmp_path / "half.tif", "w", **profile) as target:
            target.write(source.read(1, window=window), 1)
            target.update_tags(**source.tags())
    words = list(import_words(tmp_path / "p", safes(small), small))
    words[words.index("--dem") + 1] = tmp_path / "half.tif"
    said = refused(subside_command, tmp_path, *words, code="S130")
    assert "south" in said


def test_a_dem_that_does_not_state_its_datum_is_refused(subside_command, tmp_path, small):
    import rasterio

    with (
        rasterio.open(small / "dem.tif") as source,
        rasterio.open(tmp_path / "mute.tif", "w", **source.profile) as target,
    ):
        target.write(source.read(1), 1)
    words = list(import_words(tmp_path / "p", safes(small), small))
    words[words.index("--dem") + 1] = tmp_path / "mute.tif"
    said = refused(subside_command, tmp_path, *words, code="S129")
    assert "vertical_datum" in said


def test_an_area_elsewhere_is_refused(subside_command, tmp_path, small):
    for name, aoi, code in (
        ("far", "10,50,11,51", "S130"),
        ("near", "115.350,35.575,115.355,35.580", "S136"),
    ):
        words = import_words(tmp_path / name, safes(small), small, "--aoi", aoi)
        refused(subside_command, tmp_path, *words, code=code)


def test_options_of_safe_are_refused_elsewhere(subside_command, tmp_path):
    assert subside_command("init", tmp_path / "p").returncode == 0
    done = subside_command("import", tmp_path / "p", "--track", "a", "--format", "snap", "--dem", "x.tif", tmp_path)
    assert done.returncode != 0
    assert "--format safe" in done.stderr
