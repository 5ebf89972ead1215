"""Stacks of few dates: series and rates come out, what they cannot tell stays unknown and is named."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from subside.errors import ProjectError
from subside.io.project import Project
from subside.io.store import TrackStore
from subside.model.stack import Stack
from subside.ops.simulate import scene, simulate
from subside.stages import reference
from subside.stages.catalogue import STAGES
from subside.stages.configuration import default_toml
from subside.stages.executor import Resources
from subside.stages.importing import import_stack
from subside.stages.products import point_table
from subside.stages.session import open_session, run_session
from subside.stages.simulating import source_of


def _stack(n_dates: int, *, name: str = "reference", size: int = 100) -> Stack:
    return simulate(scene(name, lines=size, samples=size, n_dates=n_dates), seed=2).stack


def _import(stack: Stack, path: Path) -> Path:
    with Path(os.devnull).open("w") as sink:
        made = Project.create(path, default_toml(STAGES, "p"))
        import_stack(made.new_track("t"), source_of(stack), request={}, console=Console(file=sink))
    return path


def _facts(store: TrackStore, stage: str) -> dict[str, Any]:
    state = store.stage_state(stage)
    assert state is not None
    return dict(state["facts"])


@pytest.mark.parametrize("n_dates", [4, 5])
def test_too_few_dates_for_noise_give_rates_without_sigma(
    tmp_path: Path, run_project: Callable[..., None], caplog: pytest.LogCaptureFixture, n_dates: int
) -> None:
    stack = _stack(n_dates)
    path = _import(stack, tmp_path / "p")
    with caplog.at_level(logging.WARNING, "subside"):
        run_project(path)
    words = f"{n_dates} dates are too few to tell noise from motion"
    assert f"rates: standard deviations stay unknown: {words}, 6 are needed" in caplog.text
    store = open_session(path, None, []).store
    assert _facts(store, "correct")["dem_error"] == f"skipped, {words}, 7 are needed"
    assert words in _facts(store, "rates")["velocity_std"] and words in _facts(store, "reference")["tested"]
    assert _facts(store, "reference")["rejected"] == 0

    series, velocity = store.read("reference/displacement"), store.read("rates/velocity")
    assert len(velocity) > 30 and np.isfinite(velocity).all() and np.ptp(velocity) > 0
    years = stack.days / 365.25
    np.testing.assert_allclose(velocity, np.polyfit(years, series.T.astype(float), 1)[0], rtol=1e-4, atol=1e-6)
    assert np.isnan(store.read("rates/velocity_std")).all()
    spread = store.read("rates/displacement_std")
    assert (spread[:, 0] == 0).all() and np.isnan(spread[:, 1:]).all()

    table = point_table(store)
    assert table.attributes.sigma_definition == f"unknown: {words}, 6 are needed"
    columns = [batch.columns for batch in table.batches()]
    assert all(np.isnan(c["velocity_std"]).all() and np.isfinite(c["velocity"]).all() for c in columns)


def test_six_dates_have_a_sigma_but_no_dem_error(tmp_path: Path, run_project: Callable[..., None]) -> None:
    path = _import(_stack(6, name="demo", size=130), tmp_path / "p")
    run_project(path)
    store = open_session(path, None, []).store
    assert "7 are needed" in _facts(store, "correct")["dem_error"] and not store.has("correct/dem_error")
    spread = store.read("rates/velocity_std")
    assert len(spread) > 30 and np.isfinite(spread).all() and (spread > 0).all()
    assert "velocity_std_median_mm_yr" in _facts(store, "rates") and "tested" not in _facts(store, "reference")


def test_two_dates_are_refused_before_any_work(tmp_path: Path, run_project: Callable[..., None]) -> None:
    stack = _stack(3)
    assert stack.bperp is not None
    two = replace(stack, slc=np.asarray(stack.slc)[:2], dates=stack.dates[:2], bperp=stack.bperp[:2])
    path = _import(two, tmp_path / "p")
    with pytest.raises(ProjectError, match="has 2 dates, and rates need 3"):
        run_project(path)
    assert not open_session(path, None, []).store.has("survey/amplitude")


WHOLE_SCENE = "reference.areas=[{name='all', polygon=[[-180, -89], [180, -89], [180, 89], [-180, 89]]}]"


@pytest.mark.parametrize(
    ("overrides", "words", "absent"),
    [
        ([WHOLE_SCENE], "`reference.areas`: no point in these areas .* Choose other areas", "be found"),
        ([], "no reference area can be found: .* without a flag, 0 of these .* show PROJECT unwrapping", "hoose"),
    ],
    ids=["given", "found"],
)
def test_series_full_of_gaps_say_what_can_be_done(
    done: Path, monkeypatch: pytest.MonkeyPatch, overrides: list[str], words: str, absent: str
) -> None:
    whole = reference.corrected_displacement

    def with_gaps(store: TrackStore) -> np.ndarray[Any, np.dtype[np.float32]]:
        values = whole(store)
        values[:, 3] = np.nan
        return values

    monkeypatch.setattr(reference, "corrected_displacement", with_gaps)
    session = open_session(done, None, overrides)
    with Path(os.devnull).open("w") as sink, pytest.raises(ProjectError, match=words) as caught:
        run_session(session, Resources(workers=1), Console(file=sink), first="reference", last="reference")
    assert absent not in str(caught.value)
