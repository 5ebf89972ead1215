"""Blocks on dask workers, admitted by a memory budget.

``dask.distributed`` is the only executor: an in-process cluster by default, any cluster by its address. The
worker's own memory manager is off; the budget decides how many blocks are in flight, and no bit of a result
depends on it.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

import psutil
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from subside.errors import BudgetError, ProjectError
from subside.io.store import TrackStore
from subside.stages.stage import BlockFunction

log = logging.getLogger("subside")

BASELINE_BYTES = 450_000_000
"""Resident size of the interpreter with every library loaded and the kernels compiled, measured on Linux."""

MIN_MEMORY_BYTES = 1_000_000_000


class MemoryWatch(threading.Thread):
    """Samples the resident size of the process tree and keeps the peak."""

    def __init__(self, interval: float = 0.1) -> None:
        """Prepare a daemon that samples every ``interval`` seconds."""
        super().__init__(daemon=True, name="memory-watch")
        self.peak = 0
        self._interval = interval
        self._stop_event = threading.Event()

    def run(self) -> None:
        """Sample until stopped."""
        process = psutil.Process()
        while not self._stop_event.is_set():
            try:
                family = [process, *process.children(recursive=True)]
                self.peak = max(self.peak, sum(p.memory_info().rss for p in family))
            except psutil.Error:
                pass
            self._stop_event.wait(self._interval)

    def take_peak(self) -> int:
        """Return the peak since the last call and start again."""
        peak, self.peak = self.peak, 0
        return peak

    def stop(self) -> None:
        """End the sampling."""
        self._stop_event.set()


@dataclass
class Resources:
    """What a run may use. None of it changes a bit of a result.

    Attributes
    ----------
    workers : int
        Blocks computed at a time, at most.
    memory : int
        Bytes for the whole process tree.
    scheduler : str or None
        Address of a ``dask.distributed`` scheduler; None starts one in this process.
    """

    workers: int = field(default_factory=lambda: os.cpu_count() or 1)
    memory: int = 4_000_000_000
    scheduler: str | None = None

    def __post_init__(self) -> None:
        """Refuse what cannot work."""
        if self.workers < 1:
            raise BudgetError(f"`workers` must be at least 1, got {self.workers}")
        if self.memory < MIN_MEMORY_BYTES:
            raise BudgetError(
                f"`--memory` must be at least 1 GB, got {self.memory / 1e9:.2f} GB: the libraries alone need "
                f"{BASELINE_BYTES / 1e9:.2f} GB"
            )


def _run_one(
    function: BlockFunction,
    store: TrackStore,
    stage: str,
    digest: str,
    item: tuple[str, Any],
    common: Mapping[str, Any],
) -> dict[str, Any]:
    name, block = item
    result = dict(function(store, block, common))
    store.commit_block(stage, name, digest, result)
    return result


class Executor:
    """Runs blocks on a cluster; a context manager."""

    def __init__(self, resources: Resources, console: Console) -> None:
        """Keep the resources; the cluster starts with the first block."""
        self.resources = resources
        self.console = console
        self.watch = MemoryWatch()
        self._client: Any = None

    def __enter__(self) -> Executor:
        """Start watching memory."""
        self.watch.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the cluster."""
        self.watch.stop()
        if self._client is not None:
            self._client.close(timeout=5)
            if self._cluster is not None:
                self._cluster.close(timeout=5)

    def client(self) -> Any:
        """Connect to the scheduler, or start the in-process cluster.

        Raises
        ------
        ProjectError
            When the scheduler given does not answer.
        """
        if self._client is None:
            from dask import config
            from distributed import Client, LocalCluster

            config.set({"distributed.admin.tick.limit": "60s", "distributed.worker.profile.enabled": False})
            logging.getLogger("distributed").setLevel(logging.CRITICAL)
            self._cluster = None
            if self.resources.scheduler is None:
                self._cluster = LocalCluster(
                    n_workers=1,
                    threads_per_worker=self.resources.workers,
                    processes=False,
                    memory_limit=0,
                    # The status pages cannot be left out: any free port, never a fixed one, seen from here only.
                    scheduler_kwargs={"dashboard": False, "dashboard_address": "127.0.0.1:0"},
                    worker_dashboard_address="127.0.0.1:0",
                )
                self._client = Client(self._cluster)
            else:
                try:
                    self._client = Client(self.resources.scheduler, timeout="10s")
                except (OSError, TimeoutError, ValueError) as error:
                    raise ProjectError(
                        f"no dask scheduler answers at {self.resources.scheduler} ({error}). Start one with "
                        "`dask scheduler`, or leave --scheduler out to run on this machine."
                    ) from error
        return self._client

    def in_flight(self, block_bytes: int) -> int:
        """Blocks admitted at a time under the budget (at least one: the stage's floor was checked before)."""
        resident = max(BASELINE_BYTES, psutil.Process().memory_info().rss)
        if self.resources.scheduler is not None:
            return self.resources.workers
        return max(1, min(self.resources.workers, int((self.resources.memory - resident) // max(block_bytes, 1))))

    def run(
        self,
        function: BlockFunction,
        blocks: Sequence[tuple[str, Any]],
        *,
        store: TrackStore,
        stage: str,
        digest: str | Mapping[str, str],
        common: Mapping[str, Any],
        block_bytes: int,
        label: str,
    ) -> dict[str, Mapping[str, Any]]:
        """Run the blocks that are not committed under ``digest`` (one for all, or by name); every block's result."""
        wanted = {name: digest if isinstance(digest, str) else digest[name] for name, _ in blocks}
        results: dict[str, Mapping[str, Any]] = {}
        pending: list[tuple[str, Any]] = []
        for item in blocks:
            done = store.block_marker(stage, item[0], wanted[item[0]])
            if done is None:
                pending.append(item)
            else:
                results[item[0]] = done
        if results:
            log.info("%s: %d of %d blocks were committed before", stage, len(results), len(blocks))
        with _progress(self.console) as progress:
            bar = progress.add_task(label, total=len(blocks), completed=len(results))
            for name, result in self._stream(function, pending, (store, stage, wanted, common), block_bytes):
                results[name] = result
                progress.advance(bar)
        return {name: results[name] for name, _ in blocks}

    def _stream(
        self,
        function: BlockFunction,
        pending: Sequence[tuple[str, Any]],
        where: tuple[Any, ...],
        block_bytes: int,
    ) -> Any:
        if not pending:
            return
        from distributed import as_completed

        client = self.client()
        store, stage, wanted, common = where
        queue = iter(pending)
        names: dict[str, str] = {}

        def submit(item: tuple[str, Any]) -> Any:
            future = client.submit(_run_one, function, store, stage, wanted[item[0]], item, common, pure=False)
            names[future.key] = item[0]
            return future

        limit = self.in_flight(block_bytes)
        first = [submit(item) for _, item in zip(range(limit), queue, strict=False)]
        stream = as_completed(first)
        for future in stream:
            yield names[future.key], future.result()
            future.release()
            following = next(queue, None)
            if following is not None:
                stream.add(submit(following))


def _progress(console: Console) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=30),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("ETA"),
        TimeRemainingColumn(),
        console=console,
        transient=not console.is_terminal,
    )


@dataclass
class Stopwatch:
    """Wall and CPU seconds of the process tree since it was made."""

    wall: float = field(default_factory=time.perf_counter)
    cpu: float = field(default_factory=time.process_time)

    def read(self) -> tuple[float, float]:
        """Return wall and CPU seconds."""
        return time.perf_counter() - self.wall, time.process_time() - self.cpu
