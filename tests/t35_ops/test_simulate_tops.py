"""Simulated TOPS bursts: what a processor finds in them is what was put in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.ops.baselines import baselines
from subside.ops.geometry import acquisition_arc, burst_geometry, flat_ground, ground_grid, radar_coordinates
from subside.ops.simulate import tops
from subside.ops.simulate.spec import AtmosphereSpec, DeformationSpec, DemErrorSpec, Stratum
from subside.ops.simulate.tops import make_track, simulate_bursts
from subside.ops.simulate.tops_orbit import Elements, displaced, make_acquisition, nominal_pass
from subside.ops.simulate.tops_spec import WAVELENGTH, ImagingSpec, tops_scene
from subside.ops.simulate.tops_truth import make_truth
from subside.ops.tops import tops_model

TINY = tops_scene("safe-tiny", n_dates=2)


def _still(spec, **imaging):
    return replace(
        spec,
        imaging=replace(spec.imaging, **imaging),
        deformation=DeformationSpec(),
        dem_error=DemErrorSpec(0.0, 300.0, 0.0),
        atmosphere=AtmosphereSpec((0.0, 1e-9), 0.0, 0.0),
    )


@pytest.fixture(scope="module")
def points():
    """Two swaths, two short bursts, bright points on hardly any clutter, large shifts, nothing that moves."""
    spec = _still(TINY, swaths=("IW1", "IW2"), amplitude=1.0, azimuth_shift_std=0.3, range_shift_std=0.3, n_samples=176)
    land = [replace(c, point_fraction=0.001) for c in spec.speckle.classes]
    speckle = replace(spec.speckle, classes=tuple(land), point_to_clutter_db=(52.0, 60.0), nesz_db=-60.0)
    track = make_track(replace(spec, speckle=speckle), seed=7)
    images = {(i.date, i.swath, i.burst): i.pixels.astype(np.float32).view(np.complex64)[..., 0]
              for i in simulate_bursts(track)}  # fmt: skip
    return track, images


@pytest.fixture(scope="module")
def speckle():
    spec = _still(tops_scene("safe-tiny", n_dates=2))
    track = make_track(replace(spec, imaging=replace(spec.imaging, burst_scale=0.5)), seed=3)
    images = {(i.date, i.burst): i.pixels.astype(np.float32).view(np.complex64)[..., 0] for i in simulate_bursts(track)}
    return track, images


def test_velocity_is_the_derivative_of_position_and_the_track_repeats() -> None:
    time = np.linspace(300.0, 900.0, 7)
    position, velocity = Elements().states(time)
    ahead, behind = Elements().states(time + 0.01)[0], Elements().states(time - 0.01)[0]
    assert np.abs((ahead - behind) / 0.02 - velocity).max() < 1e-4
    assert np.abs(Elements().states(time + 12 * 86400.0)[0] - position).max() < 1e-3
    assert np.linalg.norm(velocity, axis=1) == pytest.approx(7590.0, abs=15.0)


@pytest.mark.parametrize(("perpendicular", "parallel"), [(80.0, 0.0), (-60.0, 10.0)])
def test_orbits_lie_where_they_are_wanted(perpendicular: float, parallel: float) -> None:
    flown = nominal_pass(TINY)
    nominal = make_acquisition(TINY, flown, np.datetime64("2018-01-08"))
    elements = displaced(flown.elements, TINY, perpendicular=perpendicular, parallel=parallel, tilt=2e-6)
    other = make_acquisition(TINY, replace(flown, elements=elements), np.datetime64("2018-01-20"))
    burst = nominal.swaths["IW2"].bursts[1]
    geometry = burst_geometry(nominal, "IW2", burst_id=burst.burst_id)
    ground = flat_ground(geometry, 180.0, lines=[200.0], samples=[100.0])
    found = baselines(geometry, ground, secondary=acquisition_arc(other))
    assert abs(found.perpendicular[0, 0]) == pytest.approx(abs(perpendicular), abs=2.0)
    assert abs(found.parallel[0, 0]) == pytest.approx(abs(parallel), abs=0.06 * abs(perpendicular) + 1.0)


def _measured(image, model, line: float, sample: float) -> tuple[float, float, float]:
    """Line, sample and phase of a point near a place: deramped, oversampled 32 times, the carrier put back."""
    i, j, n = round(line), round(sample), 8
    window = np.s_[i - n : i + n, j - n : j + n]
    rows, columns = np.arange(i - n, i + n), np.arange(j - n, j + n)
    base = image[window] * np.exp(1j * model.deramp_phase(rows[:, None].astype(float), columns.astype(float)))
    spectrum = np.fft.fftshift(np.fft.fft2(base))
    fine = np.arange(-1.2, 1.2, 1 / 64)
    f = np.fft.fftshift(np.fft.fftfreq(2 * n))
    at = np.exp(2j * np.pi * np.outer(line + fine - rows[0], f)) @ spectrum
    at = at @ np.exp(2j * np.pi * np.outer(f, sample + fine - columns[0]))
    peak = np.unravel_index(np.argmax(np.abs(at)), at.shape)
    where = line + fine[peak[0]], sample + fine[peak[1]]
    return *where, float(np.angle(at[peak]) - model.deramp_phase(*where))


def _targets(track, date: int, swath: str, burst: int):
    """Predicted line, sample and phase of the points of a burst, by the range equations and not by offset models."""
    record = track.nominal.swaths[swath].bursts[burst]
    geometry = burst_geometry(track.nominal, swath, burst_id=record.burst_id)
    place = track.lattice.place(track.nominal, swath, burst)
    acquisition = track.acquisitions[date]
    of = acquisition.swaths[swath].bursts[burst]
    other = burst_geometry(acquisition, swath, burst_id=of.burst_id)
    for k, (line, sample) in enumerate(zip(track.layout.point_line, track.layout.point_sample, strict=True)):
        at = [float(line - place[0])], [float(sample - place[1])]
        if not (of.first_line + 12 < at[0][0] < of.last_line - 12 and of.first_sample + 20 < at[1][0]):
            continue
        if at[1][0] > of.last_sample - 20:
            continue
        ground = ground_grid(geometry, track.true_dem, lines=at[0], samples=at[1])
        seen = radar_coordinates(other, ground.latitude, longitude=ground.longitude, height=ground.height)
        extra = seen.slant_range[0, 0] - geometry.slant_range(np.array(at[1]))[0]
        phase = track.layout.point_phase[k] - 4 * np.pi / WAVELENGTH * extra
        yield k, seen.line[0, 0], seen.sample[0, 0], phase


def _alone(track, k: int) -> bool:
    apart = np.abs(track.layout.point_line - track.layout.point_line[k])
    across = np.abs(track.layout.point_sample - track.layout.point_sample[k])
    return int(np.count_nonzero((apart < 16) & (across < 16))) == 1


def test_points_lie_where_geometry_and_shift_put_them_with_the_phase_of_their_range(points) -> None:
    track, images = points
    errors = []
    for (date, swath, burst), image in images.items():
        model = tops_model(track.acquisitions[date], swath, track.acquisitions[date].swaths[swath].bursts[burst])
        for k, line, sample, phase in _targets(track, date, swath, burst):
            if _alone(track, k):
                predicted = line + track.azimuth_shift[date], sample + track.range_shift[date]
                found = _measured(image, model, *predicted)
                turn = np.angle(np.exp(1j * (found[2] - phase)))
                errors.append((found[0] - predicted[0], found[1] - predicted[1], turn))
    error = np.array(errors)
    assert len(error) > 60
    assert np.abs(track.azimuth_shift).min() > 0.05, "shifts must be larger than what is tolerated"
    assert np.abs(np.median(error, axis=0)).max() < 0.01
    assert np.percentile(np.abs(error[:, :2]), 90) < 0.04
    assert np.percentile(np.abs(error[:, 2]), 90) < 0.06


def _baseband(track, image, date: int, burst: int):
    acquisition = track.acquisitions[date]
    model = tops_model(acquisition, "IW2", acquisition.swaths["IW2"].bursts[burst])
    lines, samples = np.arange(image.shape[0], dtype=float), np.arange(image.shape[1], dtype=float)
    (first, last), (left, right) = model.valid_lines, model.valid_samples
    base = image * np.exp(1j * model.deramp_phase(lines[:, None], samples))
    return base[first : last + 1, left : right + 1], model


@pytest.mark.parametrize("axis", [0, 1])
def test_speckle_has_the_hamming_band_of_the_processor(speckle, axis: int) -> None:
    track, images = speckle
    raw, model = _baseband(track, images[1, 0], 1, 0)
    bands = (model.azimuth_bandwidth * model.line_interval, model.range_bandwidth / model.range_sampling_rate)
    band, n = bands[axis], raw.shape[axis]
    window = np.hanning(n)[:, None] if axis == 0 else np.hanning(n)[None, :]
    power = (np.abs(np.fft.fft(raw * window, axis=axis)) ** 2).mean(axis=1 - axis)
    f = np.fft.fftfreq(n)
    outside = power[np.abs(f) > band / 2 + 3 / n].mean() / power[np.abs(f) < band / 4].mean()
    assert outside < 1e-4
    inside = np.abs(f) < band / 2 - 3 / n
    hamming = (0.75 + 0.25 * np.cos(2 * np.pi * f / band)) ** 2
    ratio = power[inside] / hamming[inside]
    smooth = [part.mean() for part in np.array_split(ratio[np.argsort(f[inside])], 8)]
    assert np.ptp(smooth) / np.mean(smooth) < 0.35


def test_overlapping_bursts_share_points_and_not_speckle(speckle) -> None:
    track, images = speckle
    apart = track.lattice.place(track.nominal, "IW2", 1)[0] - track.lattice.place(track.nominal, "IW2", 0)[0]
    jump = track.acquisitions[0].swaths["IW2"].bursts
    apart = round((jump[1].time - jump[0].time) / 2.055556299999998e-3)
    first, second = (_baseband(track, images[0, b], 0, b) for b in (0, 1))
    top = first[1].valid_lines[0]
    a, b = first[0][apart:], second[0][: first[0].shape[0] - apart]
    assert a.shape == b.shape and len(a) > 40 and top > 0
    # reramp: each burst at its own centroid, compared on the common carrier
    carrier = [
        m[1].deramp_phase(np.arange(len(a))[:, None] + top + d, np.arange(a.shape[1]) + float(m[1].valid_samples[0]))
        for m, d in ((first, apart), (second, 0))
    ]
    a, b = a * np.exp(-1j * carrier[0]), b * np.exp(-1j * carrier[1])
    power = np.abs(a) * np.abs(b)
    dark = power < np.percentile(power, 60)
    bright = power > np.percentile(power, 99.7)
    of_dark = np.abs((a * b.conj())[dark].sum()) / power[dark].sum()
    of_bright = np.abs((a * b.conj())[bright].sum()) / power[bright].sum()
    assert of_dark < 0.06
    assert of_bright > 0.25


def test_equal_seeds_give_equal_bits_and_tiles_join(monkeypatch: pytest.MonkeyPatch) -> None:
    track = make_track(TINY, seed=11)
    whole = [(i.date, i.burst, i.pixels) for i in simulate_bursts(track)]
    again = [i.pixels for i in simulate_bursts(make_track(TINY, seed=11))]
    assert all(np.array_equal(w[2], a) for w, a in zip(whole, again, strict=True))
    other = next(iter(simulate_bursts(make_track(TINY, seed=12)))).pixels
    assert not np.array_equal(other, whole[0][2])
    monkeypatch.setattr(tops, "TILE_SAMPLES", 72)
    joined = {(d, b): np.zeros_like(p) for d, b, p in whole}
    for image in simulate_bursts(track):
        joined[image.date, image.burst][:, image.samples] = image.pixels
    for date, burst, pixels in whole:
        difference = joined[date, burst].astype(float) - pixels
        # what the tails of the impulse response bring from beyond the halo
        assert difference.std() < 0.03 * pixels.std()


def test_nothing_lies_outside_the_valid_window(speckle) -> None:
    track, images = speckle
    burst = track.acquisitions[0].swaths["IW2"].bursts[0]
    image = images[0, 0]
    valid = np.zeros(image.shape, bool)
    valid[burst.first_line : burst.last_line + 1, burst.first_sample : burst.last_sample + 1] = True
    assert np.all(image[~valid] == 0) and np.mean(image[valid] != 0) > 0.99


def test_truth_on_the_ground_is_that_of_the_lattice() -> None:
    track = make_track(TINY, seed=5)
    truth = make_truth(track)
    record = track.nominal.swaths["IW2"].bursts[0]
    geometry = burst_geometry(track.nominal, "IW2", burst_id=record.burst_id)
    lines, samples = np.arange(50.0, 130.0), np.arange(30.0, 120.0)
    place = track.lattice.place(track.nominal, "IW2", 0)
    given = ground_grid(geometry, track.given_dem, lines=lines, samples=samples)
    true = ground_grid(geometry, track.true_dem, lines=lines, samples=samples)
    line, sample = truth.place(given.longitude, given.latitude, given.height)
    assert np.abs(line - lines[:, None] - place[0]).max() < 1e-4
    assert np.abs(sample - samples - place[1]).max() < 1e-4
    on = truth.on_grid(given.longitude, given.latitude, given.height)
    rows, columns = (lines + place[0]).astype(int), (samples + place[1]).astype(int)
    assert np.array_equal(on.segment, track.layout.segment[np.ix_(rows, columns)])
    inside = np.isin(track.layout.point_line, rows) & np.isin(track.layout.point_sample, columns)
    assert (on.stratum == Stratum.POINT).sum() == inside.sum() > 20
    plain = on.stratum != Stratum.POINT
    error = (true.height - given.height)[plain]
    assert np.std(error) > 1.0
    assert np.abs(on.dem_error[plain] - error).max() < 0.02
    middle = track.lattice.n_lines // 2 - place[0], track.lattice.n_samples // 2 - place[1]
    centre = ground_grid(geometry, track.given_dem, lines=[float(middle[0])], samples=[float(middle[1])])
    assert truth.on_grid(centre.longitude, centre.latitude, centre.height).velocity[0, 0] == pytest.approx(
        -0.060, abs=1e-3
    )
    unknown = truth.on_grid(np.full((2, 2), np.nan), np.full((2, 2), np.nan), np.full((2, 2), np.nan))
    assert np.all(unknown.stratum == Stratum.NOISE)


@pytest.mark.parametrize(
    "change",
    [
        {"swaths": ()},
        {"swaths": ("IW3",)},
        {"n_bursts": 1},
        {"n_samples": 100},
        {"burst_scale": 0.1},
    ],
)
def test_refuses_what_cannot_be_imaged(change) -> None:
    with pytest.raises(ArgumentError):
        ImagingSpec(**change)


def test_refuses_unknown_scenes_and_orbits_too_far_apart() -> None:
    with pytest.raises(ArgumentError, match="safe-tiny"):
        tops_scene("demo")
    far = replace(TINY, imaging=replace(TINY.imaging, range_shift_std=200.0))
    with pytest.raises(ArgumentError, match="smaller baselines or shifts"):
        list(simulate_bursts(make_track(far, seed=1)))
