"""Scenes that nobody wants: each ends in a sensible result or in a typed error that says what is wrong."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from subside.errors import SubsideError
from subside.io.project import Project
from subside.model.stack import Stack
from subside.ops.simulate import scene, simulate
from subside.stages.catalogue import STAGES
from subside.stages.configuration import default_toml
from subside.stages.importing import import_stack
from subside.stages.session import open_session
from subside.stages.simulating import source_of

Spoil = Callable[[np.ndarray], None]


@pytest.fixture(scope="module")
def clean() -> Stack:
    return simulate(scene("demo", lines=90, samples=100, n_dates=10), seed=2).stack


def _import(stack: Stack, path: Path) -> Path:
    with Path(os.devnull).open("w") as sink:
        made = Project.create(path, default_toml(STAGES, "p"))
        import_stack(made.new_track("t"), source_of(stack), request={}, console=Console(file=sink))
    return path


def _spoilt(stack: Stack, spoil: Spoil) -> Stack:
    slc = np.array(stack.slc)
    spoil(slc)
    return replace(stack, slc=slc)


def _hole(slc: np.ndarray) -> None:
    slc[:, 20:40, 30:60] = np.nan
    slc[2, 60:80, 10:30] = np.nan + 1j


def _half_a_date(slc: np.ndarray) -> None:
    slc[4, :, 50:] = 0


@pytest.mark.parametrize(
    ("spoil", "without"),
    [(_hole, np.s_[20:40, 30:60]), (_half_a_date, np.s_[:, 50:])],
    ids=["holes of NaN", "half a date of zeros"],
)
def test_no_data_gives_no_points_there_and_points_elsewhere(
    clean: Stack, tmp_path: Path, run_project: Any, spoil: Spoil, without: Any
) -> None:
    path = _import(_spoilt(clean, spoil), tmp_path / "p")
    run_project(path)
    store = open_session(path, None, []).store
    picture = np.zeros(clean.shape, bool)
    picture[store.read("select/azimuth"), store.read("select/range")] = True
    assert picture.sum() > 30 and not picture[without].any()
    velocity = store.read("rates/velocity")
    assert np.isfinite(velocity[store.read("rates/flags") == 0]).all()


def _one_pixel(slc: np.ndarray) -> None:
    slc[:] = 0
    slc[:, 45, 40] = 1


def _noise(slc: np.ndarray) -> None:
    rng = np.random.default_rng(0)
    slc[:] = rng.normal(size=slc.shape) + 1j * rng.normal(size=slc.shape)


def _empty_date(slc: np.ndarray) -> None:
    slc[4] = 0


def _constant(slc: np.ndarray) -> None:
    slc[:] = 1


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (_one_pixel, "almost all of it is no data"),
        (_noise, "points were selected"),
        (_empty_date, r"S106.*20170\d\d\d"),
        (_constant, "points were selected"),
    ],
    ids=["one pixel", "noise", "an empty date", "a constant"],
)
def test_what_cannot_work_says_why(clean: Stack, tmp_path: Path, run_project: Any, spoil: Spoil, words: str) -> None:
    with pytest.raises(SubsideError, match=words):
        run_project(_import(_spoilt(clean, spoil), tmp_path / "p"))


def test_a_scene_of_few_pixels_ends_in_words(tmp_path: Path, run_project: Any) -> None:
    stack = simulate(scene("demo", lines=16, samples=16, n_dates=10), seed=2).stack
    with pytest.raises(SubsideError, match="points were selected"):
        run_project(_import(stack, tmp_path / "p"))


def test_what_is_not_known_is_skipped_and_named(clean: Stack, tmp_path: Path, run_project: Any) -> None:
    path = _import(replace(clean, geometry={}, bperp=None), tmp_path / "p")
    run_project(path)
    store = open_session(path, None, []).store
    state = store.stage_state("correct")
    assert state is not None and "perpendicular baselines" in state["facts"]["dem_error"]
    assert "unknown" in (store.stage_state("select") or {})["facts"]["look_angle_error"]
    assert not store.has("correct/dem_error") and np.isfinite(store.read("rates/velocity")).any()
