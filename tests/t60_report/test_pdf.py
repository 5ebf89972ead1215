"""The PDF is printed by a browser, and its absence is explained."""

from __future__ import annotations

from pathlib import Path

import pytest

from subside.errors import ProjectError
from subside.report import pdf


def test_no_browser_is_explained(report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf.shutil, "which", lambda _: None)
    with pytest.raises(ProjectError, match="apt-get install chromium"):
        pdf.write_pdf(report, tmp_path / "r.pdf")
    assert not list(tmp_path.iterdir())


def test_a_missing_report_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="Write the HTML report first"):
        pdf.write_pdf(tmp_path / "none.html", tmp_path / "r.pdf")


def test_a_browser_that_fails_leaves_nothing(report: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "chromium"
    fake.write_text("#!/bin/sh\necho it broke >&2\nexit 3\n")
    fake.chmod(0o755)
    monkeypatch.setattr(pdf, "find_browser", lambda: str(fake))
    with pytest.raises(ProjectError, match="it broke"):
        pdf.write_pdf(report, tmp_path / "r.pdf")
    assert [p.name for p in tmp_path.iterdir()] == ["chromium"]


@pytest.mark.slow
@pytest.mark.skipif(pdf.find_browser() is None, reason="no Chromium installed")
def test_the_report_prints(report: Path, tmp_path: Path) -> None:
    content = pdf.write_pdf(report, tmp_path / "r.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    assert len(content) > 50_000
