"""The whole chain on real data, from `subside import` on, as the tutorials give it."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from scipy.spatial import cKDTree

from subside.io.project import Project

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).parents[3] / "shared" / "data"))
ARCHIVE = DATA / "houston" / "houston_s1_path143_93x600x600.h5"
PLACE = "geotransform=-96.55816,0.0011159,30.46878,-0.0011427"
HOUSTON = {
    "survey.max_gap_days": 48,
    "extract.filter_method": "none",
    "select.cell_size": 500,
    "select.low_pass_wavelength": 8000,
    "select.min_filtered_coherence": 0.45,
}
"""Options of docs/tutorials/houston.md."""
TOWNS = {
    "Brenham": (30.167, -96.398),
    "Navasota": (30.388, -96.088),
    "Hempstead": (30.097, -96.078),
    "Prairie View": (30.093, -95.988),
    "Waller": (30.057, -95.927),
    "Bellville": (29.950, -96.257),
}
PX_PER_DEGREE = (1 / 0.0011427, 1 / 0.0011159)


def set_options(options):
    return [word for name, value in options.items() for word in ("--set", f"{name}={value}")]


def process(subside_command, project, source, *, to, options=HOUSTON):
    for words in (
        ("init", project),
        ("import", project, "--track", "p143", "--format", "wrapped", "--option", PLACE, source),
        ("run", project, "--to", to, *set_options(options)),
    ):
        done = subside_command(*words, timeout=1500)
        assert done.returncode == 0, done.stderr
    return Project.open(project).track("p143")


@pytest.fixture(scope="module")
def houston(subside_command, tmp_path_factory):
    if not ARCHIVE.is_file():
        pytest.skip(f"no data in {ARCHIVE.parent}; set SUBSIDE_DATA")
    return process(subside_command, tmp_path_factory.mktemp("houston") / "hou", ARCHIVE, to="rates")


@pytest.mark.slow
def test_towns_of_houston_are_clusters_of_the_default_set(houston):
    azimuth, range_ = houston.read("select/azimuth"), houston.read("select/range")
    is_default = houston.read("rates/flags") == 0
    assert is_default.mean() > 0.85
    assert is_default.sum() > 8000
    tree = cKDTree(np.column_stack([azimuth, range_])[is_default])
    for name, (latitude, longitude) in TOWNS.items():
        pixel = ((30.46878 - latitude) * PX_PER_DEGREE[0], (longitude + 96.55816) * PX_PER_DEGREE[1])
        n_near = len(tree.query_ball_point(pixel, 12.0))
        assert n_near > 4 * is_default.sum() * np.pi * 12.0**2 / 600**2, name
    assert "height" not in houston.geometry_fields()
    assert houston.stack_attributes()["bperp"] is None


@pytest.mark.slow
def test_points_between_towns_of_houston_are_not_noise(houston):
    import h5py

    # An image the chain does not see: mean coherence of neighbouring pixels, from the authors of the data.
    with h5py.File(ARCHIVE) as file:
        neighbour_coherence = file["avg_correlation"][:]
    azimuth, range_ = houston.read("select/azimuth"), houston.read("select/range")
    is_default = houston.read("rates/flags") == 0
    tree = cKDTree(np.column_stack([azimuth, range_]))
    is_lone = tree.query(np.column_stack([azimuth, range_]), k=2)[0][:, 1] > 3
    typical = np.median(neighbour_coherence)
    for group in (is_default, is_default & is_lone):
        assert group.sum() > 1000
        # Half of pure noise lies below the median of a scene that is mostly noise.
        assert 2 * np.mean(neighbour_coherence[azimuth[group], range_[group]] < typical) < 0.005


@pytest.mark.slow
def test_houston_with_its_history_destroyed_has_no_point(subside_command, tmp_path):
    """Each date rolled by its own shift keeps amplitudes and the correlation of neighbours, and no pixel's history."""
    if not ARCHIVE.is_file():
        pytest.skip(f"no data in {ARCHIVE.parent}; set SUBSIDE_DATA")
    import h5py

    shifts = np.random.default_rng(1).integers(0, 600, (93, 2))
    with h5py.File(ARCHIVE) as source, h5py.File(tmp_path / "rolled.h5", "w") as target:
        for name in ("amplitude_q", "phase_q"):
            values = np.stack([np.roll(v, tuple(s), (0, 1)) for v, s in zip(source[name], shifts, strict=True)])
            target.create_dataset(name, data=values).attrs.update(source[name].attrs)
        target["dates"] = source["dates"][:]
        target.attrs.update(source.attrs)
    store = process(subside_command, tmp_path / "null", tmp_path / "rolled.h5", to="select")
    coherence = store.read("select/candidate/temporal_coherence")
    assert np.isfinite(coherence).sum() > 300_000
    assert len(store.read("select/azimuth")) == 0


@pytest.mark.slow
def test_mexico_city_is_the_bowl_it_is_known_to_be(subside_command, tmp_path):
    folder = DATA / "mexico-unwrapped"
    if not folder.is_dir():
        pytest.skip(f"no data in {folder}; set SUBSIDE_DATA")
    project = tmp_path / "mex"
    done = subside_command("init", project)
    assert done.returncode == 0, done.stderr
    toml = (project / "subside.toml").read_text()
    west = '[{ name = "west", polygon = [[-99.191, 19.40], [-99.180, 19.40], [-99.180, 19.45], [-99.191, 19.45]] }]'
    toml = toml.replace("fit_ramps = true", "fit_ramps = false").replace("areas = []", f"areas = {west}")
    assert west in toml and "fit_ramps = false" in toml
    (project / "subside.toml").write_text(toml)
    for words in (("import", project, "--track", "t5", "--format", "unwrapped", folder), ("run", project)):
        done = subside_command(*words, timeout=600)
        assert done.returncode == 0, done.stderr
    store = Project.open(project).track("t5")
    invert = store.stage_state("invert")
    assert invert is not None and invert["facts"]["residual_rms_rad"] <= 0.33
    velocity = store.read("rates/velocity")
    low = float(np.nanpercentile(velocity, 1))
    assert -0.31 < low < -0.25
    assert float(np.nanpercentile(velocity, 99)) < 0.03
