"""Readers on real data: Houston (wrapped) and Mexico City (unwrapped)."""

from __future__ import annotations

import gzip
import os
import re
import warnings
from pathlib import Path

import numpy as np
import pytest

from subside.io.stacks import open_stack
from subside.model.network import design_matrix

pytestmark = pytest.mark.data

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
HOUSTON, MEXICO = DATA / "houston", DATA / "mexico-unwrapped"
GEOTRANSFORM = [-96.55816, 0.0011159, 30.46878, -0.0011427]


def open_quietly(fmt, sources, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return open_stack(fmt, sources, **options)


@pytest.fixture(scope="module")
def houston():
    if not HOUSTON.is_dir():
        pytest.skip(f"no data in {HOUSTON}; set SUBSIDE_DATA")
    path = HOUSTON / "houston_s1_path143_93x600x600.h5"
    return open_quietly("wrapped", [path], geotransform=GEOTRANSFORM)


@pytest.fixture(scope="module")
def mexico():
    if not MEXICO.is_dir():
        pytest.skip(f"no data in {MEXICO}; set SUBSIDE_DATA")
    return open_quietly("unwrapped", [MEXICO])


def test_houston_says_what_it_does_not_know(houston):
    assert {f.code for f in houston.findings} == {"W201", "W202", "W204", "W205"}
    assert houston.bperp is None
    assert houston.shape == (600, 600) and len(houston.dates) == 93
    assert houston.wavelength == 0.05546576
    assert 5 < houston.n_looks < 50


def test_houston_arcs_are_coherent_in_the_sign_of_the_source(houston):
    """Neighbours in the town of Brenham: coherent in time with the documented sign, less so with the other."""
    rows, columns = slice(260, 300), slice(120, 160)
    slc = np.stack([houston.read_slc(k, rows)[:, columns] for k in range(93)])
    days = np.array(
        [(np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") - np.datetime64("2017-02-01")).astype(int) for d in houston.dates]
    )
    import h5py

    with h5py.File(HOUSTON / "houston_s1_path143_93x600x600.h5") as file:
        good = file["avg_correlation"][rows, columns] > 0.45
    assert good.sum() > 20
    rates = np.linspace(-0.03, 0.03, 121)
    trial = np.exp(-4j * np.pi / houston.wavelength * rates[:, None] * days / 365.25)
    phases = np.exp(1j * np.angle(slc))

    def coherence(unit):
        pairs = good[:, :-1] & good[:, 1:]
        arcs = (unit[:, :, :-1] * np.conj(unit[:, :, 1:]))[:, pairs]
        return np.abs(trial @ arcs / len(days)).max(axis=0)

    measured = coherence(phases)
    later = np.array(houston.dates) > houston.reference_date
    mixed = np.where(later[:, None, None], phases, np.conj(phases))
    assert np.median(measured) > 0.8
    assert np.median(measured) > np.median(coherence(mixed))


def test_houston_raw_originals_equal_the_archive(houston, tmp_path):
    folder = tmp_path / "raw"
    folder.mkdir()
    for packed in HOUSTON.glob("*.gz"):
        (folder / packed.stem).write_bytes(gzip.decompress(packed.read_bytes()))
    source = open_quietly("wrapped", [folder], shape=[600, 600], sensor="Sentinel-1", geotransform=GEOTRANSFORM)
    assert source.dates == ("20180115", "20180127")
    rows = slice(100, 160)
    ifg = source.read_slc(0, rows) * np.conj(source.read_slc(1, rows))
    index = [houston.dates.index(d) for d in source.dates]
    other = houston.read_slc(index[0], rows) * np.conj(houston.read_slc(index[1], rows))
    assert np.abs(np.angle(ifg * np.conj(other))).max() < 0.02
    np.testing.assert_allclose(np.abs(other), np.abs(ifg), rtol=0.03)


def test_mexico_is_what_it_is_known_to_be(mexico):
    assert len(mexico.dates) == 13 and len(mexico.pairs) == 30 and mexico.shape == (60, 100)
    assert np.linalg.matrix_rank(design_matrix(mexico.pairs, 13)) == 12
    assert {f.code for f in mexico.findings} == {"W108", "W110"}
    incidence = np.rad2deg(mexico.geometry["incidence_angle"](slice(0, 60)))
    assert incidence.min() > 30.5 and incidence.max() < 32.7
    rows = slice(0, 60)
    coherence = np.stack([mexico.read_coherence(k, rows) for k in range(30)])
    # The figure of the source counts no data as zero.
    assert np.nan_to_num(coherence).mean() == pytest.approx(0.573, abs=0.002)


def test_mexico_triplets_close(mexico):
    phase = np.stack([mexico.read_unwrapped(k, slice(0, 60)) for k in range(30)])
    index = {tuple(p): k for k, p in enumerate(mexico.pairs.tolist())}
    stds = []
    for (a, b), first in index.items():
        for c in range(b + 1, 13):
            if (b, c) in index and (a, c) in index:
                closure = phase[first] + phase[index[b, c]] - phase[index[a, c]]
                stds.append(np.nanstd(closure - np.nanmedian(closure)))
    assert len(stds) == 24
    assert np.median(stds) == pytest.approx(0.28, abs=0.01)


def test_mexico_bowl_sinks(mexico):
    phase = np.stack([mexico.read_unwrapped(k, slice(0, 60)) for k in range(30)])
    flat = phase.reshape(30, -1)
    known = np.all(np.isfinite(flat), axis=0)
    series = np.linalg.lstsq(design_matrix(mexico.pairs, 13)[:, 1:], flat[:, known], rcond=None)[0]
    days = np.array([np.datetime64(f"{d[:4]}-{d[4:6]}-{d[6:]}") for d in mexico.dates])
    years = (days[1:] - days[0]).astype(float) / 365.25
    rate = (years @ series) / (years @ years) * mexico.wavelength / (4 * np.pi) * 1000
    assert np.percentile(rate, 99) - np.percentile(rate, 1) == pytest.approx(292, abs=15)
    assert np.percentile(rate, 99) > 250


def test_mexico_baselines_follow_the_tables_of_the_processor(mexico):
    """GAMMA's own tables with the sign turned, where the crop lies (range 0 to 430, azimuth 2520 to 2935)."""
    for k, (i, j) in enumerate(mexico.pairs):
        name = f"{mexico.dates[i]}-{mexico.dates[j]}_VV_8rlks_bperp.par"
        text = (MEXICO / "geometry" / name).read_text()
        rows = [line.split() for line in text.splitlines() if re.fullmatch(r"\s*\d+\s+\d+(\s+-?[\d.]+){7}\s*", line)]
        table = np.array(rows, float)
        near = table[(table[:, 1] <= 600) & (np.abs(table[:, 0] - 2730) < 300)]
        assert len(near) > 4
        assert mexico.bperp[k].mean() == pytest.approx(-near[:, 7].mean(), abs=0.5)


def test_mexico_baselines_have_the_sign_of_the_orbits(mexico):
    """Range of the second satellite to a raised target, from state vectors, grows as bperp says."""
    headers = {d: MEXICO / "headers" / f"r{d}_VV_slc.par" for d in mexico.dates}
    orbits = {d: _orbit(p) for d, p in headers.items()}
    for k, (i, j) in enumerate(mexico.pairs[::5]):
        first, second = orbits[mexico.dates[i]], orbits[mexico.dates[j]]
        position, velocity = first(0.0), (first(0.5) - first(-0.5))
        target, raised = (_target(position, velocity, 800_000.0, h) for h in (2240.0, 2340.0))
        grown = _closest(second, raised) - _closest(second, target)
        look = np.linalg.norm(target - position)
        incidence = 0.55
        predicted = mexico.bperp[5 * k].mean() * 100.0 / (look * np.sin(incidence))
        assert grown == pytest.approx(predicted, rel=0.15, abs=2e-4)


def _orbit(path):
    """Position at seconds from the image centre, a polynomial through the state vectors."""
    values = dict(line.split(":", 1) for line in path.read_text().splitlines() if ":" in line)
    n, start, step = (
        float(values[key].split()[0])
        for key in ("number_of_state_vectors", "time_of_first_state_vector", "state_vector_interval")
    )
    times = start + step * np.arange(int(n)) - float(values["center_time"].split()[0])
    states = np.array([values[f"state_vector_position_{k + 1}"].split()[:3] for k in range(int(n))], float)
    fits = [np.polynomial.Polynomial.fit(times, states[:, axis], 5) for axis in range(3)]
    return lambda t: np.array([f(t) for f in fits])


def _target(position, velocity, slant_range, height):
    """Point at a slant range, broadside to the right, at a height above a sphere."""
    along, down = velocity / np.linalg.norm(velocity), -position / np.linalg.norm(position)
    right = np.cross(down, along)
    right /= np.linalg.norm(right)
    down = np.cross(along, right)
    low, high = 0.1, 1.2
    for _ in range(100):
        angle = (low + high) / 2
        point = position + slant_range * (np.sin(angle) * right + np.cos(angle) * down)
        low, high = (angle, high) if np.linalg.norm(point) < 6_375_800.0 + height else (low, angle)
    return point


def _closest(orbit, point):
    times = np.linspace(-1, 1, 4001)
    distances = np.array([np.linalg.norm(orbit(t) - point) for t in times])
    k = int(np.argmin(distances))
    a, b, _ = np.polyfit(times[k - 50 : k + 51] - times[k], distances[k - 50 : k + 51] - distances[k], 2)
    return distances[k] - b**2 / (4 * a)
