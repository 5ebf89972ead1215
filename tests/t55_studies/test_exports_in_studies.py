"""Studies of exported points give what studies of the project give: kinds and flags go along."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console

from subside.conventions import PointFlag
from subside.io.export import export
from subside.io.project import Project
from subside.model.points import PointKind
from subside.stages.point_sources import load_all, load_points
from subside.stages.products import point_table
from subside.studies.tracks import TracksParameters, run_tracks

FEW = TracksParameters(grid=30.0, min_points=1, n_draws=100)


@pytest.fixture(scope="module")
def projects(finished: Path, tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two projects whose rates differ; a patch of each is rougher than its pairs can carry."""
    made = []
    for k in range(2):
        path = Path(shutil.copytree(finished, tmp_path_factory.mktemp("two") / f"p{k}"))
        store = Project.open(path).track(None)
        rng = np.random.default_rng(k)
        velocity = store.array("rates/velocity")
        azimuth, range_ = store.read("select/azimuth"), store.read("select/range")
        is_rough = np.hypot(azimuth - np.median(azimuth), range_ - np.median(range_)) < 12
        noise = np.where(is_rough, 0.4, 0.002) * rng.standard_normal(len(azimuth))
        velocity[:] = velocity[:] + noise.astype(np.float32)
        made.append(path)
    return made


def _exported(projects: list[Path], folder: Path, form: str) -> list[Path]:
    return [
        export(form, point_table(Project.open(p).track(None)), folder / f"p{k}.{form}") for k, p in enumerate(projects)
    ]


@pytest.mark.parametrize("form", ["parquet", "csv"])
def test_kind_and_risk_of_aliasing_are_in_the_export(projects: list[Path], tmp_path: Path, form: str) -> None:
    for project, file in zip(projects, _exported(projects, tmp_path, form), strict=True):
        own, again = load_points(project), load_points(file)
        at_risk = (own.flags & PointFlag.ALIAS_RISK) > 0
        assert 0.005 < at_risk.mean() < 0.9, "some points are at risk, not all"
        np.testing.assert_array_equal(again.flags, own.flags)
        np.testing.assert_array_equal(again.kind, own.kind)
        assert {PointKind.PS, PointKind.DS} == {PointKind(int(k)) for k in np.unique(again.kind)}


def test_tracks_of_exports_are_tracks_of_projects(projects: list[Path], tmp_path: Path) -> None:
    files = _exported(projects, tmp_path, "parquet")
    found = {}
    for name, specs in (("own", projects), ("file", files)):
        one, two = load_all(specs)
        run_tracks(one, two, parameters=FEW, out=tmp_path / name, console=Console(file=io.StringIO()))
        found[name] = pd.read_csv(tmp_path / name / "cells.csv")
    assert len(found["own"]) >= 40
    for column in found["own"].columns:
        a, b = found["own"][column], found["file"][column]
        if not pd.api.types.is_numeric_dtype(a):
            assert a.fillna("").tolist() == b.fillna("").tolist()
        else:
            np.testing.assert_allclose(b, a, rtol=2e-4, atol=2e-3, err_msg=column)
