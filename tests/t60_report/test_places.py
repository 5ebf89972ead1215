"""What the report says of basins, lags and storage: never more than is known."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from subside.report.content import DataTable, Fact, Warned, Words
from subside.report.places import basins_blocks, basins_findings, series_blocks, series_findings
from subside.report.results import StudyResults, load_studies
from subside.studies.output import StudyFolder


def _study(out: Path, study: str, results: dict[str, Any], **parameters: object) -> StudyResults:
    folder = StudyFolder(out / study, study, study)
    folder.parameters.update(parameters)
    folder.finish(results)
    return load_studies(out)[0]


def _text(words: Words) -> str:
    return "".join(w.text if isinstance(w, Fact) else w for w in words).replace("\u00a0", " ")


def _cells(table: DataTable) -> list[dict[str, str]]:
    return [dict(zip(table.header, (str(getattr(c, "text", c)) for c in r), strict=True)) for r in table.rows]


MINED = {
    "name": "basin 1",
    "kind": "secondary",
    "reason": "a line explains 0.9 of its motion",
    "area": 25.07e6,
    "peak_rate": -0.0793,
    "risk_share": 0.0129,
    "is_lower_bound": True,
    "lost_area": 630_000.0,
    "mine_distance": 0.0,
    "mine_share": 0.114,
}
CALM = MINED | {"name": "basin 2", "is_lower_bound": False, "lost_area": 0.0, "mine_share": 0.0}


def _basins(out: Path, *rows: dict[str, Any]) -> StudyResults:
    counts = {"n_basins": len(rows), "n_primary": 0, "n_secondary": len(rows), "n_unexplained": 0}
    return _study(out, "basins", {**counts, "basins": list(rows)}, margin=500.0)


def test_a_lower_bound_is_said_before_all_else(tmp_path: Path) -> None:
    found = [_text(words) for words in basins_findings(_basins(tmp_path, MINED, CALM))]
    assert found[0] == (
        "Basin 1 has 0.63 km² where whole cycles may be lost; −79 mm/yr is what could be measured, the ground there "
        "may sink much faster. 11 % of it lies at a mine (within 1 km)."
    )
    assert "of which 0 by the stated rules directly over active mining (primary); basin 1 may hold active" in found[1]
    assert "basin 2" not in " ".join(found)


def test_ground_at_risk_without_lost_cells_and_without_mines_is_said(tmp_path: Path) -> None:
    risky = MINED | {"lost_area": 0.0, "mine_share": None, "peak_rate": None}
    (words, _) = basins_findings(_basins(tmp_path, risky))
    said = _text(words)
    assert said.startswith("Of the points of basin 1, 1.3") and said.endswith("lost; no rate could be measured there.")


def test_measured_basins_are_not_doubted(tmp_path: Path) -> None:
    (words,) = basins_findings(_basins(tmp_path, CALM))
    assert _text(words).endswith("directly over active mining (primary).")
    assert not any(
        "may sink" in _text(b.words) for b in basins_blocks(_basins(tmp_path, CALM)) if isinstance(b, Warned)
    )


def test_the_table_of_basins_tells_lower_bounds_lost_ground_and_mines(tmp_path: Path) -> None:
    blocks = basins_blocks(_basins(tmp_path, MINED, CALM))
    (table,) = [b for b in blocks if isinstance(b, DataTable)]
    first, second = _cells(table)
    assert (first["rate is a lower bound"], second["rate is a lower bound"]) == ("yes", "no")
    assert (first["lost to whole cycles (km²)"], first["share at mines (within 1 km)"]) == ("0.63", "0.11")
    assert sum("may sink much faster" in _text(b.words) for b in blocks if isinstance(b, Warned)) == 1


def _lag(**more: object) -> dict[str, Any]:
    row = {"group": "bare", "track": "t40", "driver": "shallow_depth", "is_claimed": True, "lag_days": 0.0}
    return {**row, "lag_interval_days": [0.0, 5.2], "lag_open_end": "a lead is not excluded", **more}


def test_a_lag_at_the_edge_of_the_search_is_no_lag_of_zero(tmp_path: Path) -> None:
    results = _study(tmp_path, "series", {"lags": [_lag()]})
    (words,) = series_findings(results)
    assert _text(words) == (
        "Departures of “bare” (t40) from its usual season follow those of shallow groundwater head with a lag of "
        "5 days or less (95 %); a lead is not excluded."
    )
    (row,) = _cells(next(b for b in series_blocks(results) if isinstance(b, DataTable)))
    assert row["behind"] == "shallow groundwater head" and row["end of the search"] == "a lead is not excluded"


@pytest.mark.parametrize(
    ("driver", "kind", "said"),
    [
        ("rain", "rain", "rain"),
        ("deep_depth", None, "deep groundwater head"),
        ("groundwater_level", "level", "groundwater head"),
        ("well_7", "depth", "groundwater head (well 7)"),
        ("rain_north", "rain", "rain north"),
    ],
)
def test_drivers_are_named_as_a_reader_names_them(tmp_path: Path, driver: str, kind: str | None, said: str) -> None:
    row = _lag(driver=driver, driver_kind=kind, lag_days=60.0, lag_interval_days=[50.0, 70.0], lag_open_end="")
    (words,) = series_findings(_study(tmp_path, "series", {"lags": [row]}))
    assert f"follow those of {said} with a lag of 60 days (95 % interval 50 to 70 days)." in _text(words)


@pytest.mark.parametrize(
    ("interval", "said"),
    [
        ([-0.003, 0.0085], "related, coefficient undetermined"),
        ([None, None], "related, interval unknown"),
        ([0.0011, 0.0121], "yes"),
    ],
)
def test_a_coefficient_that_may_be_zero_is_not_plainly_claimed(tmp_path: Path, interval: list[Any], said: str) -> None:
    row = {"group": "bare", "head": "shallow_depth", "is_elastic_claimed": True, "elastic_storage": 0.0027}
    results = _study(tmp_path, "series", {"storage": [{**row, "elastic_storage_interval": interval}]})
    (cells,) = _cells(next(b for b in series_blocks(results) if isinstance(b, DataTable)))
    assert cells["elastic claimed"] == said and cells["head"] == "shallow groundwater head"
