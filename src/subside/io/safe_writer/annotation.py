"""Annotation of one swath, as the schemas of the product specification want it."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from subside.io.safe_writer._instrument import (
    Statistics,
    attitude,
    downlink,
    header,
    moments,
    quality,
    raw_and_replica,
)
from subside.io.safe_writer._xml import Node, document, listed, numbers
from subside.io.safe_writer.product import GridPoints, SafeProduct
from subside.kernels.geometry import SEMI_MAJOR
from subside.model.acquisition import Burst, Swath

_N_BURST_IDS = 375_887
_SEMI_MINOR = 6_356_752.314245


def _orbit(product: SafeProduct) -> Node:
    orbit = product.annotated_orbit

    def vector(tag: str, value: npt.NDArray[np.float64]) -> Node:
        return tag, [(axis, float(v)) for axis, v in zip("xyz", value, strict=True)]

    rows = [
        [
            ("time", product.utc(t)),
            ("frame", "Earth Fixed"),
            vector("position", orbit.position[k]),
            vector("velocity", orbit.velocity[k]),
        ]
        for k, t in enumerate(orbit.time)
    ]
    return listed("orbitList", "orbit", rows)


def _middle(swath: Swath, burst: Burst) -> float:
    return burst.time + 0.5 * swath.lines_per_burst * swath.azimuth_time_interval


def _general(product: SafeProduct, swath: Swath) -> Node:
    a, grid = product.acquisition, product.grids[swath.name]
    information = [
        ("pass", "Ascending" if a.is_ascending else "Descending"),
        ("timelinessCategory", "Fast-24h"),
        ("platformHeading", _heading(grid)),
        ("projection", "Slant Range"),
        ("rangeSamplingRate", swath.range_sampling_rate),
        ("radarFrequency", a.radar_frequency),
        ("azimuthSteeringRate", float(np.degrees(swath.steering_rate))),
    ]
    height = float(np.mean(grid.height))
    start, stop = product.span(swath)
    terrain = [[("azimuthTime", product.utc(t)), ("value", height)] for t in np.arange(start - 10.0, stop + 10.0, 5.0)]
    rates = [
        [
            ("azimuthTime", product.utc(_middle(swath, burst))),
            ("t0", burst.fm_rate.origin),
            numbers("azimuthFmRatePolynomial", burst.fm_rate.coefficients),
        ]
        for burst in swath.bursts
    ]
    return "generalAnnotation", [
        ("productInformation", information),
        listed("downlinkInformationList", "downlinkInformation", [downlink(product, swath)]),
        _orbit(product),
        attitude(product, swath),
        *raw_and_replica(product, swath),
        listed("terrainHeightList", "terrainHeight", terrain),
        listed("azimuthFmRateList", "azimuthFmRate", rates),
    ]


def _heading(grid: GridPoints) -> float:
    """Direction of flight over the ground from the first column of the grid, degrees from north."""
    n = grid.n_columns
    north = grid.latitude[-n] - grid.latitude[0]
    east = (grid.longitude[-n] - grid.longitude[0]) * np.cos(np.radians(grid.latitude[0]))
    return float(np.degrees(np.arctan2(east, north)))


def _information(product: SafeProduct, swath: Swath, statistics: Statistics) -> Node:
    start, stop = product.span(swath)
    sensing = swath.bursts[0].sensing_time, swath.bursts[-1].sensing_time
    length = swath.lines_per_burst * swath.azimuth_time_interval
    piece = [
        ("sliceNumber", 1),
        ("sensingStartTime", product.utc(sensing[0])),
        ("sensingStopTime", product.utc(sensing[1] + length)),
    ]
    return "imageInformation", [
        ("productFirstLineUtcTime", product.utc(start)),
        ("productLastLineUtcTime", product.utc(stop)),
        ("ascendingNodeTime", product.utc(product.node_time)),
        ("anchorTime", product.utc(start)),
        ("productComposition", "Slice"),
        ("sliceNumber", 1),
        listed("sliceList", "slice", [piece]),
        ("slantRangeTime", swath.slant_range_time),
        ("pixelValue", "Complex"),
        ("outputPixels", "16 bit Signed Integer"),
        ("rangePixelSpacing", f"{swath.range_spacing:.6e}"),
        ("azimuthPixelSpacing", f"{_line_spacing(product, swath):.6e}"),
        ("azimuthTimeInterval", swath.azimuth_time_interval),
        ("azimuthFrequency", 1.0 / swath.azimuth_time_interval),
        ("numberOfSamples", swath.samples_per_burst),
        ("numberOfLines", len(swath.bursts) * swath.lines_per_burst),
        ("zeroDopMinusAcqTime", 0.0),
        ("incidenceAngleMidSwath", float(np.degrees(swath.incidence_mid_swath))),
        ("imageStatistics", moments(statistics)),
    ]


def _line_spacing(product: SafeProduct, swath: Swath) -> float:
    """Ground distance between lines, m."""
    orbit = product.annotated_orbit
    speed, radius = (float(np.linalg.norm(v[0])) for v in (orbit.velocity, orbit.position))
    return speed * SEMI_MAJOR / radius * swath.azimuth_time_interval


def _band(tag: str, bandwidth: float, coefficient: float) -> Node:
    names = ("totalBandwidth", "processingBandwidth", "lookBandwidth")
    return tag, [
        ("windowType", "Hamming"),
        ("windowCoefficient", coefficient),
        *((name, bandwidth) for name in names),
        ("numberOfLooks", 1),
        ("lookOverlap", 0.0),
    ]


def _processing(product: SafeProduct, swath: Swath) -> Node:
    start = product.utc(swath.bursts[0].time)
    applied = (
        "rxVariationCorrectionApplied", "antennaElevationPatternApplied", "antennaAzimuthPatternApplied",
        "antennaAzimuthElementPatternApplied",
    )  # fmt: skip
    parameters = [
        ("swath", swath.name),
        _band("rangeProcessing", swath.range_bandwidth, swath.window_coefficient),
        _band("azimuthProcessing", swath.azimuth_bandwidth, swath.window_coefficient),
        ("processorScalingFactor", 1.0),
    ]
    dimensions = [
        ("azimuthTime", start),
        ("swath", swath.name),
        ("numberOfInputSamples", swath.samples_per_burst),
        ("numberOfInputLines", len(swath.bursts) * swath.lines_per_burst),
    ]
    return "processingInformation", [
        ("rawDataAnalysisUsed", True),
        ("orbitDataFileUsed", True),
        ("attitudeDataFileUsed", False),
        *((name, True) for name in applied),
        ("dcMethod", "Data Analysis"),
        ("dcInputData", "Range Compressed"),
        ("rangeSpreadingLossCompensationApplied", True),
        ("srgrConversionApplied", False),
        ("detectionPerformed", False),
        ("thermalNoiseCorrectionPerformed", False),
        ("rfiMitigationPerformed", "Never"),
        ("rfiMitigationDomain", "TimeAndFrequency"),
        ("chirpSource", "Nominal"),
        ("pgSource", "Extracted"),
        ("rrfSpectrum", "Extended Tapered"),
        ("applicationLutId", "IW_Default"),
        listed("swathProcParamsList", "swathProcParams", [parameters]),
        listed("inputDimensionsList", "inputDimensions", [dimensions]),
        ("referenceRange", 8.0e5),
        ("ellipsoidName", "WGS84"),
        ("ellipsoidSemiMajorAxis", SEMI_MAJOR),
        ("ellipsoidSemiMinorAxis", _SEMI_MINOR),
        ("bistaticDelayCorrectionApplied", True),
        ("topsFilterConvention", "Only Echo Lines"),
        ("orbitSource", "Auxiliary"),
        ("attitudeSource", "Downlink"),
    ]


def _doppler(product: SafeProduct, swath: Swath) -> Node:
    rows = []
    samples = np.linspace(0.0, swath.samples_per_burst - 1.0, 20)
    for burst in swath.bursts:
        middle = _middle(swath, burst)
        length = swath.lines_per_burst * swath.azimuth_time_interval
        fine = [
            [("slantRangeTime", float(t)), ("frequency", float(f))]
            for t, f in zip(swath.fast_time(samples), burst.doppler(swath.fast_time(samples)), strict=True)
        ]
        rows.append(
            [
                ("azimuthTime", product.utc(middle)),
                ("t0", burst.doppler.origin),
                numbers("geometryDcPolynomial", np.zeros(3), ".9e"),
                numbers("dataDcPolynomial", burst.doppler.coefficients),
                ("dataDcRmsError", 1.0),
                ("dataDcRmsErrorAboveThreshold", False),
                ("fineDceAzimuthStartTime", product.utc(middle - 0.5 * length)),
                ("fineDceAzimuthStopTime", product.utc(middle + 0.5 * length)),
                listed("fineDceList", "fineDce", fine),
            ]
        )
    return "dopplerCentroid", [listed("dcEstimateList", "dcEstimate", rows)]


def _pattern(product: SafeProduct, swath: Swath) -> Node:
    grid, n = product.grids[swath.name], product.grids[swath.name].n_columns
    row = [
        ("swath", swath.name),
        ("azimuthTime", product.utc(swath.bursts[0].time)),
        numbers("slantRangeTime", grid.slant_range_time[:n]),
        numbers("elevationAngle", grid.elevation_angle[:n], ".6e"),
        ("elevationPattern", " ".join(["1.000000e+00 0.000000e+00"] * n), {"count": str(2 * n)}),
        numbers("incidenceAngle", grid.incidence_angle[:n], ".6e"),
        ("terrainHeight", float(np.mean(grid.height))),
        ("roll", 29.45),
    ]
    return "antennaPattern", [listed("antennaPatternList", "antennaPattern", [row])]


def _timing(product: SafeProduct, swath: Swath, offset: int) -> Node:
    rows: list[list[Any]] = []
    for k, burst in enumerate(swath.bursts):
        line = np.arange(swath.lines_per_burst)
        is_valid = (line >= burst.first_line) & (line <= burst.last_line)
        absolute = burst.burst_id + product.acquisition.absolute_orbit // 175 * _N_BURST_IDS
        rows.append(
            [
                ("azimuthTime", product.utc(burst.time)),
                ("azimuthAnxTime", burst.time - product.node_time),
                ("sensingTime", product.utc(burst.sensing_time)),
                ("byteOffset", offset + 4 * k * swath.lines_per_burst * swath.samples_per_burst),
                numbers("firstValidSample", np.where(is_valid, burst.first_sample, -1), "d"),
                numbers("lastValidSample", np.where(is_valid, burst.last_sample, -1), "d"),
                ("burstId", burst.burst_id, {"absolute": str(absolute)}),
            ]
        )
    return "swathTiming", [
        ("linesPerBurst", swath.lines_per_burst),
        ("samplesPerBurst", swath.samples_per_burst),
        listed("burstList", "burst", rows),
    ]


def _grid(product: SafeProduct, swath: Swath) -> Node:
    g = product.grids[swath.name]
    rows = [
        [
            ("azimuthTime", product.utc(g.time[k])),
            ("slantRangeTime", float(g.slant_range_time[k])),
            ("line", int(g.line[k])),
            ("pixel", int(g.sample[k])),
            ("latitude", float(g.latitude[k])),
            ("longitude", float(g.longitude[k])),
            ("height", float(g.height[k])),
            ("incidenceAngle", float(g.incidence_angle[k])),
            ("elevationAngle", float(g.elevation_angle[k])),
        ]
        for k in range(len(g.line))
    ]
    return "geolocationGrid", [listed("geolocationGridPointList", "geolocationGridPoint", rows)]


def annotation_xml(product: SafeProduct, swath: Swath, *, offset: int, statistics: Statistics) -> bytes:
    """Annotation of a swath.

    Parameters
    ----------
    product : SafeProduct
        The product.
    swath : Swath
        One of its swaths.
    offset : int
        Byte of the measurement file at which the first burst begins.
    statistics : Statistics
        Of the samples.

    Returns
    -------
    bytes
        XML, valid against ``s1-level-1-product.xsd`` of the products of processor 003.91.
    """
    return document(
        (
            "product",
            [
                header(product, swath),
                quality(product, swath, statistics),
                _general(product, swath),
                (
                    "imageAnnotation",
                    [_information(product, swath, statistics), _processing(product, swath)],
                ),
                _doppler(product, swath),
                _pattern(product, swath),
                _timing(product, swath, offset),
                _grid(product, swath),
                ("coordinateConversion", [listed("coordinateConversionList", "", [])]),
                ("swathMerging", [listed("swathMergeList", "", [])]),
            ],
        )
    )
