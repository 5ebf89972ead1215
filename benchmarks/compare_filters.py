"""What each way of forming the phase gives at the end of the chain: ``python benchmarks/compare_filters.py [SIZE]``.

One simulated reference scene goes through every stage once per `extract.filter_method`; a Markdown table is printed.
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np
from rich.console import Console

from subside.ops.score import Group
from subside.stages.executor import Resources
from subside.stages.session import open_session, run_session
from subside.stages.simulating import load_truth, score_track, simulate_to

METHODS = ("spectral", "none", "boxcar", "adaptive")
MM = 1000.0


def compare(size: str | None, folder: Path) -> list[list[str]]:
    """Run the chain once per method and return the rows of the table."""
    quiet = Console(file=io.StringIO())
    scene = folder / "scene"
    simulate_to(scene, "reference", size=size, dates=None, seed=1, layout="project", console=quiet)
    rows = []
    for method in METHODS:
        project = folder / method
        shutil.copytree(scene, project)
        session = open_session(project, None, [f"extract.filter_method={method}"])
        run_session(session, Resources(workers=2), quiet)
        store = session.store
        facts = store.stack_attributes()
        score = score_track(store, load_truth(project / "truth.zarr"))
        area = np.prod(facts["shape"]) * facts["azimuth_spacing"] * facts["range_spacing"] / 1e6
        n_default = int(np.count_nonzero(store.read("rates/flags") == 0))
        points, distributed = score.group(Group.POINT), score.group(Group.DISTRIBUTED)
        share = float("nan") if score.unwrapping is None else score.unwrapping.share
        rows.append(
            [
                method,
                f"{n_default / area:.0f}",
                f"{np.median(store.read('select/temporal_coherence')):.2f}",
                f"{100 * points.kept:.1f} / {100 * score.distributed_kept:.1f}",
                f"{MM * points.slope_rmse:.2f} / {MM * distributed.slope_rmse:.2f}",
                f"{MM * score.cells.rmse:.2f} (floor {MM * score.cells.floor:.2f})",
                f"{100 * share:.4f}",
                f"{100 * score.noise.n_noise / max(score.noise.n_points, 1):.1f}",
            ]
        )
        print(" | ".join(rows[-1]), file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Print the table."""
    size = sys.argv[1] if len(sys.argv) > 1 else None
    with tempfile.TemporaryDirectory() as folder:
        rows = compare(size, Path(folder))
    heads = ["phase", "points/km2", "median coherence", "PS / DS kept, %", "slope error PS / DS, mm/yr"]
    heads += ["rate rmse, 100 m cells, mm/yr", "unwrapping errors, %", "points on noise, %"]
    print("| " + " | ".join(heads) + " |")
    print("|" + "---|" * len(heads))
    for row in rows:
        print("| " + " | ".join(row) + " |")


if __name__ == "__main__":
    main()
