"""The arithmetic of the page, run by Node.js without a page."""

from __future__ import annotations

import base64
import json
import os
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from viewer_support import make_points

from subside.io.points import read_points
from subside.ops.point_covariance import ErrorCorrelation, fit_error_correlation, robust_mean
from subside.ops.series.sites import correlation_of_dates, mean_series
from subside.viewer import ViewerData
from subside.viewer.data import EARTH_RADIUS
from subside.viewer.server import asset

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


def run(program: str, *files: str, content: Any = None) -> Any:
    """Value of a function body that sees ``S`` (statistics) and ``content``."""
    parts = ["globalThis.window = globalThis;", *(asset(name).decode() for name in ("statistics.js", *files))]
    parts.append(
        "const content = JSON.parse(require('fs').readFileSync(0, 'utf8')), S = Subside.statistics;"
        f"process.stdout.write(JSON.stringify((() => {{ {program} }})()));"
    )
    done = subprocess.run(
        ["node", "-e", "\n".join(parts)], input=json.dumps(content), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_huge_area_reads_few_blocks_spread_over_it() -> None:
    rows = run(
        "const rows = Array.from({ length: 1000000 }, (_, i) => i); return S.thinnedByBlocks(rows, 1024, 64, 20000)"
    )
    blocks = np.unique(np.array(rows) // 1024)
    assert len(blocks) == 64
    assert 19_000 < len(rows) <= 20_000
    assert np.diff(blocks).max() <= 17, "of 977 blocks every fifteenth or so"
    few = run("return S.thinnedByBlocks([5, 2000, 70000], 1024, 64, 20000)")
    assert few == [5, 2000, 70000]


@pytest.mark.parametrize(
    ("ring", "crosses"),
    [
        ([[0, 0], [1, 1], [1, 0], [0, 1]], True),
        ([[0, 0], [1, 0], [1, 1], [0, 1]], False),
        ([[0, 0], [1, 0], [0, 1]], False),
        ([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], False),
        ([[0, 0], [4, 0], [4, 4], [2, -1], [0, 4]], True),
    ],
)
def test_sides_that_cross(ring: list[list[float]], crosses: bool) -> None:
    assert run("return S.isCrossing(content)", content=ring) is crosses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", '"\'=1+1"'),
        ("+1", '"\'+1"'),
        ("-1", '"\'-1"'),
        ("@sum", '"\'@sum"'),
        (" \t=1", '"\' \t=1"'),
        ('p "7"', '"p ""7"""'),
        ("t142-7", '"t142-7"'),
    ],
)
def test_cells_are_no_formulas(text: str, expected: str) -> None:
    assert run("return S.cell(content)", content=text) == expected


class Given:
    """A correlation that is given as a matrix."""

    def __init__(self, rho: np.ndarray[Any, Any]) -> None:
        self.rho = rho

    def matrix(self, *_: Any) -> np.ndarray[Any, Any]:
        return self.rho


_MEANS = """
  const { facts, rows, reference } = content, M = Subside.means, P = S.projection(facts.origin, facts.radius);
  const column = (name, type) => new type(S.bytes(facts[name]).buffer);
  const number = (v) => (Number.isFinite(v) ? v : null), width = facts.meta.days.length;
  const set = { meta: facts.meta, ground: (y) => P.ground(y), rho: M.correlations(facts.meta.correlation),
    xy: column("xy", Float32Array), rate: column("rate", Float32Array), sigma: column("sigma", Float32Array),
    kind: column("kind", Uint8Array) };
  const row = (of, i) => of.slice(i * width, (i + 1) * width);
  const maps = (of) => new Map(Array.from({ length: facts.meta.n }, (_, i) => [i, row(of, i)]));
  const found = { displacement: maps(column("displacement", Float32Array)), std: maps(column("std", Float32Array)) };
  const rate = M.rates(set, rows), series = M.series(set, rows, found), other = reference && M.rates(set, reference);
  const [{ mean, variance, effective, excess }] = rate.results;
  return { mean, std: Math.sqrt(variance), effective, excess,
    values: series.values.map(number), series_std: M.deviations(set, series, null).map(number),
    moved: other && M.difference(rate, other)[0], moved_std: other && M.deviations(set, rate, other)[0],
    from: other && Array.from(M.deviationsFrom(set, other, 1e9).slice(0, 50), number) };
"""


def page_means(data: ViewerData, rows: np.ndarray[Any, Any], reference: np.ndarray[Any, Any] | None = None) -> Any:
    """What the page says of a mean of the first set, and of its difference from a reference."""

    def text(values: bytes) -> str:
        return base64.b64encode(values).decode()

    manifest = data.manifest()
    blocks = [data.block(0, b) for b in range(data.n_blocks(0))]
    facts = {name: text(data.column(0, name)) for name in ("xy", "rate", "sigma", "kind")} | {
        "origin": manifest["origin"],
        "radius": manifest["radius"],
        "meta": manifest["sets"][0],
        "displacement": text(np.concatenate([d for d, _ in blocks]).tobytes()),
        "std": text(np.concatenate([np.full_like(d, np.nan) if s is None else s for d, s in blocks]).tobytes()),
    }
    content = {"facts": facts, "rows": rows.tolist(), "reference": None if reference is None else reference.tolist()}
    return run(_MEANS, "means.js", content=content)


def page_distance(data: ViewerData, rows: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Metres between points on the map of the page, by the scale midway."""
    xy = np.frombuffer(data.column(0, "xy"), "<f4").reshape(-1, 2)[rows].astype(float)
    latitude = np.radians(data.origin.latitude)
    psi = np.add.outer(xy[:, 1], xy[:, 1]) / 2 / (EARTH_RADIUS * np.cos(latitude)) + np.arctanh(np.sin(latitude))
    scale = np.cos(np.arcsin(np.tanh(psi))) / np.cos(latitude)
    return np.asarray(np.hypot(*(np.subtract.outer(c, c) for c in xy.T)) * scale)


def page_matrix(data: ViewerData, rows: np.ndarray[Any, Any], model: ErrorCorrelation) -> np.ndarray[Any, Any]:
    share = np.sqrt(model.shares[data.sets[0].kind[rows]])
    distance = page_distance(data, rows)
    rho = sum(np.outer(a, a) * np.exp(-distance / length) for a, length in zip(share.T, model.lengths, strict=True))
    np.fill_diagonal(rho, 1.0)
    return np.asarray(rho)


def assert_page_agrees(data: ViewerData, rows: np.ndarray[Any, Any]) -> None:
    """Mean rate, and where sigma is known mean series, of the page are those of the studies to a millionth."""
    points, model = data.sets[0], data.correlation[0]
    assert model is not None
    got = page_means(data, rows)
    known = rows[np.isfinite(points.velocity[rows])]
    rate, sigma = (np.frombuffer(data.column(0, n), "<f4")[known].astype(float) for n in ("rate", "sigma"))
    assert np.all(sigma > 0)
    expected = robust_mean(rate, sigma, page_matrix(data, known, model))
    assert got["mean"] == pytest.approx(expected.mean, rel=1e-6)
    assert got["std"] == pytest.approx(expected.std, rel=1e-6)
    assert got["effective"] == pytest.approx(expected.n_effective, rel=1e-6)
    assert got["excess"] == pytest.approx(expected.excess, rel=1e-6, abs=1e-9)
    if points.displacement_std is None:
        return
    dates = page_matrix(data, rows, correlation_of_dates(model))
    series = mean_series(points, rows, cast("ErrorCorrelation", Given(dates)), site="area")
    size = float(np.nanmax(np.abs(series.displacement))) * 1000
    np.testing.assert_allclose(np.array(got["values"], float), series.displacement * 1000, rtol=0, atol=1e-6 * size)
    np.testing.assert_allclose(np.array(got["series_std"], float), series.std * 1000, rtol=1e-6)


@pytest.fixture(scope="module")
def fitted() -> ViewerData:
    points = make_points("a", 1500, seed=7)
    rate = points.velocity.copy()
    rate[::40] += 0.05
    points = replace(points, velocity=rate)
    return ViewerData.from_points([points]).with_correlation([fit_error_correlation(points)])


@pytest.mark.parametrize("n", [2, 3, 40, 600])
def test_means_of_the_page_are_those_of_the_studies(fitted: ViewerData, n: int) -> None:
    assert_page_agrees(fitted, np.random.default_rng(n).choice(1500, n, replace=False))


@pytest.mark.data
def test_means_of_published_points_are_those_of_the_studies() -> None:
    default = Path(__file__).parents[2] / ".." / "shared" / "data"
    path = Path(os.environ.get("SUBSIDE_DATA", default)) / "egms" / "EGMS_L2b_022_0845_IW2_VV_2020_2024_1.zip"
    if not path.exists():
        pytest.skip(f"{path} is not here")
    points = read_points(path)
    data = ViewerData.from_points([points]).with_correlation([fit_error_correlation(points)])
    middle = points.n_points // 2
    distance = np.hypot(points.easting - points.easting[middle], points.northing - points.northing[middle])
    assert_page_agrees(data, np.sort(np.argsort(distance)[:400]))


def test_a_mean_of_one_point_is_the_point(fitted: ViewerData) -> None:
    points = fitted.sets[0]
    got = page_means(fitted, np.array([7]))
    assert got["mean"] == pytest.approx(points.velocity[7] * 1000, rel=1e-6)
    assert got["std"] == pytest.approx(points.velocity_std[7] * 1000, rel=1e-6)
    np.testing.assert_allclose(np.array(got["values"], float), np.asarray(points.displacement)[7] * 1000, rtol=1e-6)


def test_an_unlike_few_do_not_move_the_mean(fitted: ViewerData) -> None:
    rows = np.arange(400)
    clean = rows[rows % 40 != 0]
    with_, without = page_means(fitted, rows), page_means(fitted, clean)
    plain = np.nanmean(fitted.sets[0].velocity[rows]) - np.nanmean(fitted.sets[0].velocity[clean])
    assert abs(with_["mean"] - without["mean"]) < 0.35 * plain * 1000


def test_a_sample_of_pairs_stands_for_all() -> None:
    points = make_points("a", 3000, seed=8, n_dates=3)
    rows = np.flatnonzero(np.isfinite(points.velocity))
    data = ViewerData.from_points([points], correlation_length_m=300.0)
    got, model = page_means(data, rows), data.correlation[0]
    assert model is not None
    expected = robust_mean(
        points.velocity[rows] * 1000, points.velocity_std[rows] * 1000, page_matrix(data, rows, model)
    )
    assert len(rows) > 2900, "more than the 2000 points whose pairs are taken"
    assert got["mean"] == pytest.approx(expected.mean, abs=0.02 * expected.std)
    assert got["std"] == pytest.approx(expected.std, rel=0.05)


def test_a_difference_of_means_knows_what_they_share(fitted: ViewerData) -> None:
    points, model = fitted.sets[0], fitted.correlation[0]
    assert model is not None
    known = np.flatnonzero(np.isfinite(points.velocity))
    rows, reference = known[:60], known[40:90]
    got = page_means(fitted, rows, reference)
    both = np.concatenate([rows, reference])
    std = np.frombuffer(fitted.column(0, "sigma"), "<f4").astype(float)
    rho = page_matrix(fitted, np.unique(both), model)
    where = np.searchsorted(np.unique(both), both)
    rho = rho[np.ix_(where, where)]
    rates = np.frombuffer(fitted.column(0, "rate"), "<f4").astype(float)
    first, second = (
        robust_mean(rates[r], std[r], rho[np.ix_(at, at)])
        for r, at in ((rows, np.arange(60)), (reference, np.arange(60, 110)))
    )
    covariance = rho[:60, 60:] * np.outer(std[rows], std[reference])
    covariance += first.excess * second.excess * np.equal.outer(rows, reference)
    variance = first.std**2 + second.std**2 - 2 * first.weights @ covariance @ second.weights
    assert got["moved"] == pytest.approx(first.mean - second.mean, rel=1e-6)
    assert got["moved_std"] == pytest.approx(np.sqrt(variance), rel=1e-6)
    assert variance < first.std**2 + second.std**2
    itself = page_means(fitted, known, known)
    assert (itself["moved"], itself["moved_std"]) == (0.0, pytest.approx(0.0, abs=1e-6))
    alone = page_means(fitted, rows[:1], rows[:1])
    assert (alone["moved"], alone["moved_std"]) == (0.0, 0.0)
    assert alone["from"][int(rows[0])] == pytest.approx(0.0, abs=1e-4)


def test_without_a_correlation_errors_count_as_all_alike() -> None:
    points = make_points("a", 300, seed=3)
    data = ViewerData.from_points([replace(points, velocity=np.full(300, -0.01))])
    got = page_means(data, np.arange(300))
    weights = 1 / points.velocity_std**2
    assert got["std"] == pytest.approx(1000 * (weights @ points.velocity_std) / weights.sum(), rel=1e-5)


def test_unknown_values_are_left_out_and_unknown_deviations_take_the_usual_one() -> None:
    points = make_points("a", 200, seed=3)
    velocity, std = points.velocity.copy(), np.full(200, 0.002)
    velocity[:5], std[100:110] = np.nan, np.nan
    data = ViewerData.from_points([replace(points, velocity=velocity, velocity_std=std)], correlation_length_m=300.0)
    usual = ViewerData.from_points(
        [replace(points, velocity=velocity, velocity_std=np.full(200, 0.002))], correlation_length_m=300.0
    )
    rows = np.arange(200)
    got, expected = page_means(data, rows), page_means(usual, rows)
    assert got["std"] == pytest.approx(expected["std"], rel=1e-9)
    assert got["mean"] == pytest.approx(expected["mean"], rel=1e-9)
    gone = page_means(ViewerData.from_points([replace(points, velocity=np.full(200, np.nan))]), rows)
    assert (gone["mean"], gone["std"]) == (None, None)
