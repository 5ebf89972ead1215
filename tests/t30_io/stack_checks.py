"""Checks every reader of complex stacks must pass."""

from __future__ import annotations

import layouts
import numpy as np
import pytest


def read_all(source):
    n = source.shape[0]
    bands = [slice(0, 7), slice(7, n)]
    return np.stack([np.concatenate([source.read_slc(k, b) for b in bands]) for k in range(len(source.dates))])


def assert_same_interferograms(slc, truth, tolerance=2e-4):
    for i in range(len(truth.dates)):
        for j in range(i + 1, len(truth.dates)):
            ifg, expected = slc[i] * np.conj(slc[j]), truth.ifg(i, j)
            assert np.max(np.abs(np.angle(ifg * np.conj(expected)))) < tolerance
            np.testing.assert_allclose(np.abs(ifg), np.abs(expected), rtol=1e-4)


def assert_signs(source, truth):
    """A sinking reflector has a growing phase; a raised target has phase 4 pi / wavelength bperp h / (R sin inc)."""
    slc = read_all(source)
    last = len(truth.dates) - 1
    sinking = np.angle(slc[0, 5, 7] * np.conj(slc[last, 5, 7]))
    assert sinking == pytest.approx(4 * np.pi / source.wavelength * (truth.sunk[last] - truth.sunk[0]), abs=1e-3)
    assert sinking > 0.5
    assert_height_sign(source, truth, slc)


def assert_height_sign(source, truth, slc):
    last = len(truth.dates) - 1
    m = truth.reference
    r = layouts.NEAR + layouts.SPACING * 30
    h = truth.target_height
    e = layouts.EARTH
    incidence = np.arccos((layouts.ORBIT**2 - e**2 - r**2) / (2 * e * r))
    assert source.bperp is not None
    np.testing.assert_allclose(source.bperp[m], 0, atol=1e-9)
    largest = 0.0
    for i in range(last):
        bperp = (source.bperp[last] - source.bperp[i]).mean()
        predicted = 4 * np.pi / source.wavelength * bperp * h / (r * np.sin(incidence))
        measured = np.angle(slc[i, 15, 30] * np.conj(slc[last, 15, 30]))
        assert np.angle(np.exp(1j * (measured - predicted))) == pytest.approx(0, abs=0.02 + 0.02 * abs(predicted))
        largest = max(largest, abs(predicted))
    assert largest > 0.3
