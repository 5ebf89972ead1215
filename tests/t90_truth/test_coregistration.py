"""Coregistration against truth: the synthetic stack whole, and real samples."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from scipy.interpolate import RegularGridInterpolator
from scipy.ndimage import uniform_filter

from sentinel1_files import DATA, SMALL, _swath, need, read_eof
from small_stack import SmallStack, small_stack
from subside.model.acquisition import Acquisition
from subside.ops.coregister import Shift, offsets_at
from subside.ops.range_shift import RANGE_SEARCH, range_sums
from subside.ops.shift_network import NetworkShifts, estimate_network
from subside.ops.shift_sums import ShiftSums
from subside.ops.spectral_diversity import AZIMUTH_SEARCH, esd_sums
from subside.ops.tops import tops_model

PAIRS = np.array(list(combinations(range(4), 2)), np.int32)


@pytest.fixture(scope="module")
def stack() -> SmallStack:
    return small_stack()


def estimate(stack: SmallStack, shifts: list[Shift] | None = None) -> tuple[NetworkShifts, NetworkShifts]:
    """Azimuth and range shifts of the stack from its overlaps."""
    overlaps = stack.lattice.overlaps
    given = shifts or [Shift()] * stack.n_dates
    looks = [[stack.looks(d, o, given[d]) for o in overlaps] for d in range(stack.n_dates)]
    density = stack.models[0, "IW1", 0].n_looks_per_pixel
    azimuth = ShiftSums.stacked(
        [
            ShiftSums.stacked(
                [esd_sums(a, b, n_looks_per_pixel=density) for a, b in zip(looks[i], looks[j], strict=True)]
            )
            for i, j in PAIRS
        ]
    )
    spectra = [
        [s for o, look in zip(overlaps, row, strict=True) for s in stack.spectra(d, o, look)]
        for d, row in enumerate(looks)
    ]
    along = ShiftSums.stacked(
        [ShiftSums.stacked([range_sums(a, b) for a, b in zip(spectra[i], spectra[j], strict=True)]) for i, j in PAIRS]
    )
    common = {"n_dates": stack.n_dates, "reference": stack.reference}
    return (
        estimate_network(azimuth, PAIRS, options=AZIMUTH_SEARCH, **common),
        estimate_network(along, PAIRS, options=RANGE_SEARCH, **common),
    )


@pytest.fixture(scope="module")
def estimates(stack: SmallStack) -> tuple[NetworkShifts, NetworkShifts]:
    return estimate(stack)


@pytest.fixture(scope="module")
def shifts(estimates: tuple[NetworkShifts, NetworkShifts]) -> list[Shift]:
    return [Shift(float(a), float(r)) for a, r in zip(estimates[0].shift, estimates[1].shift, strict=True)]


@pytest.fixture(scope="module")
def merged(stack: SmallStack, shifts: list[Shift]) -> list[np.ndarray]:
    return [stack.merged(d, shifts[d]) for d in range(stack.n_dates)]


def true_shifts(stack: SmallStack, key: str) -> np.ndarray:
    return np.array([d[key] for d in stack.truth["dates"]])


def test_azimuth_shifts_though_two_pairs_wrap(stack: SmallStack, estimates: tuple) -> None:
    found, truth = estimates[0], true_shifts(stack, "az_shift_lines")
    pair = truth[PAIRS[:, 1]] - truth[PAIRS[:, 0]]
    assert np.sum(np.abs(pair) > 0.0518) == 2
    assert np.abs(found.pairs.shift - pair).max() < 9e-4
    assert found.is_estimated.all()
    assert np.abs(found.shift - truth).max() < 3e-4
    moved = np.arange(4) != stack.reference
    assert np.abs((found.shift - truth)[moved] / found.sigma[moved]).max() < 3.5
    assert found.sigma[moved].max() < 3e-4
    assert np.nanmax(np.abs(found.cluster_phase)) < np.radians(5)
    assert np.sqrt(np.mean(found.pair_residual**2)) < 5e-4


def test_range_shifts(stack: SmallStack, estimates: tuple) -> None:
    found, truth = estimates[1], true_shifts(stack, "rg_shift_samples")
    pair = truth[PAIRS[:, 1]] - truth[PAIRS[:, 0]]
    assert np.abs(found.pairs.shift - pair).max() < 0.01
    assert np.abs(found.shift - truth).max() < 3e-3


def test_nothing_is_left_after_the_shifts_are_applied(stack: SmallStack, shifts: list[Shift]) -> None:
    left = estimate(stack, shifts)
    assert np.abs(left[0].shift).max() < 2e-4
    assert np.abs(left[1].shift).max() < 2e-3


def on_grid(stack: SmallStack, name: str) -> np.ndarray:
    """A quantity of truth_grid.npz on the merged grid."""
    grid = np.load(SMALL / "truth_grid.npz")
    out = np.full((stack.lattice.n_lines, stack.lattice.n_samples), np.nan)
    for r in stack.lattice.rectangles(slice(0, stack.lattice.n_lines), slice(0, stack.lattice.n_samples)):
        key = f"{r.swath}_b{r.burst_id}_"
        field = RegularGridInterpolator(
            (grid[key + "line"], grid[key + "sample"]),
            grid[key + name].astype(float),
            bounds_error=False,
            fill_value=None,
        )
        lines = np.arange(r.burst_lines.start, r.burst_lines.stop)
        samples = np.arange(r.burst_samples.start, r.burst_samples.stop)
        out[r.lines, r.samples] = field(np.stack(np.meshgrid(lines, samples, indexing="ij"), -1))
    return out


@pytest.fixture(scope="module")
def zones(stack: SmallStack) -> np.ndarray:
    """Coherence zone of each merged pixel; -1 near a border."""
    low, high = stack.truth["zone_ylim"]
    along = ((on_grid(stack, "lat") - stack.truth["config"]["lat"]) * 110950.0 - low) / (high - low)
    breaks = stack.truth["zone_breaks"]
    zone = np.searchsorted(breaks, along).astype(int)
    return np.where(np.abs(along[..., None] - breaks).min(-1) < 0.02, -1, zone)


def test_coherence_and_phase_by_zone(stack: SmallStack, merged: list[np.ndarray], zones: np.ndarray) -> None:
    deformation = [on_grid(stack, f"{d}_defo_range") for d in stack.dates]
    by_pair = {(p["ref"], p["sec"]): p["zone_temporal_coherence"] for p in stack.truth["pairs"]}
    for i, j in PAIRS:
        turn = np.exp(-4j * np.pi / stack.truth["wavelength"] * (deformation[j] - deformation[i]))
        product = merged[i] * np.conj(merged[j]) * turn
        for zone, temporal in enumerate(by_pair[stack.dates[i], stack.dates[j]]):
            inside = (zones == zone) & (merged[i] != 0) & (merged[j] != 0)
            power = [np.abs(merged[d]) ** 2 for d in (i, j)]
            for p in power:
                inside &= p < 50 * np.median(p[inside])
            total = product[inside].sum()
            coherence = abs(total) / np.sqrt(power[0][inside].sum() * power[1][inside].sum())
            assert coherence == pytest.approx(temporal, abs=0.02)
            assert abs(np.angle(total)) < (0.03 if temporal > 0.5 else 0.1)


def test_bursts_meet_without_a_jump(stack: SmallStack, merged: list[np.ndarray], zones: np.ndarray) -> None:
    i, j = stack.reference, 3
    moved = on_grid(stack, f"{stack.dates[j]}_defo_range") - on_grid(stack, f"{stack.dates[i]}_defo_range")
    product = np.nan_to_num(merged[i] * np.conj(merged[j]) * np.exp(-4j * np.pi / stack.truth["wavelength"] * moved))
    product /= np.maximum(np.abs(product), 1e-9)
    n_tested = 0
    for overlap in stack.lattice.overlaps:
        first = stack.lattice.placed(overlap.swath, overlap.first)
        cut = first.line + first.lines.stop
        columns = slice(first.sample + first.samples.start + 9, first.sample + first.samples.stop - 9)
        if not (zones[cut - 40 : cut + 40, columns] == 0).all():
            continue
        jump = np.angle(product[cut - 40 : cut, columns].sum() * np.conj(product[cut : cut + 40, columns].sum()))
        assert abs(jump) < 0.03
        n_tested += 1
    assert n_tested >= 1


def target_phases(stack: SmallStack, shifts: list[Shift]) -> np.ndarray:
    """Pair phase of every target minus truth, rad."""
    wavelength, out = stack.truth["wavelength"], []
    for target in stack.truth["targets"]:
        seen = {o["date"]: o for o in target["obs"]}
        for place in seen[stack.dates[stack.reference]]["inside"]:
            key = (place["swath"], place["burst"])
            model = stack.models[stack.reference, *key]
            at = np.array([place["line"], place["sample"]])
            low, high = at.astype(int) - 12, at.astype(int) + 13
            (top, bottom), (left, right) = model.valid_lines, model.valid_samples
            if low[0] < top + 8 or high[0] > bottom - 8 or low[1] < left + 16 or high[1] > right - 16:
                continue
            lines, samples = (slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
            line, sample = np.arange(low[0], high[0])[:, None], np.arange(low[1], high[1])[None]
            kernel = np.prod(
                np.broadcast_arrays(
                    *(np.sinc(d) * np.cos(np.pi * d / 28) ** 2 for d in (line - at[0], sample - at[1]))
                ),
                0,
            )
            kernel = kernel * np.exp(1j * model.deramp_phase(line, sample))
            phase, path = [], []
            for d, date in enumerate(stack.dates):
                tile = stack.tile(d, *key, lines, samples, shifts[d])
                phase.append(np.angle(np.sum(tile * kernel)))
                model_path = (
                    0.0
                    if d == stack.reference
                    else offsets_at(stack.offsets[d, *key], line=at[:1], sample=at[1:], height=target["h"])[2, 0, 0]
                )
                path.append(seen[date]["range"] - model_path)
            for i, j in PAIRS:
                expected = 4 * np.pi / wavelength * (path[j] - path[i])
                out.append(np.angle(np.exp(1j * (phase[i] - phase[j] - expected))))
    return np.array(out)


def test_target_phases(stack: SmallStack, shifts: list[Shift]) -> None:
    error = target_phases(stack, shifts)
    assert len(error) >= 150
    assert np.abs(error).max() < 0.02
    assert error.std() < 0.005
    wrong = target_phases(stack, [replace(s, azimuth=s.azimuth + 2e-3 * d) for d, s in enumerate(shifts)])
    assert np.abs(wrong).max() > 0.05


@pytest.fixture(scope="module")
def azores() -> tuple[np.ndarray, np.ndarray]:
    """Deramped real samples over land, and the annotated centroid there: burst 6, lines 716..1016."""
    rasterio = pytest.importorskip("rasterio")
    folder = need(DATA / "azores-burst-crop")
    root = ElementTree.parse(next(folder.glob("*.xml"))).getroot()
    epoch = np.datetime64(root.findtext("adsHeader/startTime"), "D")
    swath = _swath(root, epoch)
    acquisition = Acquisition(
        epoch.astype("datetime64[s]"), "S1A", 1, 1, False, "VV", "",
        float(root.findtext("generalAnnotation/productInformation/radarFrequency")), {swath.name: swath},
        read_eof(next(folder.glob("*.EOF")), epoch), (),
    )  # fmt: skip
    model = tops_model(acquisition, swath.name, swath.bursts[6])
    with pytest.warns(rasterio.errors.NotGeoreferencedWarning), rasterio.open(next(folder.glob("*.tiff"))) as source:
        data = source.read(1).astype(np.complex64)[:300]
    line, sample = 716 + np.arange(len(data))[:, None], 11000 + np.arange(data.shape[1])
    return data * np.exp(1j * model.deramp_phase(line, sample)), model


def test_real_azimuth_spectrum_is_the_processed_band(azores: tuple) -> None:
    data, model = azores
    frequency = np.fft.fftshift(np.fft.fftfreq(len(data), model.line_interval))
    power = np.fft.fftshift((np.abs(np.fft.fft(data, axis=0)) ** 2).mean(1))
    window = (0.75 + 0.25 * np.cos(2 * np.pi * frequency / model.azimuth_bandwidth)) ** 2
    inside = np.abs(frequency) < 150.0
    scale = np.exp(np.mean(np.log(power[inside] / window[inside])))
    smooth = np.convolve(10 * np.log10(power / (scale * window)), np.ones(9) / 9, mode="same")
    assert np.abs(smooth[np.abs(frequency) < 145.0]).max() < 1.5
    assert 10 * np.log10(power[inside].mean() / power[np.abs(frequency) > 175.0].mean()) > 25.0
    threshold = 0.1 * power[inside].min()
    above = frequency[power > threshold]
    assert above.min() == pytest.approx(-157.0, abs=4.0)
    assert above.max() == pytest.approx(157.0, abs=4.0)


def test_real_residual_centroid_over_land(azores: tuple) -> None:
    data, model = azores

    def centroid(z: np.ndarray) -> float:
        return float(np.angle(np.sum(z[1:] * np.conj(z[:-1]))) / (2 * np.pi * model.line_interval))

    blocks = [centroid(data[i : i + 150, j : j + 350]) for i in (0, 150) for j in range(0, 1400, 350)]
    assert abs(centroid(data)) < 1.0
    assert np.median(np.abs(blocks)) < 1.0
    assert np.sort(np.abs(blocks))[-2] < 3.0, "one block of eight is ruled by a few bright buildings"
    raw = data * np.exp(-1j * model.deramp_phase(716 + np.arange(len(data))[:, None], 11000 + np.arange(1401)))
    assert np.ptp([centroid(raw[i : i + 75, :350]) for i in range(0, 300, 75)]) > 100.0


def band(folder: Path, name: str) -> np.ndarray:
    return np.fromfile(folder / name / "0.0", ">f4").reshape(84, 338).astype(float)


def test_real_pair_is_coherent_and_level() -> None:
    """Two dates that SNAP coregistered and flattened: no fringe is left of the 7 rad that belong to a flat earth.

    Topography is 14 m high and turns the phase by 0.17 rad. A ramp of 0.05 rad over 84 lines is a misregistration of
    0.015 line; the speckle of 84 x 338 pixels fixes the ramp to 0.1 rad only, so that the bound is met, not proved.
    """
    root = need(DATA / "amsterdam-pair")
    first, second = root / "20230331-coreg.znap", root / "20230319-coreg.znap"
    one = band(first, "i_VV_31Mar2023") + 1j * band(first, "q_VV_31Mar2023")
    two = band(second, "i_VV_19Mar2023") + 1j * band(second, "q_VV_19Mar2023")
    per_metre = 4 * np.pi / 0.05546576 * band(second, "h2ph_VV_19Mar2023")
    height = band(first, "elevation_VV")
    product = one * np.conj(two) * np.exp(-1j * per_metre * (height - height.mean()))

    def mean(values: np.ndarray) -> np.ndarray:
        return uniform_filter(values, (3, 9))

    power = mean(np.abs(one) ** 2) * mean(np.abs(two) ** 2)
    coherence = np.hypot(mean(product.real), mean(product.imag)) / np.sqrt(power)
    assert np.median(coherence) >= 0.80

    cells = product[:, :338].reshape(7, 12, 13, 26).sum((1, 3))
    line, sample = np.meshgrid(12 * np.arange(7) - 36.0, 26 * np.arange(13) - 156.0, indexing="ij")
    design = np.stack([np.ones(91), line.ravel() / 84, sample.ravel() / 338], 1)
    weight = np.abs(cells).ravel()
    ramp = np.array([np.angle(cells.sum()), 0.0, 0.0])
    for _ in range(20):
        left = np.angle(cells.ravel() * np.exp(-1j * design @ ramp))
        ramp += np.linalg.solve((design.T * weight) @ design, (design.T * weight) @ left)
    assert abs(ramp[1]) < 0.05
    assert abs(ramp[2]) < 0.3
