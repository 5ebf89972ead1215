"""Command line: built from the stage catalogue and the parameter models."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the ``subside`` command; expected errors become one readable message and exit status 1."""
    from subside.cli.app import app
    from subside.errors import SubsideError

    try:
        app(prog_name="subside", standalone_mode=True)
    except SubsideError as error:
        sys.stderr.write(f"error: {error}\n")
        raise SystemExit(1) from None
    except KeyboardInterrupt:
        sys.stderr.write("interrupted: everything committed so far is kept; run the same command to resume\n")
        raise SystemExit(130) from None
