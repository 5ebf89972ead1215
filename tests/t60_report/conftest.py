"""A composed report, made once."""

from __future__ import annotations

from pathlib import Path

import pytest
from fake_studies import fake_track, make_figures, write_all

from subside.report.compose import ReportContents, compose_report
from subside.report.content import Picture
from subside.report.results import load_studies


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("results")
    write_all(folder)
    return folder


@pytest.fixture(scope="session")
def contents(results: Path) -> ReportContents:
    area, networks, rates = make_figures()
    return ReportContents(
        "Ground motion along <the> line",
        "2026-11-28",
        tracks=(fake_track(), fake_track("S1-142", incidence=33.8, n_dates=61)),
        studies=load_studies(results),
        absent={"decompose": "both tracks are ascending & cannot be split."},
        study_area=Picture(area, "Study area.", number="1"),
        networks=Picture(networks, "Networks.", number="2"),
        rates=Picture(rates, "Rates of both tracks, red is sinking.", number="3"),
        rate_limit_mm_yr=40.0,
        crs="EPSG:32650",
    )


@pytest.fixture(scope="session")
def report(contents: ReportContents, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return compose_report(contents, tmp_path_factory.mktemp("report") / "report.html")


@pytest.fixture(scope="session")
def html(report: Path) -> str:
    return report.read_text(encoding="utf-8")
