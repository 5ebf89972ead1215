"""Options that several commands share."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from subside.errors import ArgumentError

Memory = Annotated[str, typer.Option(help="memory of the whole process tree, such as 4GB (at least 1GB)")]


def parse_bytes(text: str) -> int:
    """Turn ``4GB``, ``800MB`` or a plain number of bytes into an int."""
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(k|M|G|T)?i?B?\s*", text, flags=re.IGNORECASE)
    if match is None:
        raise ArgumentError(f"`--memory` must be a size such as 4GB, got {text!r}")
    factor = {"": 1, "K": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}[(match[2] or "").upper()]
    return int(float(match[1]) * factor)
