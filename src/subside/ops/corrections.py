"""What a correction of the date series is: a named additive term.

``corrected = phase - sum of terms``. A term never changes the series; it says what it would take away.
Every term is zero at the first date, as the series are.
"""

from __future__ import annotations

from typing import Literal, Protocol

import numpy as np
import numpy.typing as npt

Rows = slice | npt.NDArray[np.int64]
"""Points asked for: a block or a list."""


class Term(Protocol):
    """What every correction offers."""

    @property
    def kind(self) -> Literal["ramp", "dem_error", "atmosphere"]:
        """Which effect the term stands for."""

    def phase(self, rows: Rows) -> npt.NDArray[np.float32]:
        """Phase of the points named, rad, (point, date)."""
