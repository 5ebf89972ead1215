"""Figure 2: the networks of all tracks in one figure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from subside.errors import ArgumentError
from subside.figures.network import NetworkFigureInput, draw_network, network_numbers
from subside.figures.style import FigureResult, legend, new_figure


@dataclass(frozen=True)
class TrackNetworksInput:
    """Networks by track.

    Attributes
    ----------
    networks : mapping of str to NetworkFigureInput
        By the name of the track, in the order of the panels.
    """

    networks: Mapping[str, NetworkFigureInput]


def track_networks_figure(data: TrackNetworksInput) -> FigureResult:
    """Draw time against perpendicular baseline, a panel a track, on common axes.

    Parameters
    ----------
    data : TrackNetworksInput
        Networks.

    Returns
    -------
    FigureResult
        Numbers: those of each network by the name of its track.

    Raises
    ------
    ArgumentError
        If there is no network.
    """
    n = len(data.networks)
    if not n:
        raise ArgumentError("`networks` must hold at least one track, got none")
    figure = new_figure(9.6, 0.9 + 3.5 * n, "Interferogram networks")
    panels = np.atleast_1d(figure.subplots(n, 1, sharex=True))
    numbers = {}
    are_known = []
    for k, (axes, (name, network)) in enumerate(zip(panels, data.networks.items(), strict=True)):
        used = int(np.count_nonzero(network.network.is_used))
        title = f"({chr(97 + k)}) {name}: {len(network.dates)} dates, {used} interferograms used"
        is_known = draw_network(axes, network, title=title)
        axes.tick_params(labelbottom=True)
        legend(axes, loc="upper left", bbox_to_anchor=(0.0, -0.1), ncols=6)
        are_known.append(is_known)
        numbers[name] = {**network_numbers(network, is_known=is_known), "n_used": used}
    if all(are_known):
        lows, highs = zip(*(axes.get_ylim() for axes in panels), strict=True)
        for axes in panels:
            axes.set_ylim(min(lows), max(highs))
    return FigureResult(figure, {"tracks": numbers})
