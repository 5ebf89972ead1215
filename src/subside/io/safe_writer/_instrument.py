"""Instrument and quality parts of an annotation: constants of a sensor without faults."""

from __future__ import annotations

from dataclasses import dataclass

from subside.io.safe_writer._xml import Node, listed, numbers
from subside.io.safe_writer.product import SafeProduct
from subside.model.acquisition import Swath

_PRF = {"IW1": 1717.128973878037, "IW2": 1451.627112193990, "IW3": 1685.817302492702}
_RANK = {"IW1": 9, "IW2": 8, "IW3": 10}
_PULSE = 5.2e-5
_GAPS = (
    "numDownlinkInputDataGaps", "downlinkGapsInInputDataSignificantFlag", "numDownlinkInputMissingLines",
    "downlinkMissingLinesSignificantFlag", "numInstrumentInputDataGaps", "instrumentGapsInInputDataSignificantFlag",
    "numInstrumentInputMissingLines", "instrumentMissingLinesSignificantFlag", "numSsbErrorInputDataGaps",
    "ssbErrorGapsInInputDataSignificantFlag", "numSsbErrorInputMissingLines", "ssbErrorMissingLinesSignificantFlag",
)  # fmt: skip
_ERRORS = (
    "SyncMarker", "DataTakeId", "EccNumber", "TestMode", "RxChannelId", "InstrumentConfigId", "PacketCount",
    "PriCount", "SsbErrorFlag", "BaqMode", "BaqBlockLength", "RangeDecimation", "RxGain", "TxRampRate",
    "TxPulseStartFrequency", "Rank", "Pri", "Swst", "Swl", "Polarisation", "TempComp", "ElevationBeamAddress",
    "AzimuthBeamAddress", "SasTestMode", "CalType", "CalibrationBeamAddress", "CalMode", "TxPulseNumber",
    "SignalType", "SwapFlag", "SwathNumber", "NumberOfQuads",
)  # fmt: skip
_BOUNDS = tuple(
    f"{name}{side}Bound"
    for name in ("iBias", "qBias", "iqGain", "iqQuadratureDeparture")
    for side in ("Upper", "Lower")
)
_CORRECTIONS = (
    "iBiasUsedForCorrection", "qBiasUsedForCorrection", "iqGainImbalanceUsedForCorrection",
    "iqQuadratureDepartureUsedForCorrection",
)  # fmt: skip


@dataclass(frozen=True)
class Statistics:
    """Mean and standard deviation of I and Q of the samples written.

    Attributes
    ----------
    mean, std : complex
        Digital numbers, I and Q as real and imaginary part.
    """

    mean: complex
    std: complex


def complex_node(tag: str, value: complex) -> Node:
    """Real and imaginary part."""
    return tag, [("re", f"{value.real:.6e}"), ("im", f"{value.imag:.6e}")]


def moments(statistics: Statistics) -> list[Node]:
    """Mean and standard deviation of the samples."""
    return [
        complex_node("outputDataMean", statistics.mean),
        complex_node("outputDataStdDev", statistics.std),
    ]


def header(product: SafeProduct, swath: Swath) -> Node:
    """What every annotation file begins with."""
    a = product.acquisition
    start, stop = product.span(swath)
    return "adsHeader", [
        ("missionId", a.mission),
        ("productType", "SLC"),
        ("polarisation", a.polarisation),
        ("mode", "IW"),
        ("swath", swath.name),
        ("startTime", product.utc(start)),
        ("stopTime", product.utc(stop)),
        ("absoluteOrbitNumber", a.absolute_orbit),
        ("missionDataTakeId", product.data_take),
        ("imageNumber", product.image_number(swath.name)),
    ]


def quality(product: SafeProduct, swath: Swath, statistics: Statistics) -> Node:
    """Quality of the data: without faults."""
    downlink: list[Node] = []
    for name, value in (("Mean", 0.0), ("StdDev", 6.0)):
        flag = "inputDataMeanOutsideNominalRangeFlag" if name == "Mean" else "inputDataStDevOutsideNominalRangeFlag"
        downlink += [(f"iInputData{name}", value), (f"qInputData{name}", value), (flag, False)]
    downlink += [(name, False if name.endswith("Flag") else 0) for name in _GAPS]
    downlink += [
        ("chirpSourceUsed", "Nominal"),
        ("pgSourceUsed", "Extracted"),
        ("rrfSpectrumUsed", "Extended Tapered"),
        ("replicaReconstructionFailedFlag", False),
        ("meanPgProductAmplitude", 1.0),
        ("stdDevPgProductAmplitude", 0.0),
        ("meanPgProductPhase", 0.0),
        ("stdDevPgProductPhase", 0.0),
        ("pgProductDerivationFailedFlag", False),
        ("invalidDownlinkParamsFlag", False),
    ]
    raw = [
        ("iBias", 0.0),
        ("iBiasSignificanceFlag", False),
        ("qBias", 0.0),
        ("qBiasSignificanceFlag", False),
        ("iqGainImbalance", 1.0),
        ("iqGainSignificanceFlag", False),
        ("iqQuadratureDeparture", 0.0),
        ("iqQuadratureDepartureSignificanceFlag", False),
    ]
    image = [
        ("imageStatistics", moments(statistics)),
        ("outputDataMeanOutsideNominalRangeFlag", False),
        ("outputDataStDevOutsideNominalRangeFlag", False),
    ]
    data = [
        ("azimuthTime", product.utc(swath.bursts[0].time)),
        ("downlinkQuality", downlink),
        ("rawDataAnalysisQuality", raw),
        ("dopplerCentroidQuality", [("dcMethod", "Data Analysis"), ("dopplerCentroidUncertainFlag", False)]),
        ("imageQuality", image),
    ]
    return "qualityInformation", [("productQualityIndex", 0.0), listed("qualityDataList", "qualityData", [data])]


def downlink(product: SafeProduct, swath: Swath) -> list[Node]:
    """Instrument settings, without errors of transmission."""
    start = product.utc(swath.bursts[0].time)
    name, prf = swath.name, _PRF[swath.name]
    rank = _RANK[name]
    first, last = swath.bursts[0].sensing_time, swath.bursts[-1].sensing_time
    state = [
        ("azimuthTime", start),
        ("aocsOpMode", "Normal Pointing Mode"),
        *((f"{axis}ErrorFlag", False) for axis in ("roll", "pitch", "yaw")),
    ]
    values: list[Node] = [
        ("pri", 1.0 / prf),
        ("rank", rank),
        ("dataTakeId", product.data_take % 0x10000),
        ("eccNumber", 8),
        ("rxChannelId", 0),
        ("instrumentConfigId", 7),
        (
            "dataFormat",
            [
                ("baqBlockLength", 256),
                ("echoFormat", "FDBAQ"),
                ("noiseFormat", "BAQ 5 Bit"),
                ("calibrationFormat", "Decimation"),
                ("meanBitRate", 3.2),
            ],
        ),
        (
            "rangeDecimation",
            [
                ("decimationFilterBandwidth", swath.range_bandwidth),
                ("samplingFrequencyAfterDecimation", swath.range_sampling_rate),
                ("filterLength", 44),
            ],
        ),
        ("rxGain", -4.0),
        ("txPulseLength", _PULSE),
        ("txPulseStartFrequency", -0.5 * swath.range_bandwidth),
        ("txPulseRampRate", swath.range_bandwidth / _PULSE),
        ("swathNumber", 9 + int(name[2])),
        listed("swlList", "swl", [[("azimuthTime", start), ("value", 4.4e-4)]]),
        listed("swstList", "swst", [[("azimuthTime", start), ("value", swath.slant_range_time - rank / prf)]]),
        listed("pointingStatusList", "pointingStatus", [state]),
    ]
    return [
        ("swath", name),
        ("azimuthTime", start),
        ("firstLineSensingTime", product.utc(first)),
        ("lastLineSensingTime", product.utc(last + swath.lines_per_burst * swath.azimuth_time_interval)),
        ("prf", prf),
        ("bitErrorCount", [*((f"numErr{e}", 0) for e in _ERRORS), ("numIspHeaderErrors", 0)]),
        ("downlinkValues", values),
    ]


def attitude(product: SafeProduct, swath: Swath) -> Node:
    """Attitude: constant."""
    rows = []
    for k in range(3):
        quaternion = [(f"q{i}", f"{float(i == 0):.6e}") for i in range(4)]
        rates = [(f"w{axis}", 0.0) for axis in "xyz"]
        angles = [("roll", 29.45), ("pitch", 0.0), ("yaw", 0.0)]
        time = product.utc(swath.bursts[0].time + k)
        rows.append([("time", time), ("frame", "Earth Fixed"), *quaternion, *rates, *angles])
    return listed("attitudeList", "attitude", rows)


def raw_and_replica(product: SafeProduct, swath: Swath) -> list[Node]:
    """Analysis of raw data, chirp replica and noise: ideal."""
    start = product.utc(swath.bursts[0].time)
    raw = [
        ("azimuthTime", start),
        *((name, 0.0) for name in ("iBias", "qBias", "iqQuadratureDeparture", "iqGainImbalance")),
        ("support", [(name, 0.0) for name in (*_BOUNDS, *_CORRECTIONS)]),
    ]
    ramp = swath.range_bandwidth / _PULSE
    reference = [
        ("azimuthTime", start),
        ("chirpSource", "Nominal"),
        ("pgSource", "Extracted"),
        numbers("amplitudeCoefficients", [1.0, 0.0, 0.0, 0.0], ".6e"),
        numbers("phaseCoefficients", [0.0, 0.0, ramp, 0.0], ".6e"),
        ("timeDelay", "4.360000e-07"),
        complex_node("gain", 1 + 0j),
    ]
    zeros = {
        "crossCorrelationBandwidth": 1.0, "crossCorrelationPslr": -13.0, "crossCorrelationIslr": -9.5,
        "crossCorrelationPeakLocation": 0.0,
    }  # fmt: skip
    replica = [
        ("azimuthTime", start),
        *((name, f"{value:.6e}") for name, value in zeros.items()),
        ("reconstructedReplicaValidFlag", True),
        ("pgProductAmplitude", "1.000000e+00"),
        ("pgProductPhase", "0.000000e+00"),
        ("modelPgProductAmplitude", "1.000000e+00"),
        ("modelPgProductPhase", "0.000000e+00"),
        ("relativePgProductValidFlag", True),
        ("absolutePgProductValidFlag", True),
        ("internalTimeDelay", "4.360000e-07"),
    ]
    information = [
        ("swath", swath.name),
        ("referenceReplica", reference),
        listed("replicaList", "replica", [replica]),
    ]
    noise = [
        ("swath", swath.name),
        ("azimuthTime", start),
        ("noisePowerCorrectionFactor", 1.0),
        ("numberOfNoiseLines", 8),
    ]
    return [
        listed("rawDataAnalysisList", "rawDataAnalysis", [raw]),
        listed("replicaInformationList", "replicaInformation", [information]),
        listed("noiseList", "noise", [noise]),
    ]
