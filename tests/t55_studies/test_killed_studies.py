"""A study killed while it writes and run again leaves what an undisturbed run leaves, bit by bit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyogrio
import pytest

from subside.io.export import export
from subside.io.project import Project
from subside.model.points import transform
from subside.stages.point_sources import load_points
from subside.stages.products import point_table
from subside.studies.output import SUMMARY

COMMAND = (sys.executable, "-c", "from subside.cli import main; main()")
MAP = "corridor.gpkg"


def _line(points: Path, path: Path) -> Path:
    got = load_points(points)
    middle = float(np.median(got.northing))
    ends = transform([got.easting.min(), got.easting.max()], [middle, middle], source=got.crs, target="EPSG:4326")
    line = {"type": "LineString", "coordinates": np.column_stack(ends).tolist()}
    feature = {"type": "Feature", "properties": {"name": "line"}, "geometry": line}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def _start(points: Path, line: Path, out: Path) -> subprocess.Popen[bytes]:
    words = ("corridor", str(points), str(out), "--line", str(line), "--half-width", "300")
    quiet = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen([*COMMAND, *words], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=quiet)


def _names(folder: Path) -> set[str]:
    return {p.name for p in folder.iterdir()} if folder.is_dir() else set()


def _content(folder: Path) -> dict[str, Any]:
    """Bytes of every file; of the map, which holds the time it was written, its layers and their numbers."""
    found: dict[str, Any] = {n: (folder / n).read_bytes() for n in sorted(_names(folder)) if not n.startswith(".")}
    if MAP in found:
        layers = [str(name) for name, _ in pyogrio.list_layers(folder / MAP)]
        found[MAP] = {name: pyogrio.read_dataframe(folder / MAP, layer=name).to_csv() for name in layers}
    return found


def _kill_when(run: subprocess.Popen[bytes], is_time: Callable[[], bool]) -> None:
    """Kill a run at a moment that its folder tells, so that it does not depend on the speed of the machine."""
    until = time.monotonic() + 120.0
    while not is_time():
        assert run.poll() is None, "the run ended before the moment came"
        assert time.monotonic() < until, "the moment never came"
        time.sleep(0.002)
    run.kill()
    run.wait()


@pytest.mark.slow
def test_a_killed_study_run_again_is_the_undisturbed_one(finished: Path, tmp_path: Path) -> None:
    points = export("parquet", point_table(Project.open(finished).track(None)), tmp_path / "p.parquet")
    line, calm, out = _line(points, tmp_path / "line.geojson"), tmp_path / "calm", tmp_path / "out"
    assert _start(points, line, calm).wait() == 0
    expected = _content(calm)
    assert SUMMARY in expected and "corridor.png" in expected and set(expected[MAP]) >= {"points", "bins"}
    begun = {f".{Path(name).stem}.partial-" for name in expected}

    moments: dict[str, Callable[[], bool]] = {
        "the first table is there": lambda: "bins.csv" in _names(out),
        "the map is being written": lambda: any(
            n.startswith(".corridor.partial-") and n.endswith(".gpkg") for n in _names(out)
        ),
        "the last figure is there": lambda: "density.png" in _names(out),
    }
    for moment, is_time in moments.items():
        for name in _names(out) & expected.keys():
            (out / name).unlink()
        _kill_when(_start(points, line, out), is_time)
        left = _content(out)
        assert left and SUMMARY not in left, f"no summary may vouch for a study killed when {moment}"
        whole = {name: left[name] == expected[name] for name in left}
        assert all(whole.values()), f"{moment}: torn under its own name: {[n for n in whole if not whole[n]]}"
        assert all(any(n.startswith(b) for b in begun) for n in _names(out) - expected.keys())

    assert _start(points, line, out).wait() == 0
    assert _content(out) == expected
    assert _names(out) == _names(calm), "torn files of the killed runs stayed"

    _kill_when(_start(points, line, out), lambda: SUMMARY not in _names(out))
    assert SUMMARY not in _names(out), "a finished summary vouched for files that another run had begun to replace"
