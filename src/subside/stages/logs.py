"""Logging of a run: short lines on the terminal, everything in a file that can be mailed."""

from __future__ import annotations

import logging
import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.logging import RichHandler

from subside import __version__


def start_logging(console: Console, folder: Path | None, command: str) -> Path | None:
    """Send the package's log to the terminal and to a new file.

    Parameters
    ----------
    console : Console
        Terminal.
    folder : Path or None
        Where the log file goes; None writes none.
    command : str
        What the user typed, first line of the file.

    Returns
    -------
    Path or None
        The log file.
    """
    log = logging.getLogger("subside")
    log.setLevel(logging.INFO)
    log.propagate = False
    for handler in list(log.handlers):
        log.removeHandler(handler)
        handler.close()
    log.addHandler(RichHandler(console=console, show_path=False, show_level=False, log_time_format="%H:%M:%S"))
    if folder is None:
        return None
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}-{command.split()[0] if command else 'run'}.log"
    handler = logging.FileHandler(file, encoding="utf-8")
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    log.addHandler(handler)
    to_file = log.makeRecord("subside", logging.INFO, __file__, 0, "", (), None)
    for line in (
        f"command: subside {command}",
        f"subside {__version__}, numpy {np.__version__}, Python {sys.version.split()[0]}, {platform.platform()}",
    ):
        to_file.msg = line
        handler.emit(to_file)
    logging.captureWarnings(True)
    warnings_log = logging.getLogger("py.warnings")
    warnings_log.handlers = [handler]
    warnings_log.propagate = False
    return file
