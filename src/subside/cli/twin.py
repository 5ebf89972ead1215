"""Demonstration of a whole study: two simulated tracks over one ground, from images to the report, scored by truth."""

from __future__ import annotations

import logging
import time
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from subside.io.atomic import atomic_path, write_json
from subside.io.project import CONFIGURATION, Project
from subside.report.project import write_report
from subside.stages.configuration import STUDY, with_values
from subside.stages.executor import Resources
from subside.stages.logs import start_logging
from subside.stages.session import open_session, run_session
from subside.stages.simulating_heze import INPUTS, simulate_heze
from subside.studies.output import plain
from subside.studies.twin_score import ScoreRow, score_twin, shown

log = logging.getLogger("subside")

VARIANTS: Final = {"heze": "small", "heze-corridor": "corridor", "heze-line": "line"}
"""Variant of the simulated region by the name of the demonstration."""

SEED: Final = 1

_STUDY: Final = {
    "title": "the simulated Rizhao-Lankao railway",
    "track_names": ["t40", "t142"],
    "line": f"{INPUTS}/line.geojson",
    "sites": f"{INPUTS}/sites.csv",
    "rain": f"{INPUTS}/rain.csv",
    "groundwater": f"{INPUTS}/groundwater.csv",
    "land_cover": f"{INPUTS}/landcover.gpkg",
    "areas": f"{INPUTS}/areas.gpkg",
    "structures": f"{INPUTS}/structures.csv",
    "mines": f"{INPUTS}/mines.gpkg",
    "faults": f"{INPUTS}/faults.gpkg",
    "corridor": {"speed_km_h": 300.0},
}
"""What a user would write into the ``[study]`` table."""

_LONG: Final = {"keep_tilt_rate": True}
"""What a user would set for a line of tens of kilometres, whose ends may sink: see the theory of corrections."""


def run_twin(out: Path, scene: str, resources: Resources, console: Console) -> list[ScoreRow]:
    """Simulate two tracks, process them, study them, write the report, and score it all against the truth.

    Parameters
    ----------
    out : Path
        Project folder to make.
    scene : str
        One of :data:`VARIANTS`.
    resources : Resources
        What may be used.
    console : Console
        Where progress goes.

    Returns
    -------
    list of ScoreRow
        Also in ``results/score.json``.

    Raises
    ------
    ProjectError
        If the folder holds a project already, or a step cannot be made.
    """
    begun = time.perf_counter()
    simulate_heze(out, VARIANTS[scene], seed=SEED, console=console)
    project = Project.open(out)
    configuration = project.path / CONFIGURATION
    text = with_values(configuration.read_text("utf-8"), STUDY, _STUDY)
    if scene != "heze":
        text = with_values(text, "correct", _LONG)
    with atomic_path(configuration) as temporary:
        temporary.write_text(text, "utf-8")
    start_logging(console, project.logs, f"demo {scene}")
    for name in project.track_names():
        run_session(open_session(out, name, []), resources, console)
    written = write_report(out, console)
    rows = score_twin(out)
    write_json(project.results / "score.json", plain([vars(r) | {"holds": r.holds} for r in rows]))
    console.print(_table(rows))
    log.info("demo %s: %.0f s; the report is %s", scene, time.perf_counter() - begun, written[0])
    return rows


def _table(rows: list[ScoreRow]) -> Table:
    table = Table(title="found against true", title_justify="left")
    for heading in ("quantity", "of", "value", "aimed at", ""):
        table.add_column(heading)
    for row in shown(rows):
        table.add_row(*row)
    return table
