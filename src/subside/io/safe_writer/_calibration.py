"""Calibration and noise annotation of a swath: constant."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from subside.io.safe_writer._instrument import header
from subside.io.safe_writer._xml import document, listed, numbers
from subside.io.safe_writer.product import SafeProduct
from subside.model.acquisition import Swath

_CALIBRATION = {"sigmaNought": 330.0, "betaNought": 237.0, "gamma": 300.0, "dn": 237.0}


def _vector_lines(product: SafeProduct, swath: Swath) -> tuple[list[int], npt.NDArray[np.int64]]:
    n = len(swath.bursts) * swath.lines_per_burst
    return [*range(0, n, 500), n - 1], np.unique(np.linspace(0, swath.samples_per_burst - 1, 9).astype(np.int64))


def calibration_xml(product: SafeProduct, swath: Swath) -> bytes:
    """Calibration of a swath: constant."""
    lines, pixels = _vector_lines(product, swath)
    start, stop = product.span(swath)
    rows = [
        [
            ("azimuthTime", product.utc(start + (stop - start) * line / lines[-1])),
            ("line", line),
            numbers("pixel", pixels, "d"),
            *(numbers(name, np.full(len(pixels), value), ".6e") for name, value in _CALIBRATION.items()),
        ]
        for line in lines
    ]
    return document(
        (
            "calibration",
            [
                header(product, swath),
                ("calibrationInformation", [("absoluteCalibrationConstant", "1.000000e+00")]),
                listed("calibrationVectorList", "calibrationVector", rows),
            ],
        )
    )


def noise_xml(product: SafeProduct, swath: Swath) -> bytes:
    """Noise of a swath: constant."""
    lines, pixels = _vector_lines(product, swath)
    across = [
        ("azimuthTime", product.utc(swath.bursts[0].time)),
        ("line", 0),
        numbers("pixel", pixels, "d"),
        numbers("noiseRangeLut", np.full(len(pixels), 400.0), ".6e"),
    ]
    along = [
        ("swath", swath.name),
        ("firstAzimuthLine", 0),
        ("firstRangeSample", 0),
        ("lastAzimuthLine", lines[-1]),
        ("lastRangeSample", swath.samples_per_burst - 1),
        numbers("line", lines, "d"),
        numbers("noiseAzimuthLut", np.ones(len(lines)), ".6e"),
    ]
    return document(
        (
            "noise",
            [
                header(product, swath),
                listed("noiseRangeVectorList", "noiseRangeVector", [across]),
                listed("noiseAzimuthVectorList", "noiseAzimuthVector", [along]),
            ],
        )
    )
