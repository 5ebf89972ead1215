"""Workers, memory and cluster change no bit; what cannot work is refused in words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest
from killing import digests
from rich.console import Console

import subside
from subside.errors import ProjectError
from subside.stages.executor import BASELINE_BYTES, Executor, MemoryWatch, Resources

GB = 1_000_000_000


def test_two_workers_and_one_gigabyte_change_no_bit(finished: Path, fresh: Path, subside_command: Any) -> None:
    ran = subside_command("run", fresh, "--workers", "2", "--memory", "1GB")
    assert ran.returncode == 0, ran.stderr
    truth = digests(finished)
    assert len(truth) > 60 and digests(fresh) == truth


def test_blocks_in_flight_follow_the_budget() -> None:
    executor = Executor(Resources(workers=4, memory=2 * GB), Console(quiet=True))
    resident = max(BASELINE_BYTES, psutil.Process().memory_info().rss)
    free = 2 * GB - resident
    assert executor.in_flight(free // 10) == 4
    assert executor.in_flight(int(free / 2.5)) == 2
    assert executor.in_flight(5 * GB) == 1
    assert Executor(Resources(workers=1), Console(quiet=True)).in_flight(1) == 1


def test_memory_watch_sees_a_child_and_starts_again() -> None:
    watch = MemoryWatch(interval=0.02)
    watch.start()
    code = "import time; b = bytearray(200_000_000); time.sleep(1)"
    child = subprocess.Popen([sys.executable, "-c", code])
    child.wait()
    own = psutil.Process().memory_info().rss
    assert watch.take_peak() > own + 150_000_000
    again = 0
    for _ in range(200):
        again = again or watch.take_peak()
        if again:
            break
        time.sleep(0.05)
    assert 0 < again < own + 150_000_000
    watch.stop()


def test_an_address_nobody_answers_is_one_clear_error() -> None:
    for address in ("tcp://127.0.0.1:9", "nonsense://x"):  # the first after the ten seconds allowed
        executor = Executor(Resources(workers=1, scheduler=address), Console(quiet=True))
        with pytest.raises(ProjectError, match="no dask scheduler answers at"), executor:
            executor.client()


def test_the_embedded_cluster_is_not_seen_from_other_machines() -> None:
    quiet = Console(quiet=True)
    with Executor(Resources(workers=1), quiet) as first, Executor(Resources(workers=1), quiet) as second:
        assert first.client().submit(lambda: 3).result() == second.client().submit(lambda: 3).result() == 3
        listening = [c.laddr for c in psutil.Process().net_connections("tcp") if c.status == psutil.CONN_LISTEN]
        assert {a.ip for a in listening} <= {"127.0.0.1", "::1"}
        assert 8787 not in {a.port for a in listening}


@contextmanager
def _cluster(folder: Path) -> Iterator[str]:
    environment = {**os.environ, "PYTHONPATH": str(Path(subside.__file__).parent.parent)}
    with ExitStack() as stack:

        def start(log: Path, *words: str) -> None:
            stream = stack.enter_context(log.open("w"))
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *words], env=environment, stdout=stream, stderr=stream
            )
            stack.callback(process.wait, 20)
            stack.callback(process.terminate)

        log = folder / "scheduler.log"
        start(log, "scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard")
        address = None
        for _ in range(200):
            time.sleep(0.1)
            found = re.search(r"Scheduler at:\s*(tcp://127\.0\.0\.1:\d+)", log.read_text())
            if found:
                address = found[1]
                break
        assert address, log.read_text()
        start(folder / "worker.log", "worker", address, "--nthreads", "2", "--memory-limit", "0", "--no-dashboard")
        yield address


@pytest.mark.slow
def test_a_cluster_by_its_address_gives_the_same_bits(
    finished: Path, fresh: Path, tmp_path: Path, subside_command: Any
) -> None:
    with _cluster(tmp_path) as address:
        ran = subside_command("run", fresh, "--scheduler", address, "--workers", "2", timeout=300)
    assert ran.returncode == 0, ran.stderr
    assert digests(fresh) == digests(finished)
    assert "Compute Failed" not in (tmp_path / "worker.log").read_text()


@pytest.mark.slow
def test_the_process_tree_stays_below_the_budget(tmp_path: Path, subside_command: Any) -> None:
    project = tmp_path / "large"
    made = subside_command("simulate", project, "--size", "400x900", "--dates", "20", timeout=400)
    assert made.returncode == 0, made.stderr
    twin = Path(shutil.copytree(project, tmp_path / "twin"))
    for path, memory, limit in ((project, "1GB", GB), (twin, "4GB", 4 * GB)):
        ran = subside_command("run", path, "--memory", memory, "--workers", "2", timeout=900)
        assert ran.returncode == 0, ran.stderr
        peaks = [float(v) for v in re.findall(r"peak (\d+\.\d+)", re.sub(r"\s+", " ", ran.stderr))]
        assert len(peaks) == 9 and max(peaks) * GB < limit
    assert digests(project) == digests(twin)
