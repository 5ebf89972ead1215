"""The demonstration: simulate, run, score, and leave figures and a page."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table as ConsoleTable

from subside.cli.showing import figure_keys, make_figure, save_figure, truth_path
from subside.figures import FigureResult
from subside.io.atomic import write_json
from subside.io.export import export
from subside.io.project import Project
from subside.io.store import TrackStore
from subside.ops.score import Row, Score
from subside.report.content import Chapter, DataTable, Paragraph, Picture
from subside.report.page import TitleBlock, write_page
from subside.stages.executor import Resources
from subside.stages.logs import start_logging
from subside.stages.products import point_table
from subside.stages.session import open_session, run_session, status_of
from subside.stages.simulating import load_truth, score_track, simulate_to

log = logging.getLogger("subside")

SCENES: Final = {"chain": ("demo", 1)}
"""Simulated scene and seed of each demonstration."""


def run_demo(out: Path, scene: str, resources: Resources, console: Console) -> Score:
    """Run the demonstration through the steps a user has.

    Parameters
    ----------
    out : Path
        Project folder to make.
    scene : str
        One of :data:`SCENES`.
    resources : Resources
        What may be used.
    console : Console
        Where progress goes.

    Returns
    -------
    Score
        Recovered against true.
    """
    name, seed = SCENES[scene]
    begun = time.perf_counter()
    simulate_to(out, name, size=None, dates=None, seed=seed, layout="project", console=console)
    project = Project.open(out)
    start_logging(console, project.logs, "demo")
    session = open_session(out, None, [])
    run_session(session, resources, console)
    store = session.store
    score = score_track(store, load_truth(truth_path(store)))
    results = project.results
    figures = {}
    for key, title in figure_keys(store):
        figures[key] = (title, make_figure(store, key))
        save_figure(figures[key][1], results / f"{key}.png")
    for fmt, file in (("parquet", "points.parquet"), ("gpkg", "points.gpkg"), ("csv", "points.csv")):
        export(fmt, point_table(store), results / file)
    write_json(results / "recovery.json", [vars(r) | {"value": _finite(r.value)} for r in score.table()])
    _write_page(results / "summary.html", store, score, figures, status_of(session))
    console.print(_table(score))
    log.info("demo: %.0f s; figures, exports and summary.html in %s", time.perf_counter() - begun, results)
    return score


def _finite(value: float) -> float | None:
    return value if value == value else None


def _shown(score: Score) -> list[tuple[str, str, str]]:
    """Rows of the score that hold a number, as text."""
    seen = [row for row in score.table() if row.value == row.value]
    return [(row.quantity, str(row.group), f"{_number(row)} {row.unit}".strip()) for row in seen]


def _number(row: Row) -> str:
    return f"{row.value:,.0f}" if row.quantity == "points" else f"{row.value:.4g}"


def _table(score: Score) -> ConsoleTable:
    table = ConsoleTable(title="recovered against true", title_justify="left")
    for heading in ("quantity", "stratum", "value"):
        table.add_column(heading)
    for row in _shown(score):
        table.add_row(*row)
    return table


_CAPTIONS: Final = {
    "recovery": "Estimated against true rates, by kind of scatterer.",
    "velocity": "Line-of-sight velocity of the default set; red is away from the satellite.",
    "velocity-std": "Standard deviation of the velocity, the one the intervals are tested with.",
}


def _caption(key: str, title: str) -> str:
    return _CAPTIONS.get(key, f"{title[0].upper()}{title[1:]}.")


def _write_page(
    path: Path,
    store: TrackStore,
    score: Score,
    figures: Mapping[str, tuple[str, FigureResult]],
    stages: Sequence[Mapping[str, Any]],
) -> None:
    facts = [
        (s["stage"], s["state"], f"{s['wall_seconds']:.1f}", f"{s['peak_bytes'] / 1e9:.2f}", _words(s["facts"]))
        for s in stages
    ]
    recovered = DataTable("Recovered against true.", ("quantity", "stratum", "value"), _shown(score))
    done = DataTable("Stages and the facts they left.", ("stage", "state", "wall s", "peak GB", "facts"), facts)
    chapters = [
        Chapter(
            "What this is",
            [
                Paragraph(("A simulated track with known truth, processed by the same commands as real data.",)),
                Paragraph(
                    (
                        "Velocities are along the line of sight, positive toward the satellite, relative to reference "
                        f"areas whose own motion is unknown; {store.read_attributes('rates')['sigma']}.",
                    )
                ),
            ],
        ),
        Chapter("Recovered against true", [recovered]),
        Chapter("What was done", [done]),
        Chapter("Figures", [Picture(r, _caption(key, title)) for key, (title, r) in figures.items()]),
    ]
    write_page(path, TitleBlock("subside demonstration"), chapters)


def _words(facts: Mapping[str, object]) -> str:
    return ", ".join(f"{k} {v:.4g}" if isinstance(v, float) else f"{k} {v}" for k, v in facts.items())
