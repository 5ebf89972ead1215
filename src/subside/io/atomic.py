"""Files that appear whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from subside.errors import ProjectError

WRITE_FAILURES = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EACCES, errno.EPERM, errno.EROFS)
"""Error numbers of a write that fails for want of space or permission."""

_PARTIAL = re.compile(r"\.partial-(\d+)")


@contextmanager
def atomic_path(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path`` and rename it over ``path`` when the block succeeds.

    Parameters
    ----------
    path : Path
        Where the finished file must appear.

    Yields
    ------
    Path
        Temporary name with the same suffix, in the same folder.

    Raises
    ------
    ProjectError
        When the disk is full or the folder cannot be written; the temporary file is removed.
    """
    temporary = path.with_name(f".{path.stem}.partial-{os.getpid()}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        if error.errno in (*WRITE_FAILURES, errno.EEXIST, errno.ENOTDIR, errno.ENOENT):
            raise disk_error(path, error) from error
        raise
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_partial(folder: Path) -> None:
    """Remove the temporary files that killed processes left in a folder; those of running ones stay."""
    for file in folder.glob(".*.partial-*"):
        number = _PARTIAL.search(file.name)
        if number and not _is_running(int(number[1])):
            with suppress(OSError):
                file.unlink()


def _is_running(pid: int) -> bool:
    if pid == os.getpid():
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def disk_error(path: Path, error: OSError) -> ProjectError:
    """Describe a failed write: which file, why, and what to do."""
    reason = os.strerror(error.errno) if error.errno else str(error)
    return ProjectError(
        f"{path} could not be written: {reason}. Free space or permission there and run the same command again; "
        "everything committed so far is kept."
    )


def write_json(path: Path, content: Any) -> None:
    """Write JSON atomically and flush it to disk."""
    with atomic_path(path) as temporary, temporary.open("w", encoding="utf-8") as stream:
        json.dump(content, stream, indent=1, sort_keys=True)
        stream.write("\n")
        stream.flush()
        os.fsync(stream.fileno())


def read_json(path: Path) -> Any:
    """Read JSON; None when the file does not exist.

    Raises
    ------
    ProjectError
        When the file is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except json.JSONDecodeError as error:
        raise ProjectError(
            f"{path} is not valid JSON ({error}). Delete it and run the stage again; it holds no results."
        ) from error
