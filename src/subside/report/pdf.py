"""PDF of a report, printed by an installed Chromium."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from subside.errors import ProjectError
from subside.io.atomic import atomic_path

BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
"""Commands that can print, in the order in which they are looked for."""

_TIMEOUT_S: Final = 180


def find_browser() -> str | None:
    """Path of the first installed Chromium or Chrome; None if there is none."""
    return next((found for found in map(shutil.which, BROWSERS) if found), None)


def write_pdf(html: Path, pdf: Path) -> Path:
    """Print a self-contained HTML file to PDF with ``chromium --headless --print-to-pdf``.

    Parameters
    ----------
    html : Path
        Document; its print style decides pages and margins.
    pdf : Path
        File to write; replaced whole if it exists.

    Returns
    -------
    Path
        ``pdf``.

    Raises
    ------
    ProjectError
        If the document is missing, no browser is installed, or printing fails.
    """
    if not html.is_file():
        raise ProjectError(f"{html} does not exist. Write the HTML report first.")
    browser = find_browser()
    if browser is None:
        raise ProjectError(
            "a PDF needs Chromium or Chrome, and none is installed. Install it (Debian, Ubuntu: "
            "`apt-get install chromium`; Fedora: `dnf install chromium`; macOS: `brew install --cask chromium`), or "
            f"open {html} in any browser and print it to a file."
        )
    with atomic_path(pdf) as temporary, tempfile.TemporaryDirectory() as profile:
        command = [
            browser,
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            f"--user-data-dir={profile}",
            "--no-pdf-header-footer",
            f"--print-to-pdf={temporary}",
            html.resolve().as_uri(),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
        except subprocess.TimeoutExpired as error:
            raise ProjectError(
                f"{browser} did not print {html} within {_TIMEOUT_S} s. Open it in a browser and print it there."
            ) from error
        if done.returncode != 0 or not temporary.is_file():
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise ProjectError(f"{browser} could not print {html}: {last}. Open it in a browser and print it there.")
    return pdf
