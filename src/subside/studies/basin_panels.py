"""Mined panels fitted to the primary basins of a study."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import shapely

from subside.errors import ArgumentError, UnknownQuantityError
from subside.model.points import PointSet
from subside.ops.basins.classify import BasinKind, ClassifiedBasin
from subside.ops.basins.probability_integral import PanelFit, fit_panel

_AROUND: Final = 300.0
"""Ground around a basin that takes part in its fit, m."""


def fit_panels(tracks: Sequence[PointSet], found: Sequence[ClassifiedBasin]) -> tuple[dict[int, PanelFit], list[str]]:
    """Fit a panel to each primary basin from its trusted points.

    Parameters
    ----------
    tracks : sequence of PointSet
        Points at risk of aliasing are out of the default set.
    found : sequence of ClassifiedBasin
        All basins; numbered from 1.

    Returns
    -------
    fits : dict
        By number of the basin.
    refused : list of str
        Why a primary basin has none, in words.
    """
    fits, refused = {}, []
    for k, one in enumerate(found, start=1):
        if one.kind != BasinKind.PRIMARY:
            continue
        zone = one.basin.outline.buffer(_AROUND)
        shapely.prepare(zone)
        parts = [t.subset((t.flags == 0) & shapely.contains_xy(zone, t.easting, t.northing)) for t in tracks]
        east, north, up, std = (
            np.concatenate(columns)
            for columns in zip(
                *[(p.easting, p.northing, p.velocity / p.los[:, 2], p.velocity_std / p.los[:, 2]) for p in parts],
                strict=True,
            )
        )
        known = np.isfinite(up) & np.isfinite(std) & (std > 0)
        try:
            fits[k] = fit_panel(east[known], north[known], up[known], std[known])
        except ArgumentError:
            refused.append(
                f"no mined panel is fitted to basin {k}: {known.sum()} trusted points there have a rate and its "
                "standard deviation, 20 are needed"
            )
        except UnknownQuantityError as error:
            refused.append(f"no mined panel is fitted to basin {k}: {error}")
    return fits, refused
