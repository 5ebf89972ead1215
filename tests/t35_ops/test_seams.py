"""Phase jumps at burst cuts: injected steps are found, slopes and strong targets are not steps."""

from __future__ import annotations

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.ops.burst_lattice import BurstLattice, PlacedBurst
from subside.ops.seams import REACH, WINDOW, burst_seams, mean_jump, window_jumps


def speckle(shape: tuple[int, int], coherence: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    a, b = (rng.normal(size=shape) + 1j * rng.normal(size=shape) for _ in range(2))
    return a, coherence * a + np.sqrt(1 - coherence**2) * b


def found(earlier: np.ndarray, later: np.ndarray) -> tuple[float, float]:
    return mean_jump(*window_jumps(earlier, later, n_looks_per_pixel=1.0))


def stepped(later: np.ndarray, step: float, slope: float = 0.0) -> np.ndarray:
    """A later date whose pair phase rises by ``step`` at the cut and by ``slope`` a line."""
    line = np.arange(2 * REACH)
    phase = slope * line + step * (line >= REACH)
    return later * np.exp(-1j * phase)[:, None]


@pytest.mark.parametrize("step", [0.0, 0.7, -1.2])
@pytest.mark.parametrize("slope", [0.0, 0.03])
def test_the_step_is_found_whatever_the_slope(step: float, slope: float) -> None:
    earlier, later = speckle((2 * REACH, 1024), 0.6, 3)
    jump, sigma = found(earlier, stepped(later, step, slope))
    assert abs(jump - step) < 4 * sigma
    assert 0.005 < sigma < 0.05


@pytest.mark.parametrize("coherence", [0.3, 0.6, 0.95])
def test_sigma_is_the_scatter(coherence: float) -> None:
    results = np.array([found(*speckle((2 * REACH, 256), coherence, seed)) for seed in range(300)])
    assert np.std(results[:, 0] / results[:, 1]) == pytest.approx(1.0, abs=0.15)
    assert abs(np.mean(results[:, 0])) < 4 * np.mean(results[:, 1]) / np.sqrt(300)


def test_noise_is_not_measured() -> None:
    jump, variance = window_jumps(*speckle((2 * REACH, 4096), 0.0, 5), n_looks_per_pixel=1.0)
    assert np.isnan(jump).all() and np.isinf(variance).all()
    assert np.isnan(found(*speckle((2 * REACH, 4096), 0.0, 5))).all()


def test_a_strong_target_with_a_phase_of_its_own_hardly_counts() -> None:
    earlier, later = speckle((2 * REACH, 256), 0.9, 6)
    line = np.arange(2 * REACH) - REACH
    lobes = 400 * np.sinc(0.7 * (line + 8))
    earlier[:, 100] += lobes
    later[:, 100] += lobes * np.exp(0.15j * (line + 8))
    jump, sigma = found(earlier, later)
    assert abs(jump) < 3 * sigma
    weighted = (earlier * np.conj(later))[:, 96:128].reshape(4, -1).sum(1)
    step = np.angle(weighted[1:] * np.conj(weighted[:-1]))
    assert abs(step[1] - 0.5 * (step[0] + step[2])) > 0.2


def test_no_data_is_left_out() -> None:
    earlier, later = speckle((2 * REACH, 4 * WINDOW[1]), 0.9, 7)
    later[:, : WINDOW[1]] = 0
    earlier[:, WINDOW[1] : 2 * WINDOW[1]] = np.nan
    jump, variance = window_jumps(earlier, stepped(later, 0.5), n_looks_per_pixel=1.0)
    assert np.isfinite(jump).tolist() == [False, False, True, True]
    assert np.isfinite(variance).tolist() == [False, False, True, True]
    assert jump[2:] == pytest.approx([0.5, 0.5], abs=0.2)


def test_patches_of_another_height_are_refused() -> None:
    with pytest.raises(ArgumentError, match="must have 40 lines"):
        window_jumps(np.ones((30, 64)), np.ones((30, 64)), n_looks_per_pixel=0.5)


def placed(swath: str, burst_id: int, line: int, lines: slice, samples: slice) -> PlacedBurst:
    return PlacedBurst(swath, burst_id, line, 0, lines, samples, lines, samples)


def test_seams_lie_where_one_burst_of_a_swath_follows_another() -> None:
    bursts = (
        placed("IW1", 5, -10, slice(10, 100), slice(0, 200)),
        placed("IW1", 6, 80, slice(10, 100), slice(5, 190)),
        placed("IW1", 8, 260, slice(10, 100), slice(0, 200)),
        placed("IW2", 6, 350, slice(0, 90), slice(200, 400)),
        placed("IW2", 7, 430, slice(10, 25), slice(200, 400)),
    )
    lattice = BurstLattice(0.0, 2e-3, 5e-3, 6e7, 460, 400, bursts, ())
    seams = burst_seams(lattice)
    assert [(s.swath, s.earlier, s.later, s.line, s.samples) for s in seams] == [("IW1", 5, 6, 90, slice(5, 190))]
