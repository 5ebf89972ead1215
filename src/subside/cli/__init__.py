"""Command line: built from the stage catalogue and the parameter models."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def main() -> None:
    """Run the ``subside`` command; expected errors become one readable message and exit status 1."""
    # The parallel axis is blocks on workers; a threaded BLAS below it competes with them and changes last bits.
    for library in ("OPENBLAS", "MKL", "OMP"):
        os.environ[f"{library}_NUM_THREADS"] = "1"
    from subside.cli.app import app
    from subside.errors import SubsideError
    from subside.io.atomic import WRITE_FAILURES, disk_error

    try:
        app(prog_name="subside", standalone_mode=True)
    except SubsideError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: everything committed so far is kept; run the same command to resume\n")
        raise SystemExit(130) from None
    except OSError as error:
        if error.errno not in WRITE_FAILURES:
            raise
        sys.stderr.write(f"error: {disk_error(Path(error.filename or '.'), error)}\n")
        raise SystemExit(1) from None
