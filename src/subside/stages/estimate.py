"""What a run will cost, from the size of the stack and measured rates."""

from __future__ import annotations

from typing import Any, Final

from subside.stages.acquisitions import load_input, overlaps_to_use
from subside.stages.alignment import N_PASSES, overlap_windows
from subside.stages.session import Session
from subside.stages.tables import n_points_of

CPU_PER_UNIT: Final = {
    "geometry": ("pixel", 7e-7),
    "alignment": ("overlap pixel x date", 1.0e-6),
    "stack": ("pixel x date", 2e-7),
    "survey": ("pair x window pixel", 6e-9),
    "network": ("pair", 2e-3),
    "extract": ("pixel x (date + pair)", 1.6e-7),
    "select": ("candidate x pair", 9e-7),
    "unwrap": ("point x pair", 2.5e-6),
    "invert": ("point x pair", 4e-8),
    "correct": ("point x date", 4e-7),
    "reference": ("point x date", 1e-7),
    "rates": ("point x date", 4e-7),
}
"""CPU seconds a unit of work, measured on one core of an AMD EPYC (Zen 3) with ``subside demo``."""

CANDIDATE_SHARE: Final = 0.15
POINT_SHARE: Final = 0.08
"""Shares of pixels assumed before they are known: between farmland (2 %) and a city (40 %)."""


def _overlap_pixels(session: Session) -> float:
    """Pixels of the windows that shifts are measured on, both looks and both passes; none for an imported stack."""
    if not session.store.has("acquisitions"):
        return 0.0
    parameters: Any = session.parameters["alignment"]
    windows = overlap_windows(overlaps_to_use(load_input(session.store).lattice), parameters.windows_per_overlap)
    pixels = sum((w.lines.stop - w.lines.start) * (w.samples.stop - w.samples.start) for w in windows)
    return float(2 * N_PASSES * pixels)


def estimate_track(session: Session) -> dict[str, Any]:
    """Estimate memory floor, disk and CPU time of each stage of a track.

    Numbers of candidates and points are taken from the stages that are done, else assumed.

    Returns
    -------
    dict
        JSON-able: ``stages`` (stage, memory_gb, disk_gb, cpu_hours), totals, and ``basis`` in words.
    """
    store = session.store
    facts = store.stack_attributes()
    n_dates = len(facts["dates"])
    pixels = facts["shape"][0] * facts["shape"][1]
    n_pairs = len(store.array("network/earlier")[:]) if store.has("network/earlier") else 3 * n_dates
    extract = store.stage_state("extract")
    candidates = extract["facts"]["candidates"] if extract else CANDIDATE_SHARE * pixels
    points = n_points_of(store) or POINT_SHARE * pixels
    units = {
        "geometry": pixels,
        "alignment": n_dates * _overlap_pixels(session),
        "stack": pixels * n_dates,
        "survey": n_pairs * min(pixels, 20_000 * 100),
        "network": n_pairs,
        "extract": pixels * (n_dates + n_pairs),
        "select": candidates * n_pairs,
        "unwrap": points * n_pairs,
        "invert": points * n_pairs,
        **dict.fromkeys(("correct", "reference", "rates"), points * n_dates),
    }
    disk = {
        "geometry": pixels * 46,
        "extract": candidates * (4 * n_pairs + 20),
        "select": points * (4 * n_pairs + 60),
        "unwrap": points * (6 * n_pairs + 150),
        "invert": points * 4 * n_dates,
        "reference": points * 4 * n_dates,
        "rates": points * (4 * n_dates + 60),
    }
    rows = [
        {
            "stage": step.stage.name,
            "action": str(step.action),
            "memory_gb": step.memory / 1e9,
            "disk_gb": disk.get(step.stage.name, 0.0) / 1e9,
            "cpu_hours": units[step.stage.name] * CPU_PER_UNIT[step.stage.name][1] / 3600,
        }
        for step in session.steps()
    ]
    return {
        "track": store.name,
        "stack_gb": pixels * n_dates * 8 / 1e9,
        "total_disk_gb": sum(r["disk_gb"] for r in rows) + pixels * n_dates * 8 / 1e9,
        "total_cpu_hours": sum(r["cpu_hours"] for r in rows),
        "stages": rows,
        "basis": f"{pixels:,} pixels, {n_dates} dates, {n_pairs} pairs, {int(candidates):,} candidates "
        f"({'counted' if extract else 'assumed'}), {int(points):,} points "
        f"({'counted' if n_points_of(store) else 'assumed'})",
    }
