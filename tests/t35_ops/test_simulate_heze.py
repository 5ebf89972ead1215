"""The simulated Heze region against the description it is made from."""

from dataclasses import replace

import numpy as np
import pytest

from subside.conventions import DAYS_PER_YEAR, SENTINEL1_WAVELENGTH
from subside.errors import ArgumentError
from subside.model.points import PointKind
from subside.ops.network import NetworkOptions, SurveyedPairs, build_network
from subside.ops.pairs import admissible
from subside.ops.simulate.heze import FIRST_DAY, FRAME, LAST_DAY, LINE, HezeGround, HezeLayout
from subside.ops.simulate.heze_cover import CLASS_NAMES
from subside.ops.simulate.heze_images import Strip, StripImages
from subside.ops.simulate.heze_track import Extent
from subside.ops.simulate.heze_variants import VARIANTS, variant
from subside.ops.simulate.point_level import HALF_WIDTH, NOISE, PointLevel
from subside.ops.simulate.region import CurvedLine, FourierField, JitteredCells, Panel, hashed

CHAINAGE = np.arange(0.0, 150.0001, 0.025)


@pytest.fixture(scope="module")
def ground():
    return HezeGround(0)


class TestLine:
    def test_is_150_km_at_77_degrees_true(self):
        x, y = LINE.position(np.array([0.0, 150_000.0]))
        assert LINE.length == 150_000.0
        fine = LINE.position(np.linspace(0, 150_000, 60_001))
        assert np.hypot(np.diff(fine[0]), np.diff(fine[1])).sum() == pytest.approx(150_000, abs=1.0)
        mean_azimuth = FRAME.azimuth + FRAME.convergence - np.degrees(np.arctan2(np.diff(y)[0], np.diff(x)[0]))
        assert mean_azimuth == pytest.approx(77.0, abs=0.5)

    def test_bends_within_1_2_km_of_any_chord_of_30_km(self):
        for start in np.arange(0, 120_000, 5_000):
            x, y = LINE.position(np.linspace(start, start + 30_000, 301))
            chord = np.interp(x, x[[0, -1]], y[[0, -1]])
            assert np.abs(y - chord).max() < 1200

    def test_chainage_and_position_are_inverse(self, ground):
        u, v = ground.line_coordinates(*ground.line_position(np.array([3.0, 71.5, 149.0]), np.array([0.0, -2.0, 1.0])))
        np.testing.assert_allclose(u, [3.0, 71.5, 149.0], atol=1e-6)
        np.testing.assert_allclose(v, [0.0, -2.0, 1.0], atol=1e-6)


def crossings(rate, limit):
    is_in = rate <= limit
    edges = np.flatnonzero(np.diff(is_in.astype(int)))
    return CHAINAGE[edges] + 0.0125


class TestZones:
    @pytest.mark.parametrize("seed", [0, 7])
    def test_ends_and_lengths(self, seed):
        rate = HezeGround(seed).line_profile(CHAINAGE)
        np.testing.assert_allclose(crossings(rate, -0.010 * (1 - 1e-5)), [40.0, 60.0, 72.0, 87.0], atol=0.03)

    def test_rates_of_zone_1_and_2(self, ground):
        np.testing.assert_allclose(ground.line_profile([40.0, 60.0]), -0.010, rtol=1e-9)
        inside = ground.line_profile(np.linspace(40, 60, 2001))
        assert inside.min() == pytest.approx(-0.040, abs=1e-4)
        assert np.abs(np.diff(inside)).max() < 1e-4  # smooth: below 1 cm/yr in a kilometre
        coal = ground.line_profile(np.linspace(72, 87, 3001))
        assert coal.min() == pytest.approx(-0.080, abs=5e-4)
        steep = crossings(ground.line_profile(CHAINAGE), -0.020)[-2:]
        assert np.all(np.abs(steep - [72.0, 87.0]) < 0.3)

    def test_line_is_slow_elsewhere(self, ground):
        rate = ground.line_profile(CHAINAGE)
        plain = (CHAINAGE < 38.5) | ((CHAINAGE > 61.5) & (CHAINAGE < 71.5)) | (CHAINAGE > 87.5)
        assert np.abs(rate[plain]).max() < 0.008

    def test_coalfield_stays_below_half_a_metre_and_straight(self, ground):
        e, n = ground.line_position(np.array([79.6]))
        dates = FIRST_DAY + np.arange(0, 1590, 30).astype("timedelta64[D]")
        up = ground.displacement(e, n, dates)[0, :, 2]
        assert -0.5 < up.min() < -0.3
        slope = np.polyfit(np.arange(len(up)), up, 1)
        assert np.abs(up - np.polyval(slope, np.arange(len(up)))).max() < 1e-3


class TestFeatures:
    def test_airport_ranges_from_30_to_5_mm_and_spares_the_line(self, ground):
        u0, v0 = ground.airport_centre
        u, v = np.meshgrid(np.linspace(u0 - 1.5, u0 + 1.5, 61), np.linspace(v0 - 0.4, v0 + 0.4, 31))
        e, n = ground.line_position(u, v)
        rate = ground.local_rate(u, v)
        assert rate.min() == pytest.approx(-0.031, abs=1e-3) and rate.max() == pytest.approx(-0.005, abs=1e-3)
        assert 2.0 <= abs(v0) <= 2.8
        assert ground.line_profile(u0) > -0.008
        assert np.isfinite(ground.linear_up(e, n)).all()

    def test_feature_beyond_the_coalfield(self, ground):
        assert ground.local_rate(np.array([90.5]), np.array([2.0]))[0] == pytest.approx(-0.030, abs=1e-3)
        assert ground.line_profile(90.5) > -0.008

    def test_mines_sink_by_metres_within_months_and_draw_inwards(self, ground):
        panel = ground.panels["a"][2]
        x, y = np.array([panel.x + 500.0]), np.array([panel.y])
        e, n = FRAME.to_map(x, y)
        dates = np.array(["2015-09-01", "2016-03-01", "2016-09-01", "2017-03-01"], "datetime64[D]")
        up = ground.displacement(e, n, dates)[0, :, 2]
        steps = np.diff(up)
        assert up[-1] < -1.5
        assert steps.min() < -1.0 and np.ptp(steps) > 1.0  # nonlinear: the face passes
        side = panel.motion(np.array([panel.x + 600.0]), np.array([panel.y + 300.0]), panel.length)
        assert side[1][0] < 0 and abs(side[1][0]) > 0.05

    def test_arc_basin_follows_14_km_of_fault(self, ground):
        u, v = ground.fault
        assert np.hypot(np.diff(u), np.diff(v)).sum() == pytest.approx(14.0, abs=1.0)
        assert ground.local_rate(u[10:-10], v[10:-10]).max() < -0.030

    def test_bowl_is_steep_and_spares_the_line(self, ground):
        e, n = FRAME.to_map(np.array([ground.bowl.x + 190.0]), np.array([ground.bowl.y]))
        motion = ground.motion(e, n)
        assert motion.linear[2, 0] < -0.55
        u = ground.layout.bowl[0]
        on_line = ground.motion(*ground.line_position(np.array([u])))
        np.testing.assert_allclose(on_line.linear[2] + on_line.deep, ground.line_profile([u]), atol=2e-4)


class TestTime:
    def test_deep_curve_slows_down_and_has_mean_slope_one(self, ground):
        dates = FIRST_DAY + np.arange(0, int((LAST_DAY - FIRST_DAY).astype(int)), 6).astype("timedelta64[D]")
        curves = ground.curves(dates)
        assert np.polyfit(curves["linear"], curves["deep"], 1)[0] == pytest.approx(1.0, abs=2e-3)
        rate = np.diff(curves["deep"]) / np.diff(curves["linear"])
        assert rate[0] == pytest.approx(1.11, abs=0.01) and rate[-1] == pytest.approx(0.89, abs=0.01)

    def test_deep_level_falls_6_m_in_step(self, ground):
        whole = float((LAST_DAY - FIRST_DAY).astype(float)) / DAYS_PER_YEAR
        _, deep = ground.drivers.groundwater(np.array(["2015-07-01", "2017-10-15"], "datetime64[D]"), whole)
        assert np.diff(deep)[0] == pytest.approx(6.0, abs=0.4)

    def test_rain_is_the_regions(self):
        rain = np.mean([HezeGround(s).drivers.rain.reshape(5, 12).mean(axis=0) for s in range(20)], axis=0)
        assert rain.sum() == pytest.approx(663, rel=0.01)
        assert rain[5:8].sum() == pytest.approx(391, rel=0.01)
        assert np.ptp(HezeGround(0).drivers.rain.reshape(5, 12).sum(axis=1)) > 30

    def test_season_follows_the_rain_by_60_days(self, ground):
        days = FIRST_DAY + np.arange(200, 1500).astype("timedelta64[D]")
        season = ground.drivers.seasonal_motion(days)
        assert (season.max() - season.min()) / 2 == pytest.approx(0.005, rel=0.3)
        lags = np.arange(0, 121, 5)
        score = [np.corrcoef(season, ground.drivers.rain_at(days, float(lag)))[0, 1] for lag in lags]
        assert lags[int(np.argmax(score))] == 60 and max(score) > 0.999

    def test_season_is_on_farmland_only(self, ground):
        u, v = np.meshgrid(np.linspace(20, 100, 400), np.linspace(-3, 3, 40))
        e, n = ground.line_position(u, v)
        size = ground.season_size(e, n)
        assert size[(u > 44) & (u < 57) & (np.abs(v) < 2)].max() == 0
        assert size[(u > 73) & (u < 86)].max() == 0
        name = np.array(CLASS_NAMES)[ground.cover.class_at(e, n)]
        open_country = (u < 38) | ((u > 62) & (u < 71))
        assert size[open_country & (name == "farmland")].mean() > 0.75
        assert size[open_country & (name == "urban")].mean() < 0.35


class TestTracks:
    def test_dates_baselines_and_pairs(self):
        found = {}
        for spec in variant("line").tracks:
            gaps = np.diff(spec.dates).astype(int)
            assert set(gaps[gaps <= 84]) == {12, 24, 36} and (gaps > 84).sum() == 3
            bperp = spec.bperp.mean(axis=(1, 2))
            assert abs(bperp[spec.reference_index]) < 1 and np.abs(bperp).max() <= 152
            days = (spec.dates - spec.dates[0]).astype(float)
            pairs, is_regular = admissible(days, bperp, max_bperp=150.0, max_gap_days=84.0)
            coherence = 0.2 + 0.5 * np.exp(-(days[pairs[:, 1]] - days[pairs[:, 0]]) / 100)
            survey = SurveyedPairs(days, bperp, pairs, is_regular, coherence, 0.05, 0.005)
            network = build_network(survey, options=NetworkOptions())
            assert not network.is_bridge.any()
            found[spec.name] = (len(spec.dates), len(network.used), str(spec.dates[spec.reference_index]))
        assert found == {"t40": (63, 192, "2018-01-08"), "t142": (61, 171, "2018-01-15")}

    def test_both_tracks_see_one_ground(self, ground):
        chosen = variant("corridor")
        _, models = chosen.models(0)
        e, n = ground.line_position(np.array([58.0, 66.0, 79.6]), np.array([0.2, -0.3, 0.1]))
        up = []
        for model in models:
            places = model.places(e, n)
            rate = (ground.linear_rate(e, n, model.spec.dates) * places.los.T).sum(axis=-1)
            up.append(rate / places.los[2])
            assert np.all(np.diff(np.degrees(places.incidence)) > 0)
        np.testing.assert_allclose(up[0], up[1], atol=1.5e-4)
        assert models[0].ground == models[1].ground
        heights = [m.places(e, n).height_error for m in models]
        np.testing.assert_array_equal(heights[0], heights[1])

    def test_sinking_lengthens_the_range(self, ground):
        _, (model, _) = variant("corridor").models(0)
        e, n = ground.line_position(np.array([79.6]))
        places = replace(model.places(e, n), height_error=np.zeros(1))
        moved = model.displacement(-1, places)[0]
        assert moved < -0.2
        change = [model.phase(k, places)[0] - model.delay(k, places)[0] for k in (0, len(model.spec.dates) - 1)]
        assert change[1] - change[0] == pytest.approx(-4 * np.pi / SENTINEL1_WAVELENGTH * moved)

    def test_delays_of_dates_and_tracks_are_independent(self):
        _, models = variant("small").models(0)
        x = np.linspace(13_000, 18_000, 300)
        e, n = FRAME.to_map(x, np.full(300, -500.0))
        delays = [m.delay(k, m.places(e, n)) for m in models for k in (0, 1)]
        assert np.abs(np.corrcoef([np.diff(d) for d in delays]) - np.eye(4)).max() < 0.35

    def test_half_of_the_scatterers_are_seen_by_both(self):
        _, models = variant("small").models(0)
        one, two = (set(Strip(m).points.identity.tolist()) for m in models)
        # Half less those that a brighter neighbour hides in the other track.
        assert len(one & two) / len(one) == pytest.approx(0.45, abs=0.05)


def tiny(seed=0, n_dates=3):
    """A cut of the small variant."""
    _, (model, _) = variant("small").models(seed)
    spec = replace(model.spec, steps=model.spec.steps[: n_dates - 1], units_before=2)
    extent = Extent((15_000.0, 15_700.0), (-900.0, -200.0))
    return Strip(replace(model, spec=spec, extent=extent))


class TestImages:
    def test_equal_seeds_equal_bits(self):
        a, b, c = StripImages(tiny()), StripImages(tiny()), StripImages(tiny(seed=1))
        for _ in range(2):
            first, second, third = a.next(), b.next(), c.next()
            np.testing.assert_array_equal(first, second)
            assert not np.array_equal(first, third)
        assert first.dtype == np.complex64 and first.shape == tiny().shape

    def test_interferogram_carries_the_true_phase(self):
        strip = tiny()
        images = StripImages(strip)
        first, second = images.next(), images.next()
        lines, samples = strip.shape
        phase = strip.phase(np.arange(lines)[:, None], np.arange(samples)[None, :])
        turned = first * second.conj() * np.exp(-1j * (phase[..., 1] - phase[..., 0]))
        coherent = strip.stratum(np.arange(lines)[:, None], np.arange(samples)[None, :]) != 0
        total = turned[coherent].sum()
        assert abs(np.angle(total)) < 0.05
        assert abs(total) / np.abs(turned[coherent]).sum() > 0.3

    def test_points_of_adjacent_pixels_are_one(self):
        points = tiny().points
        grid = np.zeros(tiny().shape, int)
        grid[points.azimuth, points.range] = 1
        assert len(points.azimuth) == grid.sum() > 20
        assert (grid[:-1] & grid[1:]).sum() == 0 and (grid[:, :-1] & grid[:, 1:]).sum() == 0


@pytest.fixture(scope="module")
def made():
    _, (model, _) = variant("line").models(0)
    extent = Extent((13_000.0, 16_000.0), model.extent.y)
    return model, PointLevel(replace(model, extent=extent)).make()


class TestPointLevel:
    def test_density_is_that_of_the_paper(self):
        shares = {"urban": 0.154, "farmland": 0.625, "bare": 0.091}
        for track, wanted in ((0, 473), (1, 375)):
            assert sum(s.density[track] * shares[s.cover] for s in NOISE) == pytest.approx(wanted, rel=0.03)

    def test_points_lie_in_the_corridor(self, made):
        model, points = made
        _, v = model.ground.line_coordinates(*FRAME.to_map(points.places.x, points.places.y))
        assert np.abs(v).max() <= HALF_WIDTH
        assert len(points.kind) / 18.0 > 300
        assert set(points.kind) == {PointKind.PS, PointKind.DS}
        assert np.all((points.identity >= 0) == (points.kind == PointKind.PS))

    def test_noise_is_the_tables(self, made):
        _, points = made
        pairs = points.network.used
        true = np.stack(_phases(made), axis=1)
        error = points.phase - (true[:, pairs[:, 1]] - true[:, pairs[:, 0]])
        error = np.angle(np.exp(1j * error))
        gap = points.network.days[pairs[:, 1]] - points.network.days[pairs[:, 0]]
        for k, stratum in enumerate(NOISE):
            own = points.stratum == k
            if own.sum() < 150:
                continue
            for days, wanted in ((12, stratum.pair_std[0]), (84, stratum.pair_std[-1])):
                spread = np.exp(stratum.spread**2)
                got = np.sqrt(np.mean(error[own][:, gap == days] ** 2))
                assert got == pytest.approx(wanted * spread, rel=0.2)

    def test_distributed_triplets_do_not_close(self, made):
        _, points = made
        index = {(int(i), int(j)): k for k, (i, j) in enumerate(points.network.used)}
        triplets = [
            (k, index[j, m], index[i, m])
            for (i, j), k in index.items()
            for m in range(63)
            if (j, m) in index and (i, m) in index
        ]
        a, b, c = np.array(triplets).T
        closure = np.angle(np.exp(1j * (points.phase[:, a] + points.phase[:, b] - points.phase[:, c])))
        farm = [s.cover == "farmland" and s.kind == PointKind.DS for s in NOISE].index(True)
        got = closure[points.stratum == farm].std()
        assert got == pytest.approx(NOISE[farm].closure_std * np.exp(NOISE[farm].spread ** 2), rel=0.1)


def _phases(made):
    _, (model, _) = variant("line").models(0)
    model = replace(model, extent=Extent((13_000.0, 16_000.0), model.extent.y))
    return [model.phase(k, made[1].places) for k in range(len(model.spec.dates))]


class TestParts:
    def test_hash_is_uniform_and_fixed(self):
        i, j = np.meshgrid(np.arange(-100, 100), np.arange(-100, 100))
        drawn = hashed(3, 5, i, j)
        assert drawn.mean() == pytest.approx(0.5, abs=0.01) and drawn.var() == pytest.approx(1 / 12, abs=0.003)
        assert abs(np.corrcoef(drawn[:, 1:].ravel(), drawn[:, :-1].ravel())[0, 1]) < 0.02
        np.testing.assert_array_equal(drawn, hashed(3, 5, i, j))
        assert np.abs(drawn - hashed(4, 5, i, j)).mean() > 0.3

    def test_field_has_unit_variance_and_its_length(self):
        rng = np.random.default_rng(0)
        x, y = rng.uniform(0, 20_000, (2, 4000))
        field = FourierField(2, 1, 300.0, 200)
        here, there = field.at(x, y), field.at(x + 300.0, y)
        assert here.std() == pytest.approx(1.0, abs=0.1)
        assert np.mean(here * there) == pytest.approx(np.exp(-1), abs=0.1)

    def test_cell_is_that_of_the_nearest_seed(self):
        cells = JitteredCells(0, 9, 100.0)
        rng = np.random.default_rng(1)
        x, y = rng.uniform(-1000, 1000, (2, 300))
        column, row = cells.cell_of(x, y)
        i, j = (v.ravel() for v in np.meshgrid(np.arange(-14, 15), np.arange(-14, 15)))
        sx, sy = cells.seed_of(i, j)
        nearest = np.argmin(np.hypot(x[:, None] - sx, y[:, None] - sy), axis=1)
        assert np.mean((i[nearest] == column) & (j[nearest] == row)) > 0.99

    def test_panel_without_extent_is_refused(self):
        with pytest.raises(ArgumentError, match="must be positive"):
            Panel(0.0, 0.0, 0.0, 100.0, 1.0, 100.0)

    def test_zones_out_of_order_are_refused(self):
        with pytest.raises(ArgumentError, match="must follow each other"):
            HezeLayout(zone_1=(80.0, 90.0))

    def test_unknown_variant_is_refused(self):
        assert VARIANTS == ("small", "corridor", "line")
        with pytest.raises(ArgumentError, match="must be one of"):
            variant("large")

    def test_description_restores_the_ground(self):
        ground = HezeGround(5, variant("small").layout)
        assert HezeGround.from_description(ground.describe()) == ground

    def test_straight_line_has_its_own_chainage(self):
        line = CurvedLine(100.0, 1000.0, ())
        np.testing.assert_allclose(line.chainage([100.0, 600.0]), [0.0, 500.0], atol=1e-6)
