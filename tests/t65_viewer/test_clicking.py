"""The page, by clicking it in headless Chromium: what it says must be what numpy says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from viewer_support import Browser, along

from subside.ops.point_covariance import robust_mean
from subside.ops.series.sites import mean_series
from subside.viewer import ViewerData, export_static

Serving = Callable[[ViewerData], str]
Opening = Callable[..., Browser]

ENTRIES = """return Subside.app.state.entries.map(e => ({k: e.k, rows: Array.from(e.rows), label: e.label, rate: e.rate,
  sigma: e.sigma, effective: e.effective, values: Array.from(e.values), std: e.std && Array.from(e.std)}))"""


def shown(points: Any) -> np.ndarray[Any, Any]:
    return np.asarray(points.flags == 0)


def lonely(points: Any, others: Any, *, n: int = 3) -> list[int]:
    """Rows of points with a known rate and no neighbour of any track near."""
    metres = 111_320.0 * np.cos(np.radians(35.2))
    lon = np.concatenate([points.longitude, others.longitude]) * metres
    lat = np.concatenate([points.latitude, others.latitude]) * 111_320.0
    found = []
    for i in np.flatnonzero(shown(points) & np.isfinite(points.velocity)):
        distance = np.hypot(lon - lon[i], lat - lat[i])
        distance[i] = np.inf
        if distance.min() > 35 and abs(lon[i] - 115.4 * metres) < 1800 and abs(lat[i] - 35.2 * 111_320.0) < 1000:
            found.append(int(i))
        if len(found) == n:
            break
    return found


def values_of(entry: dict[str, Any], name: str = "values") -> np.ndarray[Any, Any]:
    return np.array([np.nan if v is None else v for v in entry[name]], float)


def wait_series(browser: Browser, action: Callable[[], object]) -> list[dict[str, Any]]:
    before = browser.js("return document.body.dataset.series || ''")
    action()
    browser.wait("return (document.body.dataset.series || '') !== arguments[0]", before)
    return list(browser.js(ENTRIES))


@pytest.mark.parametrize("way", ["served", "file"])
def test_points_areas_reference_filters_and_profile(
    two_tracks: ViewerData, serving: Serving, browser: Opening, tmp_path: Path, way: str
) -> None:
    data = two_tracks
    url = serving(data) if way == "served" else export_static(data, tmp_path / "map").as_uri()
    page = browser()
    page.requests()
    page.open(url)
    n_shown = sum(int(shown(p).sum()) for p in data.sets)
    assert page.text("count") == f"{n_shown:,} of 4,500 points shown"
    atol = 0.06 if way == "file" else 0.001

    points, others = data.sets
    first, second, third = lonely(points, others)
    entries = wait_series(page, lambda: page.click_map(points.longitude[first], points.latitude[first]))
    assert [e["label"] for e in entries] == [points.point_id[first]]
    np.testing.assert_allclose(values_of(entries[0]), np.asarray(points.displacement)[first] * 1000, atol=atol)
    np.testing.assert_allclose(
        values_of(entries[0], "std"), np.asarray(points.displacement_std)[first] * 1000, rtol=0.01
    )
    assert entries[0]["rate"] == pytest.approx(points.velocity[first] * 1000, rel=1e-5)
    assert entries[0]["sigma"] == pytest.approx(points.velocity_std[first] * 1000, rel=1e-5)
    facts = page.text("facts")
    assert f"{points.coherence[first]:.2f}" in facts
    assert "mean of the areas" in facts
    drawn = page.js("return document.querySelector('#series-chart canvas').width")
    assert drawn > 100

    entries = wait_series(page, lambda: page.click_map(points.longitude[second], points.latitude[second], shift=True))
    assert [e["rows"][0] for e in entries] == [first, second]

    corners = [(115.403, 35.197), (115.41, 35.1975), (115.4105, 35.203), (115.4035, 35.2025)]
    page.press("tool-polygon")
    for corner in corners[:-1]:
        page.click_map(*corner)
    entries = wait_series(page, lambda: page.click_map(*corners[-1], double=True))
    assert [e["k"] for e in entries] == [0, 1]
    clicked = page.js("return Subside.app.state.entries[0].ring.map(p => Subside.app.projection.inverse(...p))")
    ring = shapely.Polygon(clicked)
    for entry in entries:
        one = data.sets[entry["k"]]
        rows = np.flatnonzero(shown(one) & shapely.contains_xy(ring, one.longitude, one.latitude))
        assert len(rows) > 30
        assert sorted(entry["rows"]) == rows.tolist()
        model = data.correlation[entry["k"]]
        assert model is not None
        series = mean_series(one, rows, model, site="area")
        np.testing.assert_allclose(values_of(entry), series.displacement * 1000, atol=atol)
        np.testing.assert_allclose(values_of(entry, "std"), series.std * 1000, rtol=0.01)
        known = rows[np.isfinite(one.velocity[rows])]
        rho = model.matrix(one.easting[known], one.northing[known], one.kind[known])
        expected = robust_mean(one.velocity[known] * 1000, one.velocity_std[known] * 1000, rho)
        assert entry["rate"] == pytest.approx(expected.mean, abs=0.001 * expected.std)
        assert entry["sigma"] == pytest.approx(expected.std, rel=0.002)
        assert entry["effective"] == pytest.approx(expected.n_effective, rel=0.005)
    facts = page.text("facts")
    assert f"alike to {model.reach:.0f} m" in facts
    assert f"weighs as{expected.n_effective:.1f} independent points" in facts
    assert "the error of the reference" in facts

    page.press("tool-reference")
    before = page.js("return document.body.dataset.reference || ''")
    page.click_map(points.longitude[third], points.latitude[third])
    page.wait("return (document.body.dataset.reference || '') !== arguments[0]", before)
    entries = wait_series(page, lambda: page.click_map(points.longitude[first], points.latitude[first]))
    difference = np.asarray(points.displacement)[first] - np.asarray(points.displacement)[third]
    np.testing.assert_allclose(values_of(entries[0]), difference * 1000, atol=2 * atol)
    assert entries[0]["rate"] == pytest.approx((points.velocity[first] - points.velocity[third]) * 1000, abs=1e-3)
    both = np.array([first, third])
    h = float(np.hypot(np.diff(points.easting[both])[0], np.diff(points.northing[both])[0]))
    s = points.velocity_std[both] * 1000
    expected = np.sqrt(s @ s - 2 * s[0] * s[1] * np.exp(-h / 300.0))
    assert entries[0]["sigma"] == pytest.approx(expected, rel=0.01)
    relative = page.js("return Array.from(Subside.app.state.sets[0].shownRate.slice(0, 200), v => v === v ? v : null)")
    np.testing.assert_allclose(
        np.array([np.nan if v is None else v for v in relative]),
        (points.velocity[:200] - points.velocity[third]) * 1000,
        atol=1e-3,
    )
    page.press("reference-clear")
    page.wait("return Subside.app.state.reference === null")

    page.fill("filter-coherence", 0.85)
    n = [int((shown(p) & (p.coherence.astype(np.float32) >= 0.85)).sum()) for p in data.sets]
    assert page.text("count") == f"{sum(n):,} of 4,500 points shown"
    assert page.text("track-n-1") == f"{n[1]:,} of 1,500"
    page.fill("filter-sigma", 2)
    n = [int((shown(p) & (p.coherence >= 0.85) & (p.velocity_std <= 0.002)).sum()) for p in data.sets]
    assert page.text("count") == f"{sum(n):,} of 4,500 points shown"
    page.press("kind-1")
    n = [int((shown(p) & (p.coherence >= 0.85) & (p.velocity_std <= 0.002) & (p.kind != 1)).sum()) for p in data.sets]
    assert page.text("count") == f"{sum(n):,} of 4,500 points shown"
    page.press("kind-1")
    page.fill("filter-coherence", 0)
    page.fill("filter-sigma", "")
    page.press("flag-ALIAS_RISK")
    n = [int(((p.flags & ~32) == 0).sum()) for p in data.sets]
    assert page.text("count") == f"{sum(n):,} of 4,500 points shown"
    page.press("flag-ALIAS_RISK")

    bins = page.js("return Subside.app.state.bins")
    chainage, offset = (np.concatenate(a) for a in zip(*(along(p) for p in data.sets), strict=True))
    rate = np.concatenate([p.velocity for p in data.sets]) * 1000
    use = np.concatenate([shown(p) for p in data.sets]) & np.isfinite(rate) & (np.abs(offset) <= 250)
    for at, median, low, count in zip(bins["at"], bins["median"], bins["low"], bins["n"], strict=True):
        inside = use & (np.abs(chainage - at * 1000) < 100)
        assert count == inside.sum()
        assert median == pytest.approx(np.median(rate[inside]), abs=1e-3)
        assert low == pytest.approx(np.quantile(rate[inside], 0.05), abs=1e-3)
    assert min(bins["median"]) < -25, "the bowl is in the profile"

    assert page.complaints() == []
    home = url.rsplit("/", 1)[0]
    strange = [r for r in page.requests() if not r.startswith((home, "data:", "blob:", "chrome:", "about:"))]
    assert strange == []
    assert any(r.startswith(home) for r in page.requests())


@pytest.mark.slow
def test_hardware_drawing_paints_the_same_points(two_tracks: ViewerData, serving: Serving, browser: Opening) -> None:
    import io

    from matplotlib.image import imread

    url = serving(two_tracks)
    page = browser()
    images = []
    for way in ("processor", "hardware"):
        page.open(f"{url}?draw={way}")
        assert page.js("return Boolean(Subside.app.map.raster)") is (way == "processor")
        page.wait("return Subside.app.map.deck.isInitialized")
        page.driver.execute_async_script("setTimeout(arguments[0], 1500)")
        images.append(np.asarray(imread(io.BytesIO(page.driver.get_screenshot_as_png())))[100:650, 50:830, :3])
    ground = np.array([0xA3, 0xAB, 0xB4]) / 255
    painted = [np.abs(image - ground).max(axis=2) > 0.1 for image in images]
    assert painted[0].mean() > 0.05
    overlap = (painted[0] & painted[1]).sum() / painted[0].sum()
    assert overlap > 0.6, "both ways draw the points at the same places"
    red = [image[..., 0] - image[..., 2] for image in images]
    assert np.corrcoef(red[0].ravel(), red[1].ravel())[0, 1] > 0.7
    assert page.complaints() == []


def test_keyboard_and_phone(two_tracks: ViewerData, serving: Serving, browser: Opening) -> None:
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys

    page = browser(412, 850)
    page.open(serving(two_tracks))
    assert page.js("return document.documentElement.scrollWidth") <= 412
    box = page.driver.find_element(By.ID, "map")
    start = page.js("return Subside.app.map.centre")
    page.js("document.getElementById('map').focus()")
    box.send_keys(Keys.ARROW_RIGHT)
    box.send_keys("+")
    moved = page.js("return Subside.app.map.centre")
    assert moved[0] > start[0] + 50
    entries = wait_series(page, lambda: box.send_keys(Keys.ENTER))
    assert len(entries) == 1
    xy = np.concatenate([np.frombuffer(two_tracks.column(k, "xy"), "<f4").reshape(-1, 2) for k in (0, 1)])
    use = np.concatenate([shown(p) for p in two_tracks.sets])
    distance = np.where(use, np.hypot(*(xy - moved).T), np.inf)
    chosen = entries[0]["rows"][0] + 3000 * entries[0]["k"]
    assert distance[chosen] == pytest.approx(distance.min(), abs=0.1)
    assert page.complaints() == []


def test_strange_names_gaps_empty_tracks_and_no_correlation(
    two_tracks: ViewerData, serving: Serving, browser: Opening
) -> None:
    attack = "<img src=x onerror='window.hit=1'>"
    plain = two_tracks.sets[0]
    points = replace(
        plain,
        name=f"@t142 {attack}",
        point_id=np.array([f"={k}+1" for k in range(plain.n_points)], object),
        displacement=np.full((plain.n_points, len(plain.dates)), np.nan, np.float32),
    )
    empty = replace(two_tracks.sets[1].subset(np.zeros(1500, bool)), name="empty")
    data = ViewerData.from_points(
        [points, empty],
        sites={attack: (115.4, 35.2)},
        polygons={f"</script>{attack}": [(115.4, 35.2), (115.41, 35.2), (115.4, 35.21)]},
    ).titled(attack)
    page = browser()
    on_disk = {"is_same": True}
    page.open(serving(data.watched(lambda: on_disk["is_same"])))
    assert page.text("track-n-1") == "0 of 0"
    assert page.text("title") == attack
    row = lonely(plain, plain.subset(np.arange(1)))[1]
    entry = wait_series(page, lambda: page.click_map(points.longitude[row], points.latitude[row]))[0]
    assert entry["label"] == f"={row}+1"
    assert np.isnan(values_of(entry)).all()
    assert page.text("series-note") == "Every displacement is unknown: nothing to draw."
    page.js("URL.createObjectURL = (blob) => { blob.text().then((t) => { window.saved = t; }); return '#'; }")
    page.press("series-save")
    page.wait("return window.saved")
    line = page.js("return window.saved").split("\n")[1]
    assert line == f'"\'={row}+1","\'@t142 {attack}",{points.dates[0]},,'

    before = page.js("return document.body.dataset.reference || ''")
    page.press("series-reference")
    page.wait("return (document.body.dataset.reference || '') !== arguments[0]", before)
    assert "still that of the original reference" in page.text("reference-warning")
    entry = page.js(ENTRIES)[0]
    assert entry["rate"] == pytest.approx(0.0, abs=1e-6)
    assert entry["sigma"] == pytest.approx(points.velocity_std[row] * 1000, rel=1e-5), "not adjusted, and said so"
    assert not page.js("return document.getElementById('profile').hidden === false")

    page.press("tool-polygon")
    corners = [(115.395, 35.197), (115.405, 35.203), (115.405, 35.197), (115.395, 35.203)]
    for corner in corners[:-1]:
        page.click_map(*corner)
    entry = wait_series(page, lambda: page.click_map(*corners[-1], double=True))[0]
    assert "sides of the area cross" in page.text("hint")
    assert "sides of the area cross" in page.text("series-note")
    ring = page.js("return Subside.app.state.entries[0].ring.map(p => Subside.app.projection.inverse(...p))")
    wings = shapely.polygonize([shapely.node(shapely.LinearRing(ring))])
    inside = shapely.contains_xy(shapely.union_all(wings), plain.longitude, plain.latitude)
    assert sorted(entry["rows"]) == np.flatnonzero(shown(plain) & inside).tolist()

    page.fill("filter-coherence", 1)
    assert page.text("count") == "0 of 3,000 points shown: none passes the filters"
    page.click_map(points.longitude[row], points.latitude[row])
    page.wait("return document.getElementById('hint').textContent === 'No point is shown: loosen the filters.'")
    assert page.js("return [window.hit || null, document.querySelectorAll('img').length]") == [None, 0]
    assert page.complaints() == []

    page.fill("filter-coherence", 0)
    on_disk["is_same"] = False
    page.js("return Subside.app.select(0, 2500, false)")
    page.wait("return document.getElementById('hint').textContent === 'the project changed; reload the page'")
