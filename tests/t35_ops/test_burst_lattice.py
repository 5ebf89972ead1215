"""Placement and cuts of bursts on the merged grid."""

from dataclasses import replace

import numpy as np
import pytest

from subside.errors import ArgumentError
from subside.model.acquisition import Acquisition, Burst, Orbit, RangePolynomial, Swath
from subside.ops.burst_lattice import burst_lattice

DT, FS = 2.055556299999998e-3, 64345238.126
NONE = RangePolynomial(5.3e-3, (0.0,))


def swath(name: str, start: int, sample: int, jumps: tuple[int, ...] = (0, 1341, 2685, 4026)) -> Swath:
    bursts = tuple(
        Burst(10 + k, 100.0 + (start + j) * DT, 0.0, 20 + k % 2, 1483, 400 + k % 2, 21900, NONE, NONE, "", 1502 * k)
        for k, j in enumerate(jumps)
    )
    return Swath(name, 5.3e-3 + sample / FS, FS, DT, 1502, 22612, 0.027, 56.5e6, 327.0, 0.75, 0.6, bursts)


def acquisition(*swaths: Swath) -> Acquisition:
    orbit = Orbit(np.arange(4.0), np.zeros((4, 3)), np.zeros((4, 3)), "POEORB", "")
    return Acquisition(
        np.datetime64("2020-01-01", "s"), "S1A", 1, 1, True, "VV", "", 5.405e9, {s.name: s for s in swaths}, orbit, ()
    )


REFERENCE = acquisition(swath("IW1", 0, 0), swath("IW2", 458, 19918), swath("IW3", -417, 43757))


def owner(lattice) -> np.ndarray:
    count = np.zeros((lattice.n_lines, lattice.n_samples), np.int8)
    for r in lattice.rectangles(slice(0, lattice.n_lines), slice(0, lattice.n_samples)):
        count[r.lines, r.samples] += 1
    return count


def test_every_pixel_has_one_burst_and_bursts_meet_inside_their_overlaps() -> None:
    lattice = burst_lattice(REFERENCE)
    count = owner(lattice)
    assert count.max() == 1
    assert len(lattice.bursts) == 12
    assert len(lattice.overlaps) == 9
    for burst in lattice.bursts:
        assert burst.valid_lines.start <= burst.lines.start < burst.lines.stop <= burst.valid_lines.stop
        rows = slice(burst.line + burst.lines.start, burst.line + burst.lines.stop)
        columns = slice(burst.sample + burst.samples.start, burst.sample + burst.samples.stop)
        assert (count[rows, columns] == 1).all()
    for overlap in lattice.overlaps:
        first, second = lattice.placed(overlap.swath, overlap.first), lattice.placed(overlap.swath, overlap.second)
        assert first.line + first.lines.stop == second.line + second.lines.start
        middle = 0.5 * (overlap.lines.start + overlap.lines.stop)
        assert abs(first.lines.stop - middle) <= 1
        assert second.line - first.line == overlap.n_lines_apart
        assert overlap.second_lines.start >= second.valid_lines.start
        assert overlap.lines.stop <= first.valid_lines.stop
        assert overlap.line == first.line + overlap.lines.start


def test_positions_are_those_of_the_clocks() -> None:
    lattice = burst_lattice(REFERENCE)
    for name, chosen in REFERENCE.swaths.items():
        for burst in chosen.bursts:
            placed = lattice.placed(name, burst.burst_id)
            assert lattice.start + placed.line * DT == pytest.approx(burst.time, abs=1e-9)
            assert lattice.slant_range_time + placed.sample / FS == pytest.approx(chosen.slant_range_time, abs=1e-12)


def test_swaths_meet_in_the_middle_of_what_both_hold() -> None:
    lattice = burst_lattice(REFERENCE)
    first, second = lattice.placed("IW1", 10), lattice.placed("IW2", 10)
    cut = first.sample + first.samples.stop
    assert cut == second.sample + second.samples.start
    held = (second.sample + 401, first.sample + 21901)
    assert abs(cut - 0.5 * sum(held)) <= 1


def test_window_is_part_of_the_whole() -> None:
    whole = burst_lattice(REFERENCE)
    lines, samples = slice(1200, 2900), slice(20000, 42000)
    part = whole.cropped(lines, samples)
    assert (part.n_lines, part.n_samples) == (1700, 22000)
    assert part.start == pytest.approx(whole.start + 1200 * DT, abs=1e-9)
    assert len(part.bursts) < len(whole.bursts)
    assert len(part.overlaps) == len(whole.overlaps)

    def served(lattice, window_lines: slice, window_samples: slice) -> set:
        return {
            (r.swath, r.burst_id, str(r.burst_lines), str(r.burst_samples), str(r.lines), str(r.samples))
            for r in lattice.rectangles(window_lines, window_samples)
        }

    assert served(whole, lines, samples) == served(part, slice(0, 1700), slice(0, 22000))
    with pytest.raises(ArgumentError, match="window"):
        whole.cropped(slice(10**6, 10**6 + 5), samples)


def test_missing_burst_leaves_a_gap_and_no_overlap() -> None:
    names = [("IW1", b) for b in (10, 12, 13)]
    lattice = burst_lattice(REFERENCE, names)
    assert [(o.first, o.second) for o in lattice.overlaps] == [(12, 13)]
    assert owner(lattice).min() == 0


def test_bursts_off_the_lattice_are_refused() -> None:
    first = REFERENCE.swaths["IW1"]
    late = replace(first.bursts[1], time=first.bursts[1].time + 0.3 * DT)
    broken = replace(first, bursts=(first.bursts[0], late, *first.bursts[2:]))
    with pytest.raises(ArgumentError, match="lattice"):
        burst_lattice(acquisition(broken))
