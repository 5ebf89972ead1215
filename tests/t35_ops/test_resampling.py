"""Blocks of space: range, effective size, and intervals that hold the truth."""

from __future__ import annotations

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.ops.resampling import (
    Bootstrap,
    block_size,
    block_stretch,
    spatial_blocks,
    spatial_correlation,
)
from two_tracks import noise


def test_blocks_are_squares_numbered_without_gaps() -> None:
    east, north = np.array([0.0, 99.0, 101.0, 350.0]), np.array([0.0, 50.0, 0.0, 900.0])
    np.testing.assert_array_equal(spatial_blocks(east, north, 100.0), [0, 0, 1, 2])
    with pytest.raises(ArgumentError, match="`size` must be positive"):
        spatial_blocks(east, north, 0.0)


def test_draws_of_moments_are_those_of_rows() -> None:
    rng = np.random.default_rng(1)
    x, y = rng.standard_normal((2, 300))
    blocks = spatial_blocks(*rng.uniform(0, 1000, (2, 300)), 200.0)
    slow = Bootstrap(blocks, n_draws=150, seed=5).draws(lambda w: [w @ x / w.sum(), w @ y / w.sum()])
    fast = Bootstrap(blocks, n_draws=150, seed=5).means(np.column_stack([x, y]))
    np.testing.assert_allclose(slow, fast, atol=1e-12)
    assert np.ptp(fast[:, 0]) > 0.05


def test_the_same_seed_gives_the_same_draws() -> None:
    blocks = np.arange(40)
    values = np.arange(40.0)[:, None]
    one, again, other = (Bootstrap(blocks, seed=s).means(values) for s in (3, 3, 4))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)


def test_few_blocks_have_no_interval() -> None:
    draws = np.linspace(0, 1, 500)
    assert np.isnan(Bootstrap(np.arange(7)).interval(draws, 0.5)).all()
    few, many = Bootstrap(np.arange(10)).interval(draws, 0.5), Bootstrap(np.arange(500)).interval(draws, 0.5)
    assert few[0] < many[0] < many[1] < few[1]


@pytest.mark.parametrize(("share", "length"), [(0.9, 150.0), (0.9, 500.0), (0.0, 100.0)])
def test_range_and_effective_size_follow_the_field(share: float, length: float) -> None:
    rng = np.random.default_rng(2)
    xy = rng.uniform(0, 1, (700, 2)) * (8000, 5000)
    fields = noise(rng, xy, share=share, length=length, n=12)
    found = [spatial_correlation(f, *xy.T) for f in fields.T]
    ranges, sizes = [c.range for c in found], [c.n_effective for c in found]
    distance = np.hypot(*(np.subtract.outer(c, c) for c in xy.T))
    rho = share * np.exp(-distance / length)
    np.fill_diagonal(rho, 1.0)
    true = len(xy) ** 2 / rho.sum()
    wanted = length * np.log(share / 0.05) if share else 0.0
    assert np.median(sizes) == pytest.approx(true, rel=0.45)
    assert abs(np.median(ranges) - wanted) < 0.45 * max(wanted, 300.0)


def test_correlation_needs_values() -> None:
    with pytest.raises(ArgumentError, match="at least 10 values"):
        spatial_correlation(np.zeros(4), np.zeros(4), np.zeros(4))
    flat = spatial_correlation(np.ones(50), np.arange(50.0), np.zeros(50))
    assert flat.range == 0 and flat.n_effective == 50


def test_interval_of_a_mean_holds_the_truth_and_single_rows_do_not() -> None:
    """Monte Carlo: 95 % intervals of the mean of a correlated field hold it in 90 to 99 % of 120 draws."""
    rng = np.random.default_rng(3)
    xy = rng.uniform(0, 1, (350, 2)) * (8000, 4000)
    fields = noise(rng, xy, share=0.6, length=300.0, n=120)
    holds, naive = [], []
    for k, f in enumerate(fields.T):
        found = spatial_correlation(f, *xy.T)
        size = block_size(found, *xy.T, least=100.0)
        blocks = spatial_blocks(*xy.T, size)
        by_block = Bootstrap(blocks, stretch=block_stretch(found, *xy.T, blocks), n_draws=300, seed=k)
        by_row = Bootstrap(np.arange(len(f)), n_draws=300, seed=k)
        for bootstrap, count in ((by_block, holds), (by_row, naive)):
            low, high = bootstrap.interval(bootstrap.means(f[:, None])[:, 0], float(f.mean()))
            count.append(low <= 0.0 <= high)
    assert 0.90 <= np.mean(holds) <= 0.99
    assert np.mean(naive) < 0.8
