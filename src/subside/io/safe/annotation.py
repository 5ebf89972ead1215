"""Manifest and annotation of a product: XML in, plain values out."""

from __future__ import annotations

import math
import re
import xml.etree.ElementTree as ET
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from subside.io.codes import refuse
from subside.io.safe.container import Container
from subside.model.acquisition import RangePolynomial

Time = np.datetime64
"""UTC to the microsecond."""

_FIRST_ORBITS = {"S1A": 73, "S1B": 27, "S1C": 172, "S1D": 42}
_S1C_MOVED = (8018, 99)
_N_TRACKS = 175


@dataclass(frozen=True)
class Manifest:
    """What only the manifest says.

    Attributes
    ----------
    ipf_version : str
        Version of the processor, such as ``"003.91"``.
    relative_orbit : int
        At the start of the product.
    is_crossing : bool
        Whether the product ends in another relative orbit.
    data_take : str
        Identity of the data take within its mission.
    """

    ipf_version: str
    relative_orbit: int
    is_crossing: bool
    data_take: str


@dataclass(frozen=True)
class BurstRecord:
    """One burst as annotated.

    Attributes
    ----------
    time, sensing_time : datetime64[us]
        Zero-Doppler time of line 0 and raw time of the first echo.
    byte_offset : int
        Where the burst begins in the measurement file.
    first_line, last_line, first_sample, last_sample : int
        Valid window, inclusive; ``first_line`` is -1 where no line is valid.
    n_invalid : int
        Invalid lines between the first and the last valid one.
    burst_id : int or None
        Relative burst number, from processor 3.40 on.
    """

    time: Time
    sensing_time: Time
    byte_offset: int
    first_line: int
    last_line: int
    first_sample: int
    last_sample: int
    n_invalid: int
    burst_id: int | None


@dataclass(frozen=True)
class Annotation:
    """One swath and polarisation of one product.

    Attributes
    ----------
    container : Container
        The product.
    member : str
        The annotation file in it.
    mission, swath, polarisation : str
        As written in its header.
    absolute_orbit : int
        As written in its header.
    is_ascending : bool
        Direction of the pass.
    values : mapping of str to float
        Scalars in SI: radar_frequency, range_sampling_rate, steering_rate, slant_range_time,
        azimuth_time_interval, incidence_mid_swath, range_bandwidth, azimuth_bandwidth, window_coefficient.
    node_time : datetime64[us]
        Annotated time of the ascending node.
    lines_per_burst, samples_per_burst : int
        Size of a burst.
    bursts : tuple of BurstRecord
        In the order of the file, as many as ``burstList`` holds.
    doppler, fm_rate : tuple of (datetime64[us], RangePolynomial)
        Every estimate with its time.
    orbit_time : ndarray of datetime64[us], (vector,)
        Times of the state vectors.
    orbit : ndarray of float64, (vector, 6)
        Position (m) and velocity (m/s).
    """

    container: Container
    member: str
    mission: str
    swath: str
    polarisation: str
    absolute_orbit: int
    is_ascending: bool
    values: dict[str, float]
    node_time: Time
    lines_per_burst: int
    samples_per_burst: int
    bursts: tuple[BurstRecord, ...]
    doppler: tuple[tuple[Time, RangePolynomial], ...]
    fm_rate: tuple[tuple[Time, RangePolynomial], ...]
    orbit_time: npt.NDArray[np.datetime64]
    orbit: npt.NDArray[np.float64]

    @property
    def measurement(self) -> str:
        """The measurement file that belongs to this annotation, relative to the product."""
        return f"measurement/{self.member.rpartition('/')[2].removesuffix('.xml')}.tiff"


@dataclass(frozen=True)
class _Fields:
    """Reads fields of one XML file; whatever is absent or malformed is refused by its name."""

    root: ET.Element
    file: str

    def text(self, path: str, element: ET.Element | None = None) -> str:
        text = (self.root if element is None else element).findtext(path)
        if text is None or not text.strip():
            refuse("S109", self.file, f"`{path}` must be there, got nothing")
        return text.strip()

    def number(self, path: str, element: ET.Element | None = None) -> float:
        text = self.text(path, element)
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            refuse("S109", self.file, f"`{path}` must be a number, got {text!r}")
        return value

    def integer(self, path: str, element: ET.Element | None = None) -> int:
        value = self.number(path, element)
        if value != int(value):
            refuse("S109", self.file, f"`{path}` must be an integer, got {value!r}")
        return int(value)

    def numbers(self, path: str, element: ET.Element | None = None) -> npt.NDArray[np.float64]:
        text = self.text(path, element)
        try:
            return np.array(text.split(), dtype=np.float64)
        except ValueError:
            refuse("S109", self.file, f"`{path}` must be numbers, got {text[:60]!r}")

    def time(self, path: str, element: ET.Element | None = None) -> Time:
        text = self.text(path, element)
        try:
            return np.datetime64(text.removesuffix("Z"), "us")
        except ValueError:
            refuse("S109", self.file, f"`{path}` must be a UTC time, got {text!r}")

    def every(self, path: str) -> list[ET.Element]:
        return self.root.findall(path)


def _parsed(contents: bytes, file: str) -> ET.Element:
    try:
        return ET.fromstring(contents)
    except ET.ParseError as error:
        refuse("S109", file, f"must be whole XML, got: {error}")


def _relative_orbit(mission: str, absolute_orbit: int) -> int:
    first = _FIRST_ORBITS[mission]
    if mission == "S1C" and absolute_orbit > _S1C_MOVED[0]:
        first = _S1C_MOVED[1]
    return (absolute_orbit - first) % _N_TRACKS + 1


def read_manifest(container: Container) -> Manifest:
    """Read processor version, relative orbit and data take.

    Raises
    ------
    InputFileError
        S102 (no manifest), S109 (no processor version).
    """
    file = container.address("manifest.safe")
    root = _parsed(container.read("manifest.safe"), file)
    version, tracks = None, {}
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if name == "software" and "IPF" in element.get("name", "") and version is None:
            version = element.get("version")
        if name == "relativeOrbitNumber" and (element.text or "").strip().isdigit():
            tracks[element.get("type")] = int(element.text or "")
    if version is None or not re.fullmatch(r"\d+\.\d+", version):
        refuse("S109", file, f"version of the processor (Sentinel-1 IPF) must be written, got {version!r}")
    parts = container.name.split("_")
    orbit = tracks.get("start") or _relative_orbit(parts[0].upper(), int(parts[-3]))
    is_crossing = tracks.get("stop", orbit) != orbit
    return Manifest(ipf_version=version, relative_orbit=orbit, is_crossing=is_crossing, data_take=parts[-2].upper())


def _burst_record(fields: _Fields, burst: ET.Element, lines_per_burst: int) -> BurstRecord:
    first = fields.numbers("firstValidSample", burst).astype(np.int64)
    last = fields.numbers("lastValidSample", burst).astype(np.int64)
    if len(first) != lines_per_burst or len(last) != lines_per_burst:
        refuse(
            "S109", fields.file, f"`firstValidSample` must have {lines_per_burst} values, got {len(first)}, {len(last)}"
        )
    valid = np.flatnonzero((first >= 0) & (last >= first))
    lines = (int(valid[0]), int(valid[-1])) if len(valid) else (-1, -1)
    written = burst.findtext("burstId")
    return BurstRecord(
        time=fields.time("azimuthTime", burst),
        sensing_time=fields.time("sensingTime", burst),
        byte_offset=fields.integer("byteOffset", burst),
        first_line=lines[0],
        last_line=lines[1],
        first_sample=int(first[valid].max()) if len(valid) else -1,
        last_sample=int(last[valid].min()) if len(valid) else -1,
        n_invalid=lines[1] - lines[0] + 1 - len(valid) if len(valid) else 0,
        burst_id=int(written) if written else None,
    )


def _fm_rate(fields: _Fields, element: ET.Element) -> tuple[Time, RangePolynomial]:
    if element.find("azimuthFmRatePolynomial") is not None:
        values = fields.numbers("azimuthFmRatePolynomial", element)
    else:
        values = np.array([fields.number(name, element) for name in ("c0", "c1", "c2")])
    polynomial = RangePolynomial(fields.number("t0", element), tuple(map(float, values)))
    return fields.time("azimuthTime", element), polynomial


def _doppler(fields: _Fields, element: ET.Element) -> tuple[Time, RangePolynomial]:
    values = tuple(map(float, fields.numbers("dataDcPolynomial", element)))
    return fields.time("azimuthTime", element), RangePolynomial(fields.number("t0", element), values)


def _scalars(fields: _Fields) -> dict[str, float]:
    information, image = "generalAnnotation/productInformation", "imageAnnotation/imageInformation"
    processing = "imageAnnotation/processingInformation/swathProcParamsList/swathProcParams"
    values = {
        "radar_frequency": fields.number(f"{information}/radarFrequency"),
        "range_sampling_rate": fields.number(f"{information}/rangeSamplingRate"),
        "steering_rate": math.radians(fields.number(f"{information}/azimuthSteeringRate")),
        "slant_range_time": fields.number(f"{image}/slantRangeTime"),
        "azimuth_time_interval": fields.number(f"{image}/azimuthTimeInterval"),
        "incidence_mid_swath": math.radians(fields.number(f"{image}/incidenceAngleMidSwath")),
        "range_bandwidth": fields.number(f"{processing}/rangeProcessing/processingBandwidth"),
        "azimuth_bandwidth": fields.number(f"{processing}/azimuthProcessing/processingBandwidth"),
        "window_coefficient": fields.number(f"{processing}/azimuthProcessing/windowCoefficient"),
    }
    for name, value in values.items():
        if not value > 0:
            refuse("S109", fields.file, f"{name} must be positive, got {value!r}")
    return values


def _vectors(fields: _Fields) -> tuple[npt.NDArray[np.datetime64], npt.NDArray[np.float64]]:
    elements = fields.every("generalAnnotation/orbitList/orbit")
    if len(elements) < 4:
        refuse("S109", fields.file, f"`orbitList` must hold at least four state vectors, got {len(elements)}")
    columns = [f"{kind}/{axis}" for kind in ("position", "velocity") for axis in "xyz"]
    times = np.array([fields.time("time", e) for e in elements], dtype="datetime64[us]")
    values = np.array([[fields.number(c, e) for c in columns] for e in elements])
    order = np.argsort(times, kind="stable")
    return times[order], values[order]


def read_annotation(container: Container, member: str) -> Annotation:
    """Read one annotation file.

    Parameters
    ----------
    container : Container
        The product.
    member : str
        The file, relative to the product.

    Returns
    -------
    Annotation
        Everything the geometry and the pixels need, in SI.

    Raises
    ------
    InputFileError
        S109 where a field is missing or malformed.
    """
    fields = _Fields(_parsed(container.read(member), container.address(member)), container.address(member))
    lines = fields.integer("swathTiming/linesPerBurst")
    direction = fields.text("generalAnnotation/productInformation/pass").lower()
    times, vectors = _vectors(fields)
    bursts = tuple(_burst_record(fields, b, lines) for b in fields.every("swathTiming/burstList/burst"))
    doppler = tuple(_doppler(fields, e) for e in fields.every("dopplerCentroid/dcEstimateList/dcEstimate"))
    fm_rate = tuple(_fm_rate(fields, e) for e in fields.every("generalAnnotation/azimuthFmRateList/azimuthFmRate"))
    if bursts and not (doppler and fm_rate):
        refuse(
            "S109", fields.file, f"`dcEstimateList` and `azimuthFmRateList` must not be empty for {len(bursts)} bursts"
        )
    return Annotation(
        container=container,
        member=member,
        mission=fields.text("adsHeader/missionId").upper(),
        swath=fields.text("adsHeader/swath").upper(),
        polarisation=fields.text("adsHeader/polarisation").upper(),
        absolute_orbit=fields.integer("adsHeader/absoluteOrbitNumber"),
        is_ascending=direction == "ascending",
        values=_scalars(fields),
        node_time=fields.time("imageAnnotation/imageInformation/ascendingNodeTime"),
        lines_per_burst=lines,
        samples_per_burst=fields.integer("swathTiming/samplesPerBurst"),
        bursts=bursts,
        doppler=doppler,
        fm_rate=fm_rate,
        orbit_time=times,
        orbit=vectors,
    )


@dataclass(frozen=True)
class Interference:
    """What the processor says of radio interference in one swath.

    Attributes
    ----------
    mitigation : str
        What was applied, ``"None"`` where nothing was.
    n_detected, n_reports : int
        Noise measurements in which interference was found, and all of them.
    n_affected, n_bursts : int
        Bursts with affected lines, and all that were looked at.
    largest : float
        Largest share of affected lines of a burst, per cent.
    """

    mitigation: str
    n_detected: int
    n_reports: int
    n_affected: int
    n_bursts: int
    largest: float


def read_interference(annotation: Annotation) -> Interference | None:
    """Read the interference report that belongs to an annotation; None where the processor wrote none."""
    container = annotation.container
    name = f"annotation/rfi/rfi-{annotation.member.rpartition('/')[2]}"
    if name not in container.members("annotation/rfi", ".xml"):
        return None
    root = _parsed(container.read(name), container.address(name))
    detected = [e.text == "true" for e in root.findall("rfiDetectionFromNoiseReportList/*/rfiDetected")]
    shares = [
        max((float(e.text or 0) for e in burst.iter("percentageAffectedLines")), default=0.0)
        for burst in root.findall("rfiBurstReportList/rfiBurstReport")
    ]
    return Interference(
        mitigation=root.findtext("rfiMitigationApplied") or "None",
        n_detected=sum(detected),
        n_reports=len(detected),
        n_affected=sum(s > 0 for s in shares),
        n_bursts=len(shares),
        largest=max(shares, default=0.0),
    )


def read_grid(contents: bytes, file: str) -> dict[str, npt.NDArray[np.float64]]:
    """Read the geolocation grid: arrays (point,), times in microseconds since 1970, angles in degrees."""
    fields = _Fields(_parsed(contents, file), file)
    points = fields.every("geolocationGrid/geolocationGridPointList/geolocationGridPoint")
    names = {
        "line": "line",
        "sample": "pixel",
        "slant_range_time": "slantRangeTime",
        "latitude": "latitude",
        "longitude": "longitude",
        "height": "height",
        "incidence_angle": "incidenceAngle",
    }
    grid = {key: np.array([fields.number(name, p) for p in points]) for key, name in names.items()}
    times = np.array([fields.time("azimuthTime", p) for p in points], dtype="datetime64[us]")
    grid["time"] = times.astype(np.int64).astype(np.float64)
    return grid
