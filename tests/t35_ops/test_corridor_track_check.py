"""Short-range errors of bins: found out where tracks differ by more than stated."""

from __future__ import annotations

import numpy as np
import pytest

from corridor_points import as_track, correlation, make_points, straight
from subside.ops.corridor.bins import make_bins
from subside.ops.corridor.profile import make_profile
from subside.ops.corridor.slopes import chord_slopes

TRUE = correlation((0.7, 0.2), (90.0, 3000.0))
BELIEVED = correlation((0.1, 0.2), (20.0, 3000.0))


def _slopes_over_errors(believed, n_tracks: int) -> np.ndarray:
    line = straight(10_000.0)
    bins = make_bins(line, 20.0)
    found = []
    for seed in range(4):
        tracks = [
            as_track(
                make_points(
                    line,
                    lambda s: np.full(len(s), -0.004),
                    seed=10 * seed + k,
                    half_width=150,
                    density=3000,
                    shared=TRUE,
                    name=f"t{k}",
                ),
                line,
                believed,
            )
            for k in range(n_tracks)
        ]
        slopes = chord_slopes(make_profile(tracks, bins, half_width=150.0), 100.0)
        known = np.isfinite(slopes.value)
        found.append(slopes.value[known] / slopes.std[known])
    return np.concatenate(found)


def test_errors_that_are_alike_over_longer_than_believed_are_found_by_two_tracks() -> None:
    alone, together = (np.std(_slopes_over_errors(BELIEVED, n)) for n in (1, 2))
    assert alone > 1.4, "the mistake must matter in this test"
    assert together == pytest.approx(1.0, abs=0.2)


def test_right_errors_are_left_as_they_are() -> None:
    z = _slopes_over_errors(TRUE, 2)
    assert np.std(z) == pytest.approx(0.95, abs=0.12)
    assert 0.01 < np.mean(np.abs(z) > 1.96) < 0.07
