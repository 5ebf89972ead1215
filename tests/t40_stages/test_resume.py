"""kill -9 at commit points and at random moments: the resumed result equals the uninterrupted one bit for bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import subside

SCRIPT = Path(__file__).with_name("killing.py")
SIGKILLED = -9


def _kill(base: Path, work: Path, plan: dict[str, object], timeout: float) -> dict:
    (work / "plan.json").write_text(json.dumps(plan))
    environment = {**os.environ, "PYTHONPATH": str(Path(subside.__file__).parent.parent)}
    words = [sys.executable, str(SCRIPT), str(base), str(work), str(work / "plan.json"), str(work / "answer.json")]
    subprocess.run(words, check=True, timeout=timeout, env=environment, capture_output=True)
    answer = json.loads((work / "answer.json").read_text())
    assert answer["code"] == 0, (work / "child.log").read_text()[-2000:]
    assert answer["arrays"] > 60
    return answer


def _check(answer: dict, *, must_die: bool) -> None:
    for row in answer["kills"]:
        assert row["killed"] == SIGKILLED or not must_die, row
        assert row["code"] == 0 and row["differ"] == [], row


REPRESENTATIVE = (
    "before commit_block extract tile_1_0",
    "before finish_stage select",
    "after commit_block unwrap pairs_1",
)


def test_kill_at_representative_commit_points(imported: Path, tmp_path: Path) -> None:
    answer = _kill(imported, tmp_path, {"points": list(REPRESENTATIVE), "moments": []}, 200)
    assert [row["what"] for row in answer["kills"]] == list(REPRESENTATIVE)
    _check(answer, must_die=True)


@pytest.mark.slow
def test_kill_at_every_commit_point(imported: Path, tmp_path: Path) -> None:
    answer = _kill(imported, tmp_path, {"points": "all", "moments": []}, 3000)
    assert len(answer["kills"]) == len(answer["events"]) > 70
    _check(answer, must_die=True)


@pytest.mark.slow
def test_kill_at_ten_random_moments(imported: Path, tmp_path: Path) -> None:
    moments = np.random.default_rng(20180108).uniform(0.05, 0.95, 10)
    answer = _kill(imported, tmp_path, {"points": [], "moments": moments.tolist()}, 900)
    assert sum(row["killed"] == SIGKILLED for row in answer["kills"]) >= 7
    _check(answer, must_die=False)
