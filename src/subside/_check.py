"""Argument checks. Each takes the argument as one keyword, so that the message can name it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from subside.errors import ArgumentError


def _single(named: dict[str, Any]) -> tuple[str, Any]:
    if len(named) != 1:
        raise TypeError(f"a check takes exactly one keyword argument, got {sorted(named)}")
    return next(iter(named.items()))


def in_range(low: float, high: float, **named: float) -> None:
    """Raise :class:`ArgumentError` unless the one keyword argument lies in ``[low, high]`` (NaN fails)."""
    name, value = _single(named)
    if not low <= value <= high:
        raise ArgumentError(f"`{name}` must lie in [{low}, {high}], got {value!r}")


def odd_window(**named: tuple[int, int]) -> None:
    """Raise unless the one keyword argument is a pair of odd positive integers (azimuth, range)."""
    name, value = _single(named)
    if len(value) != 2 or any(int(v) != v or v < 1 or v % 2 == 0 for v in value):
        raise ArgumentError(f"`{name}` must be two odd positive integers (azimuth, range), got {value!r}")


def shape(expected: Sequence[int | None], **named: npt.NDArray[Any]) -> None:
    """Raise unless the one keyword argument has the expected shape (None matches any length)."""
    name, value = _single(named)
    if value.ndim != len(expected) or any(e is not None and e != n for e, n in zip(expected, value.shape, strict=True)):
        wanted = tuple("any" if e is None else e for e in expected)
        raise ArgumentError(f"`{name}` must have shape {wanted}, got {value.shape}")


def dtype(expected: npt.DTypeLike, **named: npt.NDArray[Any]) -> None:
    """Raise unless the one keyword argument has the expected dtype."""
    name, value = _single(named)
    if value.dtype != np.dtype(expected):
        raise ArgumentError(f"`{name}` must have dtype {np.dtype(expected)}, got {value.dtype}")


def finite(**named: npt.NDArray[Any]) -> None:
    """Raise if the one keyword argument holds a NaN or infinity."""
    name, value = _single(named)
    bad = int(np.size(value) - np.count_nonzero(np.isfinite(value)))
    if bad:
        raise ArgumentError(f"`{name}` must be finite, got {bad} NaN or infinite values of {np.size(value)}")
