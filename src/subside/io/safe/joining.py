"""Slices of a data take joined to one acquisition."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from subside.io.codes import refuse
from subside.io.safe.annotation import Annotation, BurstRecord, Time, read_interference
from subside.io.safe.numbering import seconds
from subside.io.safe.slices import Slice
from subside.io.stacks.source import Finding
from subside.model.acquisition import Acquisition, Burst, Orbit, RangePolynomial, Swath

FIRST_IPF = (2, 43)
"""The first processor that compensates the phase of the elevation antenna pattern."""

_LATTICE = 0.02
_SAME_SECOND = 1e-6
_VECTOR_OVERLAP = 0.5


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def _check_versions(slices: Sequence[Slice]) -> None:
    for one in slices:
        version = one.manifest.ipf_version
        if _version(version) < FIRST_IPF:
            refuse("S120", one.container.path, f"processor must be IPF 002.43 or later, got {version}")
    versions = {s.manifest.ipf_version for s in slices}
    if len(versions) > 1:
        listed = ", ".join(f"{s.container.name}: {s.manifest.ipf_version}" for s in slices)
        refuse("S122", slices[-1].container.path, f"slices of one data take must come from one IPF, got {listed}")


def _nearest(estimates: Sequence[tuple[Time, RangePolynomial]], middle: Time) -> RangePolynomial:
    return min(estimates, key=lambda e: abs(e[0] - middle))[1]


def _burst(annotation: Annotation, index: int, number: int, epoch: Time) -> Burst:
    record = annotation.bursts[index]
    half = annotation.lines_per_burst * annotation.values["azimuth_time_interval"] / 2
    middle = record.time + np.timedelta64(round(half * 1e6), "us")
    return Burst(
        burst_id=number,
        time=float(seconds(record.time, epoch)),
        sensing_time=float(seconds(record.sensing_time, epoch)),
        first_line=record.first_line,
        last_line=record.last_line,
        first_sample=record.first_sample,
        last_sample=record.last_sample,
        doppler=_nearest(annotation.doppler, middle),
        fm_rate=_nearest(annotation.fm_rate, middle),
        file=annotation.container.address(annotation.measurement),
        line_offset=index * annotation.lines_per_burst,
    )


def _damage(record: BurstRecord, annotation: Annotation, number: int) -> Finding | None:
    what = ""
    if record.first_line < 0 or record.first_sample > record.last_sample:
        what = "has no valid line and is left out"
    elif record.n_invalid:
        what = f"has {record.n_invalid} invalid lines between valid ones"
    if not what:
        return None
    address = annotation.container.address(annotation.member)
    return Finding("W120", address, f"burst {number} of {annotation.swath} {what}")


def _swath_bursts(name: str, slices: Sequence[Slice], epoch: Time) -> tuple[list[Burst], list[Finding]]:
    kept: dict[int, Burst] = {}
    findings: list[Finding] = []
    for one in slices:
        annotation = one.annotations[name]
        doubled = []
        for index, number in enumerate(one.numbers[name]):
            damage = _damage(annotation.bursts[index], annotation, number)
            findings += [damage] if damage else []
            if annotation.bursts[index].first_line < 0:
                continue
            burst = _burst(annotation, index, number, epoch)
            if number in kept:
                doubled.append(number)
                _check_same(kept[number], burst, annotation)
            else:
                kept[number] = burst
        if doubled:
            message = f"bursts {doubled} of {name} are in an earlier slice too; that one is used"
            findings.append(Finding("W122", str(one.container.path), message))
    return sorted(kept.values(), key=lambda b: b.time), findings


def _check_same(first: Burst, second: Burst, annotation: Annotation) -> None:
    lines = abs(second.sensing_time - first.sensing_time) / annotation.values["azimuth_time_interval"]
    if lines > 1:
        address = annotation.container.address(annotation.member)
        problem = f"burst {first.burst_id} must be at one time in both slices, got times {lines:.1f} lines apart"
        refuse("S123", address, problem)


def _check_lattice(name: str, annotations: Sequence[Annotation], bursts: Sequence[Burst]) -> None:
    first = annotations[0]
    last = annotations[-1].container.address(annotations[-1].member)
    for annotation in annotations[1:]:
        for key in ("slant_range_time", "azimuth_time_interval", "range_sampling_rate", "radar_frequency"):
            ours, theirs = first.values[key], annotation.values[key]
            if abs(ours - theirs) > 1e-9 * abs(ours):
                refuse("S123", last, f"{key} of {name} must be equal in all slices, got {ours!r} and {theirs!r}")
        if first.lines_per_burst != annotation.lines_per_burst:
            sizes = f"{first.lines_per_burst} and {annotation.lines_per_burst}"
            refuse("S123", last, f"lines per burst of {name} must be equal in all slices, got {sizes}")
    steps = np.array([b.time - bursts[0].time for b in bursts]) / first.values["azimuth_time_interval"]
    off = float(np.abs(steps - np.round(steps)).max())
    if off > _LATTICE:
        refuse("S123", last, f"bursts of {name} must start on whole lines of one lattice, got {off:.3f} line off it")


def _swath(name: str, slices: Sequence[Slice], epoch: Time) -> tuple[Swath | None, list[Finding]]:
    annotations = [s.annotations[name] for s in slices]
    bursts, findings = _swath_bursts(name, slices, epoch)
    if not bursts:
        return None, findings
    _check_lattice(name, annotations, bursts)
    values = annotations[0].values
    swath = Swath(
        name=name,
        slant_range_time=values["slant_range_time"],
        range_sampling_rate=values["range_sampling_rate"],
        azimuth_time_interval=values["azimuth_time_interval"],
        lines_per_burst=annotations[0].lines_per_burst,
        samples_per_burst=min(a.samples_per_burst for a in annotations),
        steering_rate=values["steering_rate"],
        range_bandwidth=values["range_bandwidth"],
        azimuth_bandwidth=values["azimuth_bandwidth"],
        window_coefficient=values["window_coefficient"],
        incidence_mid_swath=values["incidence_mid_swath"],
        bursts=tuple(bursts),
    )
    return swath, findings


def _annotated_orbit(annotations: Sequence[Annotation], epoch: Time) -> Orbit:
    """Vectors of the first slice, carried on by those of later ones where it ends."""
    longest = sorted(annotations, key=lambda a: (a.orbit_time[0], -len(a.orbit_time)))
    times, vectors = longest[0].orbit_time, longest[0].orbit
    for annotation in longest[1:]:
        step = np.median(np.diff(times).astype(np.int64)) * (1 - _VECTOR_OVERLAP)
        later = annotation.orbit_time > times[-1] + np.timedelta64(int(step), "us")
        times = np.concatenate([times, annotation.orbit_time[later]])
        vectors = np.concatenate([vectors, annotation.orbit[later]])
    since = seconds(times, epoch)
    apart = np.concatenate([[True], np.diff(since) > _SAME_SECOND])
    file = annotations[0].member.rpartition("/")[2]
    return Orbit(since[apart], vectors[apart, :3].copy(), vectors[apart, 3:].copy(), "annotation", file)


def _interference(annotations: Sequence[Annotation]) -> list[Finding]:
    findings = []
    for annotation in annotations:
        report = read_interference(annotation)
        if report is None or not (report.n_detected or report.n_affected):
            continue
        message = (
            f"radio interference in {annotation.swath}: {report.n_detected} of {report.n_reports} noise measurements "
            f"and {report.n_affected} of {report.n_bursts} bursts, at most {report.largest:.0f} % of the lines of a "
            f"burst; mitigation by the processor: {report.mitigation}"
        )
        findings.append(Finding("W121", annotation.container.address(annotation.member), message))
    return findings


def join_slices(slices: Sequence[Slice]) -> tuple[Acquisition, tuple[Finding, ...]]:
    """Join the slices of one data take.

    Bursts are keyed by their numbers; one given twice is kept once. All slices must come from one version of the
    processor and lie on one lattice of lines and samples.

    Parameters
    ----------
    slices : sequence of Slice
        Of one data take.

    Returns
    -------
    Acquisition
        With the orbit of the annotation.
    tuple of Finding
        W120 (bursts without valid lines or with gaps), W121 (interference), W122 (duplicates).

    Raises
    ------
    InputFileError
        S120 (processor too old), S122 (mixed processors), S123 (no common lattice), S126 (no valid burst).
    """
    ordered = sorted(slices, key=lambda s: (s.start, s.container.name))
    _check_versions(ordered)
    first = ordered[0]
    epoch = first.start.astype("datetime64[D]").astype("datetime64[us]")
    names = sorted({name for s in ordered for name in s.annotations})
    swaths: dict[str, Swath] = {}
    findings: list[Finding] = []
    for name in names:
        swath, found = _swath(name, [s for s in ordered if name in s.annotations], epoch)
        findings += found
        if swath is not None:
            swaths[name] = swath
    if not swaths:
        refuse("S126", first.container.path, "products of the date must hold a burst with valid lines, got none")
    annotations = [a for s in ordered for a in s.annotations.values()]
    findings += _interference(annotations)
    head = annotations[0]
    acquisition = Acquisition(
        epoch=epoch.astype("datetime64[s]"),
        mission=head.mission,
        relative_orbit=first.manifest.relative_orbit,
        absolute_orbit=head.absolute_orbit,
        is_ascending=head.is_ascending,
        polarisation=head.polarisation,
        ipf_version=first.manifest.ipf_version,
        radar_frequency=head.values["radar_frequency"],
        swaths=swaths,
        orbit=_annotated_orbit(annotations, epoch),
        products=tuple(s.container.name for s in ordered),
    )
    return acquisition, tuple(findings)
