"""Facts of a track are those of its store."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from subside.report.methods import methods_chapter, table_one
from subside.report.tracks import track_facts
from subside.stages.session import open_session, status_of


@pytest.fixture(scope="module")
def session(finished: Path):  # type: ignore[no-untyped-def]
    return open_session(finished, None, [])


def test_facts_of_a_finished_track(session) -> None:  # type: ignore[no-untyped-def]
    store = session.store
    facts = track_facts(store, status=status_of(session))
    flags, is_filtered = store.read("rates/flags"), store.read("select/is_filtered")
    assert facts.is_finished and facts.pass_direction == "ascending" and facts.heading_deg == 347.0
    assert facts.points == {
        "all": len(flags),
        "default": int((flags == 0).sum()),
        "ps": int(((flags == 0) & ~is_filtered).sum()),
        "ds": int(((flags == 0) & is_filtered).sum()),
    }
    assert facts.incidence_deg and 38.5 < facts.incidence_deg[1] < 39.5
    assert facts.line_of_sight and np.linalg.norm(facts.line_of_sight) == pytest.approx(1.0)
    assert facts.line_of_sight[0] < 0 < facts.line_of_sight[2]
    network = store.stage_state("network")["facts"]
    assert {k: facts.pairs[k] for k in ("kept", "added", "dropped")} == {
        k: network[k] for k in ("kept", "added", "dropped")
    }
    assert facts.digest_of("rates") == store.stage_state("rates")["digest"]
    assert facts.digest_of("stack") == store.stage_state("stack")["digest"]
    assert all(s.state == "done" for s in facts.stages) and len(facts.stages) == 9
    assert all("point_rows" not in a for a in facts.areas) and facts.areas


def test_table_one_and_methods_say_them(session) -> None:  # type: ignore[no-untyped-def]
    facts = track_facts(session.store)
    rows = {row[0]: row[1] for row in table_one([facts]).rows}
    assert rows["number of acquisitions"].text == "12"  # type: ignore[union-attr]
    assert rows["relative orbit"] == "unknown"
    assert rows["digest of the rates"] == facts.digest_of("rates")[:12]
    part = methods_chapter([facts]).parts[0]
    assert part.title == "Track simulated" and len(part.blocks) >= 5


def test_an_imported_track_is_not_finished(imported: Path) -> None:
    facts = track_facts(open_session(imported, None, []).store)
    assert not facts.is_finished and facts.points == {} and facts.pairs == {} and facts.stages == ()
    assert facts.incidence_deg is not None and facts.median_sigma_mm_yr is None
    rows = {row[0]: row[1] for row in table_one([facts]).rows}
    assert rows["points: all / default set"] == "not finished"
