"""What the viewer reads of a project, and that it notices new rates."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from subside.io.project import Project
from subside.stages.point_sources import load_all
from subside.viewer.project import project_data


def test_points_of_a_project_and_its_remaking(done: Path) -> None:
    data = project_data(done)
    (points,) = load_all([f"{done}:*"])
    np.testing.assert_array_equal(
        np.frombuffer(data.column(0, "rate"), "<f4"), (points.velocity * 1000).astype(np.float32)
    )
    assert data.is_current is not None
    assert data.is_current()
    assert project_data(done).token == data.token

    project = Project.open(done)
    store = project.track(project.track_names()[0])
    state = store.stage_state("rates")
    assert state is not None
    store.finish_stage("rates", {**state, "digest": "of other parameters"})
    assert not data.is_current()
    assert project_data(done).token != data.token
    store.forget_stage("rates")
    assert not data.is_current()
