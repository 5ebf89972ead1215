"""Kills runs at chosen commit points or moments and resumes them; run as a script in a process without threads.

``killing.py BASE WORK PLAN OUT``: the plan is JSON, ``{"points": [n, ...] or "all", "moments": [share, ...]}``;
the answer is JSON with the events of an uninterrupted run, and for every kill what died and which arrays differ.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

GROUPS = ("survey", "network", "extract", "select", "unwrap", "invert", "correct", "reference", "rates")
POINTS = ("forget_stage", "finish_stage", "commit_block")
"""Every way in which a stage writes state; each is a commit point, before and after."""


def digests(project: Path) -> dict[str, str]:
    """Digest of every array and every attribute of the stages of the only track."""
    import zarr

    from subside.io.store import TrackStore, content_digest

    (track,) = (project / "tracks").glob("*.zarr")
    store = TrackStore(track)
    result = {}
    for group in GROUPS:
        attributes = json.dumps(store.read_attributes(group), sort_keys=True)
        result[f"{group}@"] = hashlib.sha256(attributes.encode()).hexdigest()
        for file in sorted((track / group).rglob("zarr.json")):
            name = str(file.parent.relative_to(track))
            if json.loads(file.read_text())["node_type"] == "array":
                result[name] = content_digest(zarr.open_array(file.parent, mode="r")[...])
    return result


def _patch(kill_at: int | None, log: Path | None) -> None:
    from subside.io.store import TrackStore

    count = 0

    def event(name: str) -> None:
        nonlocal count
        if log is not None:
            with log.open("a") as stream:
                stream.write(name + "\n")
        if count == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    def wrap(method: str) -> None:
        original = getattr(TrackStore, method)

        def wrapped(self: Any, stage: str, *words: Any) -> None:
            label = f"{method} {stage}" + (f" {words[0]}" if method == "commit_block" else "")
            event("before " + label)
            original(self, stage, *words)
            event("after " + label)

        setattr(TrackStore, method, wrapped)

    for method in POINTS:
        wrap(method)


def _child(project: Path, *, kill_at: int | None = None, log: Path | None = None) -> int:
    pid = os.fork()
    if pid:
        return pid
    sink = os.open(project.parent / "child.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.dup2(sink, 1)
    os.dup2(sink, 2)
    code = 70
    try:
        _patch(kill_at, log)
        sys.argv = ["subside", "run", str(project), "--workers", "1"]
        from subside.cli import main

        main()
        code = 0
    except SystemExit as stop:
        code = int(stop.code or 0)
    finally:
        os._exit(code)


def _wait(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def _cpu_seconds_of(pid: int) -> float:
    _, status, usage = os.wait4(pid, 0)
    if status != 0:
        raise RuntimeError(f"the timed run ended with status {status}")
    return usage.ru_utime + usage.ru_stime


def _kill_after(pid: int, cpu_seconds: float) -> None:
    """Kill a run once it has used so much CPU time: a moment of its work, whatever else the machine does."""
    import psutil

    process = psutil.Process(pid)
    while process.status() != psutil.STATUS_ZOMBIE:
        used = process.cpu_times()
        if used.user + used.system >= cpu_seconds:
            break
        time.sleep(0.005)
    os.kill(pid, signal.SIGKILL)


def _resumed(project: Path, truth: dict[str, str]) -> dict[str, Any]:
    code = _wait(_child(project))
    found = digests(project) if code == 0 else {}
    names = sorted({*truth, *found})
    return {"code": code, "differ": [n for n in names if truth.get(n) != found.get(n)]}


def main() -> None:
    base, work, plan, out = (Path(p) for p in sys.argv[1:5])
    import subside.cli.app
    import subside.stages.session  # noqa: F401  (loaded once, before the forks)

    wanted = json.loads(plan.read_text())
    whole = Path(shutil.copytree(base, work / "whole"))
    log = work / "events.txt"
    code = _wait(_child(whole, log=log))
    seconds = 0.0
    if wanted["moments"]:
        timed = Path(shutil.copytree(base, work / "timed"))
        seconds = _cpu_seconds_of(_child(timed))  # the kernels are compiled by now
    truth, events = digests(whole), log.read_text().splitlines()
    answer: dict[str, Any] = {"code": code, "arrays": len(truth), "seconds": seconds, "events": events, "kills": []}
    chosen = wanted["points"]
    points = list(range(len(events))) if chosen == "all" else [events.index(name) for name in chosen]
    for share in [*(("point", p) for p in points), *(("moment", m) for m in wanted["moments"])]:
        kind, value = share
        project = Path(shutil.copytree(base, work / "killed"))
        pid = _child(project, kill_at=value if kind == "point" else None)
        if kind == "moment":
            _kill_after(pid, value * seconds)
        killed = _wait(pid)
        row = {"what": events[value] if kind == "point" else f"{value:.3f} of the run", "killed": killed}
        answer["kills"].append(row | _resumed(project, truth))
        shutil.rmtree(project)
    out.write_text(json.dumps(answer, indent=1))


if __name__ == "__main__":
    main()
