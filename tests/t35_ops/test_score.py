"""The score: known errors put in must come out as figures, and only those."""

from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.ops.score import (
    Group,
    ScoredPoints,
    TruthReference,
    pixel_groups,
    pool_coverage,
    score_chain,
)
from subside.ops.simulate import Stratum, scene, simulate

M_PER_RAD = 0.05546576 / (4 * np.pi)


@pytest.fixture(scope="module")
def truth():
    return simulate(scene("reference", lines=120, samples=120, n_dates=10), seed=4).truth


def wrap(x):
    return np.angle(np.exp(1j * x))


def perfect(truth, keep):
    """Points that know the truth."""
    az, rg = np.nonzero(keep)
    return ScoredPoints(
        azimuth=az,
        range=rg,
        flags=np.zeros(len(az), np.int32),
        velocity=truth.velocity[az, rg].astype(float),
        velocity_std=np.full(len(az), 1e-3),
        series=-M_PER_RAD * truth.phase[:, az, rg].T.astype(float),
        dem_error=truth.dem_error[az, rg].astype(float),
    )


@pytest.fixture(scope="module")
def coherent(truth):
    return perfect(truth, truth.stratum > 0)


def test_truth_scores_perfectly(truth, coherent):
    score = score_chain(truth, coherent)
    for group in (Group.POINT, Group.DISTRIBUTED):
        g = score.group(group)
        assert g.kept == 1.0 and g.n_points > 300
        assert g.slope_rmse < 1e-6 and g.velocity_rmse < 1e-8 and g.dem_error_rmse < 1e-6
        assert g.dem_error_prior > 2.0
    assert score.noise.n_noise == 0 and score.distributed_kept == 1.0
    assert score.cells.rmse < 1e-8 and score.cells.correlation > 0.999999
    assert 2e-4 < score.cells.floor < 2e-2
    assert score.unwrapping is None


def test_slope_error_of_one_stratum_is_recovered(truth, coherent):
    rng = np.random.default_rng(1)
    is_point = truth.stratum[coherent.azimuth, coherent.range] == Stratum.POINT
    rate = rng.normal(0, 0.005, len(is_point)) * is_point
    series = coherent.series + rate[:, None] * truth.days / 365.25
    score = score_chain(truth, replace(coherent, series=series))
    assert score.group(Group.POINT).slope_rmse == pytest.approx(np.std(rate[is_point]), rel=0.02)
    assert score.group(Group.POINT).slope_median == pytest.approx(0.6745 * 0.005, rel=0.15)
    assert score.group(Group.DISTRIBUTED).slope_rmse < 1e-3


def test_common_reference_and_ramps_are_no_error(truth, coherent):
    rng = np.random.default_rng(2)
    plane = rng.normal(0, 0.02, (3, 10))
    az, rg = coherent.azimuth / 120, coherent.range / 120
    series = coherent.series + plane[0] + np.outer(az, plane[1]) + np.outer(rg, plane[2])
    score = score_chain(truth, replace(coherent, series=series))
    assert score.group(Group.DISTRIBUTED).slope_rmse < 1e-6
    velocity = coherent.velocity + 0.01 + 0.02 * az
    assert score_chain(truth, replace(coherent, velocity=velocity)).cells.rmse < 1e-6


def test_kept_counts_only_unflagged_points(truth, coherent):
    is_point = truth.stratum[coherent.azimuth, coherent.range] == Stratum.POINT
    dropped = np.flatnonzero(is_point)[::4]
    flags = coherent.flags.copy()
    flags[dropped] = 1
    score = score_chain(truth, replace(coherent, flags=flags))
    assert score.group(Group.POINT).kept == pytest.approx(1 - len(dropped) / is_point.sum())
    assert score.group(Group.DISTRIBUTED).kept == 1.0


def test_side_lobes_are_a_group_of_their_own(truth):
    codes = pixel_groups(truth)
    assert np.array_equal(codes == 3, truth.ps_influenced)
    assert (codes == 2).sum() == (truth.stratum == Stratum.POINT).sum()
    points = perfect(truth, truth.ps_influenced)
    score = score_chain(truth, points)
    assert score.noise.n_noise == 0
    assert score.group(Group.SIDE_LOBE).n_points == len(points.azimuth)


def test_noise_is_told_by_its_support(truth):
    keep = np.ones(truth.stratum.shape, bool)
    points = perfect(truth, keep)
    codes = pixel_groups(truth).ravel()
    is_noise = codes == 0
    lone = np.zeros(is_noise.size)
    chosen = np.flatnonzero(is_noise)[:7]
    lone[chosen] = 0.96
    rate = np.where(is_noise, 0.01 * (-1.0) ** np.arange(is_noise.size), 0)
    rate[chosen] = 5.0
    points = replace(points, support_noise=lone, series=points.series + rate[:, None] * truth.days / 365.25)
    noise = score_chain(truth, points).noise
    assert (noise.n_points, noise.n_noise, noise.n_lone) == (14400, is_noise.sum(), 7)
    assert noise.n_bleeding == is_noise.sum() - 7
    bleeding = is_noise.copy()
    bleeding[chosen] = False
    # The seven wild points tilt the common plane a little.
    assert noise.bleeding_slope_rmse == pytest.approx(0.01, rel=0.5)

    unfiltered = replace(points, is_filtered=np.zeros(14400, bool))
    assert score_chain(truth, unfiltered).noise.n_lone == is_noise.sum()


def test_noise_share_of_the_window_counts_pixels(truth):
    """The share is that of the window around the pixel, cut at the edges of the scene."""
    is_noise = pixel_groups(truth) == 0
    az, rg = np.nonzero(is_noise)
    share = np.array(
        [is_noise[max(a - 4, 0) : a + 5, max(r - 3, 0) : r + 4].mean() for a, r in zip(az, rg, strict=True)]
    )
    noise = score_chain(truth, perfect(truth, is_noise), window=(9, 7)).noise
    assert noise.n_lone == np.count_nonzero(share >= 0.95)
    assert 0 < noise.n_lone < noise.n_noise


def test_unwrapping_errors_are_counted_after_the_common_integer(truth, coherent):
    rng = np.random.default_rng(3)
    pairs = np.array([(i, j) for i in range(10) for j in range(i + 1, min(i + 3, 10))])
    true = (truth.phase[pairs[:, 1]] - truth.phase[pairs[:, 0]])[:, coherent.azimuth, coherent.range].T
    noise = rng.normal(0, 0.7, true.shape)
    observed = wrap(true + noise)
    unwrapped = true + wrap(noise) + 2 * np.pi * rng.integers(-3, 4, len(pairs))
    points = replace(coherent, unwrapped=unwrapped, observed=observed, pairs=pairs)
    assert score_chain(truth, points).unwrapping.n_wrong == 0
    wrong = unwrapped.copy()
    wrong[5, 2] += 2 * np.pi
    wrong[9:12, 7] -= 4 * np.pi
    found = score_chain(truth, replace(points, unwrapped=wrong)).unwrapping
    assert (found.n_wrong, found.n_values) == (4, true.size)


def test_height_error_is_about_its_mean_and_beside_its_prior(truth, coherent):
    rng = np.random.default_rng(4)
    estimate = coherent.dem_error + 3.0 + rng.normal(0, 2.0, len(coherent.dem_error))
    estimate[:5] = np.nan
    score = score_chain(truth, replace(coherent, dem_error=estimate))
    assert score.group(Group.DISTRIBUTED).dem_error_rmse == pytest.approx(2.0, rel=0.05)
    is_ds = pixel_groups(truth) == 1
    assert score.group(Group.DISTRIBUTED).dem_error_prior == pytest.approx(truth.dem_error[is_ds].std(), rel=1e-4)


def test_cells_weigh_by_precision(truth, coherent):
    rng = np.random.default_rng(5)
    n = len(coherent.azimuth)
    std = np.where(rng.random(n) < 0.2, 1e-4, 1e-2)
    velocity = coherent.velocity + rng.normal(0, 1, n) * std
    cells = score_chain(truth, replace(coherent, velocity=velocity, velocity_std=std)).cells
    cell = (coherent.azimuth * 14 // 100) * 1000 + coherent.range * 14 // 100
    count = np.unique(cell, return_counts=True)[1]
    assert cells.n_cells == len(count)
    assert cells.rmse == pytest.approx(1e-2 * np.sqrt(0.8 * np.mean(1 / count)), rel=0.2)
    weight = np.bincount(np.unique(cell, return_inverse=True)[1], 1 / std**2)
    assert cells.weighted_rmse == pytest.approx(np.sqrt(np.mean(1 / weight)), rel=0.2)
    assert cells.weighted_rmse < 0.9 * cells.rmse


class TestCoverage:
    def reference(self, points):
        weights = ((points.azimuth < 20) & (points.range < 20)).astype(float)
        return TruthReference(weights=weights, is_deramped=True)

    def estimate(self, truth, points, reference, std, rng):
        """Rates as a chain would give them: deramped, relative to the reference area, noisy."""
        az, rg = points.azimuth / 120, points.range / 120
        design = np.stack([np.ones(len(az)), az, rg], axis=1)
        true = points.velocity + 0.3 + 0.2 * az - 0.1 * rg
        true = true - design @ np.linalg.lstsq(design, true, rcond=None)[0]
        return true - true[reference.weights > 0].mean() + std * rng.standard_normal(len(az))

    def test_nominal_interval_covers_nominally(self, truth, coherent):
        rng = np.random.default_rng(6)
        reference = self.reference(coherent)
        std = np.full(len(coherent.azimuth), 2e-3)
        points = replace(coherent, velocity=self.estimate(truth, coherent, reference, std, rng), velocity_std=std)
        score = score_chain(truth, points, reference=reference, distance_edges=(0.0, 800.0, np.inf))
        pooled = pool_coverage([score, score])
        for c, p in zip(score.coverage, pooled, strict=True):
            assert (p.group, p.n_points, p.n_covered) == (c.group, 2 * c.n_points, 2 * c.n_covered)
            if c.group in (Group.POINT, Group.DISTRIBUTED):
                assert c.n_points > 100 and c.share == pytest.approx(0.95, abs=0.06)
        halved = score_chain(truth, replace(points, velocity_std=std / 2), reference=reference)
        total = sum(c.n_points for c in halved.coverage)
        assert sum(c.n_covered for c in halved.coverage) / total == pytest.approx(0.673, abs=0.03)

    def test_truth_left_out_of_the_ramp_removal_shows(self, truth, coherent):
        rng = np.random.default_rng(7)
        reference = self.reference(coherent)
        std = np.full(len(coherent.azimuth), 1e-4)
        points = replace(coherent, velocity=self.estimate(truth, coherent, reference, std, rng), velocity_std=std)
        wrong = replace(reference, is_deramped=False)

        def share(r):
            rows = score_chain(truth, points, reference=r).coverage
            return sum(c.n_covered for c in rows) / sum(c.n_points for c in rows)

        assert share(reference) > 0.9
        assert share(wrong) < 0.5

    def test_distance_is_to_the_reference_area(self, truth, coherent):
        weights = (np.arange(len(coherent.azimuth)) == 0).astype(float)
        where = np.stack([coherent.azimuth, coherent.range], axis=1) * 14.0
        near = np.hypot(*(where - where[0]).T) < 500.0
        reference = TruthReference(weights=weights)
        rows = score_chain(truth, coherent, reference=reference, distance_edges=(0.0, 500.0, np.inf)).coverage
        assert sum(c.n_points for c in rows if c.distance[0] == 0) == near.sum()


def test_unknown_is_nan_and_every_row_prints(truth, coherent):
    bare = ScoredPoints(
        coherent.azimuth, coherent.range, coherent.flags, coherent.velocity * np.nan, coherent.velocity_std
    )
    score = score_chain(truth, bare)
    assert np.isnan(score.group(Group.POINT).slope_rmse)
    assert np.isnan(score.cells.rmse)
    rows = score_chain(truth, coherent).table()
    assert {r.unit for r in rows} == {"", "%", "mm/yr", "m"}
    assert next(r for r in rows if r.quantity == "pixels kept" and r.group == Group.POINT).value == 100.0


def test_refusals(truth, coherent):
    with pytest.raises(ArgumentError, match="flags == 0"):
        score_chain(truth, replace(coherent, flags=coherent.flags + 1))
    with pytest.raises(ArgumentError, match="within the scene"):
        score_chain(truth, replace(coherent, range=coherent.range + 100))
    with pytest.raises(ArgumentError, match="velocity"):
        replace(coherent, velocity=coherent.velocity[:-1])
    with pytest.raises(ArgumentError, match="together"):
        replace(coherent, pairs=np.array([[0, 1]]))
