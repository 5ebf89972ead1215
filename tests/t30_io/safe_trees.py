"""Tiny SAFE products, format-true where the reader looks, written from an orbit of their own."""

from __future__ import annotations

import shutil
import struct
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

PERIOD = 12 * 86_400 / 175
CYCLE = 2.758273
DELAYS = {"IW1": 0.0, "IW2": 0.832, "IW3": 1.910}
STEP = 2.055556299999998e-3
EARTH_RATE = 7.292115e-5


def frozen_orbit(since_node: np.ndarray) -> np.ndarray:
    """Position and velocity (time, 6), Earth-fixed, of a Kepler orbit: e = 0.00118, perigee at 90 degrees."""

    def inertial(t: np.ndarray) -> np.ndarray:
        e, a, tilt = 0.00118, 7_071_000.0, np.radians(98.18)
        half = np.arctan(np.sqrt((1 - e) / (1 + e)) * np.tan(-np.pi / 4))
        mean = 2 * np.pi * np.asarray(t) / PERIOD + 2 * half - e * np.sin(2 * half)
        eccentric = mean.copy()
        for _ in range(20):
            eccentric = mean + e * np.sin(eccentric)
        true = 2 * np.arctan2(np.sqrt(1 + e) * np.sin(eccentric / 2), np.sqrt(1 - e) * np.cos(eccentric / 2))
        radius, u = a * (1 - e * np.cos(eccentric)), true + np.pi / 2
        xyz = np.stack([np.cos(u), np.sin(u) * np.cos(tilt), np.sin(u) * np.sin(tilt)], axis=-1)
        return radius[:, None] * xyz

    def fixed(t: np.ndarray) -> np.ndarray:
        p, turn = inertial(t), EARTH_RATE * np.asarray(t)
        x, y = p[:, 0] * np.cos(turn) + p[:, 1] * np.sin(turn), p[:, 1] * np.cos(turn) - p[:, 0] * np.sin(turn)
        return np.stack([x, y, p[:, 2]], axis=-1)

    t, h = np.asarray(since_node, float), 0.01
    return np.concatenate([fixed(t), (fixed(t + h) - fixed(t - h)) / (2 * h)], axis=-1)


@dataclass(frozen=True)
class Tree:
    """One product. Burst numbers decide the times; everything else has a default."""

    node: str = "2021-03-04T10:00:00"
    track: int = 40
    first: int = 83_975
    n: int = 3
    swaths: tuple[str, ...] = ("IW1", "IW2")
    polarisations: tuple[str, ...] = ("VV",)
    mission: str = "S1A"
    absolute_orbit: int = 20_062
    data_take: str = "023162"
    ipf: str = "003.31"
    crc: str = "AAAA"
    lines: int = 24
    samples: int = 40
    phase: float = 0.49
    has_ids: bool = False
    id_error: int = 0
    node_error: float = 0.0
    late: float = 0.0
    lattice_error: float = 0.0
    byte_order: str = "<"
    empty: tuple[int, ...] = ()
    interference: bool = False
    slant_range_time: float = 5.34e-3
    changes: dict[str, str] = field(default_factory=dict)

    def but(self, **changes: object) -> Tree:
        return replace(self, **changes)

    @property
    def anx(self) -> np.datetime64:
        return np.datetime64(self.node, "us")

    def sensing(self, swath: str, index: int) -> np.datetime64:
        since = 2.299849 + (self.first + index - 1 + self.phase) * CYCLE - (self.track - 1) * PERIOD
        return self._at(since - 0.832 - 0.539 + DELAYS[swath] + self.late)

    def _at(self, since_node: float) -> np.datetime64:
        return self.anx + np.timedelta64(round(since_node * 1e6), "us")

    def start(self, swath: str, index: int) -> np.datetime64:
        """Zero-Doppler time of line 0: about a second before the echo, on a lattice counted from the node."""
        wanted = (self.sensing(swath, index) - self.anx).astype(int) / 1e6 - 1.0
        line = round(wanted / STEP) + (self.lattice_error if index else 0.0)
        return self._at(line * STEP)

    @property
    def track_at_end(self) -> int:
        last = max((self.start(s, self.n - 1) - self.anx).astype(int) / 1e6 for s in self.swaths)
        return self.track + 1 if last > PERIOD else self.track

    @property
    def name(self) -> str:
        first = min(self.start(s, 0) for s in self.swaths)
        last = max(self.start(s, self.n - 1) for s in self.swaths) + np.timedelta64(3, "s")
        begin, end = (str(t.astype("datetime64[s]")).replace("-", "").replace(":", "") for t in (first, last))
        return f"{self.mission}_IW_SLC__1SDV_{begin}_{end}_{self.absolute_orbit:06d}_{self.data_take}_{self.crc}"

    def image(self, swath: str, polarisation: str) -> np.ndarray:
        """int16 (line, sample, 2)."""
        seed = (int(swath[2]), "VV VH".index(polarisation), self.first)
        shape = (self.n * self.lines, self.samples, 2)
        return np.random.default_rng(seed).integers(-3000, 3000, shape).astype(np.int16)


def _orbit_xml(tree: Tree, swath: str) -> str:
    begin = (tree.start(swath, 0) - tree.anx).astype(int) / 1e6
    times = np.floor(begin) - 70 + 10.0 * np.arange(17) + 0.25
    rows = []
    for t, state in zip(times, frozen_orbit(times), strict=True):
        parts = [
            "".join(f"<{a}>{v:.9e}</{a}>" for a, v in zip("xyz", xyz, strict=True)) for xyz in (state[:3], state[3:])
        ]
        rows.append(
            f"<orbit><time>{tree._at(t)}</time><frame>Earth Fixed</frame>"
            f"<position>{parts[0]}</position><velocity>{parts[1]}</velocity></orbit>"
        )
    return f'<orbitList count="{len(rows)}">{"".join(rows)}</orbitList>'


def _bursts_xml(tree: Tree, swath: str, offset: int) -> str:
    first = np.full(tree.lines, -1)
    last = first.copy()
    first[3:-2], last[3:-2] = 2, tree.samples - 4
    node = tree.anx + np.timedelta64(round(tree.node_error * 1e6), "us")
    rows = []
    for k in range(tree.n):
        a, b = (np.full(tree.lines, -1),) * 2 if k in tree.empty else (first, last)
        number = f'<burstId absolute="{k + 9}">{tree.first + k + tree.id_error}</burstId>' if tree.has_ids else ""
        since = (tree.start(swath, k) - node).astype(int) / 1e6
        rows.append(
            f"<burst><azimuthTime>{tree.start(swath, k)}</azimuthTime><azimuthAnxTime>{since:.15e}</azimuthAnxTime>"
            f"<sensingTime>{tree.sensing(swath, k)}</sensingTime>"
            f"<byteOffset>{offset + k * tree.lines * tree.samples * 4}</byteOffset>"
            f'<firstValidSample count="{tree.lines}">{" ".join(map(str, a))}</firstValidSample>'
            f'<lastValidSample count="{tree.lines}">{" ".join(map(str, b))}</lastValidSample>{number}</burst>'
        )
    return f'<burstList count="{tree.n}">{"".join(rows)}</burstList>'


def _polynomials_xml(tree: Tree, swath: str) -> tuple[str, str]:
    """FM rate and Doppler estimates, one per burst and one before; their constants count up."""
    fm, doppler = [], []
    for k in range(-1, tree.n):
        time = tree.start(swath, k) + np.timedelta64(20_000, "us")
        fm.append(
            f"<azimuthFmRate><azimuthTime>{time}</azimuthTime><t0>{tree.slant_range_time!r}</t0>"
            f'<azimuthFmRatePolynomial count="3">{-2300 - k} 4.5e+05 -7.9e+07</azimuthFmRatePolynomial></azimuthFmRate>'
        )
        doppler.append(
            f"<dcEstimate><azimuthTime>{time}</azimuthTime><t0>5.33e-03</t0>"
            f'<geometryDcPolynomial count="3">0 0 0</geometryDcPolynomial>'
            f'<dataDcPolynomial count="3">{k} -2.0e+02 3.0e+04</dataDcPolynomial></dcEstimate>'
        )
    return "".join(fm), "".join(doppler)


def _grid_xml(tree: Tree, swath: str) -> str:
    """A grid on which longitude counts seconds and samples, latitude swaths: easy to interpolate by hand."""
    rows = []
    for k in range(tree.n + 1):
        time = tree.start(swath, min(k, tree.n - 1)) + np.timedelta64(
            round(tree.lines * STEP * 1e6) * (k == tree.n), "us"
        )
        since = (time - tree.start(swath, 0)).astype(int) / 1e6
        for sample in (0, tree.samples // 2, tree.samples - 1):
            rows.append(
                f"<geolocationGridPoint><azimuthTime>{time}</azimuthTime><slantRangeTime>5.34e-03</slantRangeTime>"
                f"<line>{k * tree.lines}</line><pixel>{sample}</pixel><latitude>{10 + since / 10}</latitude>"
                f"<longitude>{20 + sample / 100}</longitude><height>5.0</height><incidenceAngle>33.0</incidenceAngle>"
                f"<elevationAngle>28.0</elevationAngle></geolocationGridPoint>"
            )
    return f'<geolocationGridPointList count="{len(rows)}">{"".join(rows)}</geolocationGridPointList>'


def annotation_xml(tree: Tree, swath: str, polarisation: str, offset: int) -> str:
    fm, doppler = _polynomials_xml(tree, swath)
    node = tree.anx + np.timedelta64(round(tree.node_error * 1e6), "us")
    text = f"""<?xml version="1.0" encoding="UTF-8"?>
<product><adsHeader><missionId>{tree.mission}</missionId><productType>SLC</productType>
<polarisation>{polarisation}</polarisation><mode>IW</mode><swath>{swath}</swath>
<startTime>{tree.start(swath, 0)}</startTime>
<absoluteOrbitNumber>{tree.absolute_orbit}</absoluteOrbitNumber></adsHeader>
<generalAnnotation><productInformation><pass>Ascending</pass>
<rangeSamplingRate>6.434523812571428e+07</rangeSamplingRate><radarFrequency>5.405000454334350e+09</radarFrequency>
<azimuthSteeringRate>1.590368784000000e+00</azimuthSteeringRate></productInformation>
{_orbit_xml(tree, swath)}<azimuthFmRateList>{fm}</azimuthFmRateList></generalAnnotation>
<imageAnnotation><imageInformation><ascendingNodeTime>{node}</ascendingNodeTime>
<slantRangeTime>{tree.slant_range_time!r}</slantRangeTime><azimuthTimeInterval>{STEP!r}</azimuthTimeInterval>
<numberOfSamples>{tree.samples}</numberOfSamples><numberOfLines>{tree.n * tree.lines}</numberOfLines>
<incidenceAngleMidSwath>3.36e+01</incidenceAngleMidSwath></imageInformation>
<processingInformation><swathProcParamsList><swathProcParams><swath>{swath}</swath>
<rangeProcessing><windowCoefficient>7.5e-01</windowCoefficient><processingBandwidth>5.65e+07</processingBandwidth>
</rangeProcessing><azimuthProcessing><windowCoefficient>7.0e-01</windowCoefficient>
<processingBandwidth>3.27e+02</processingBandwidth></azimuthProcessing></swathProcParams></swathProcParamsList>
</processingInformation></imageAnnotation>
<dopplerCentroid><dcEstimateList>{doppler}</dcEstimateList></dopplerCentroid>
<swathTiming><linesPerBurst>{tree.lines}</linesPerBurst><samplesPerBurst>{tree.samples}</samplesPerBurst>
{_bursts_xml(tree, swath, offset)}</swathTiming>
<geolocationGrid>{_grid_xml(tree, swath)}</geolocationGrid></product>"""
    for old, new in tree.changes.items():
        assert old in text, old
        text = text.replace(old, new)
    return text


def manifest_xml(tree: Tree) -> str:
    return (
        '<?xml version="1.0" encoding="UTF-8"?><x:XFDU xmlns:x="urn:x" xmlns:safe="http://www.esa.int/safe/sentinel-1.0">'
        f'<safe:processing><safe:software name="Sentinel-1 IPF" version="{tree.ipf}"/></safe:processing>'
        f'<safe:relativeOrbitNumber type="start">{tree.track}</safe:relativeOrbitNumber>'
        f'<safe:relativeOrbitNumber type="stop">{tree.track_at_end}</safe:relativeOrbitNumber></x:XFDU>'
    )


RFI = """<rfi><rfiMitigationApplied>None</rfiMitigationApplied><rfiDetectionFromNoiseReportList>
<rfiDetectionFromNoiseReport><rfiDetected>true</rfiDetected></rfiDetectionFromNoiseReport>
<rfiDetectionFromNoiseReport><rfiDetected>false</rfiDetected></rfiDetectionFromNoiseReport>
</rfiDetectionFromNoiseReportList><rfiBurstReportList><rfiBurstReport><timeDomainRfiReport>
<percentageAffectedLines>3.1e+01</percentageAffectedLines></timeDomainRfiReport></rfiBurstReport></rfiBurstReportList></rfi>"""


def write_tiff(path: Path, image: np.ndarray, order: str = "<") -> int:
    """One strip a line, uncompressed complex int16; returns the byte of the first sample, an odd one."""
    lines, samples, _ = image.shape
    tags = [(256, 4, samples), (257, 4, lines), (258, 4, 32), (259, 4, 1), (273, 4, None), (277, 4, 1), (278, 4, 1)]
    tags += [(279, 4, None), (339, 4, 5)]
    listed = 8 + 2 + 12 * len(tags) + 4
    offset = listed + 8 * lines + 3
    places = {273: listed, 279: listed + 4 * lines}
    out = {"<": b"II", ">": b"MM"}[order] + struct.pack(f"{order}HIH", 42, 8, len(tags))
    for tag, kind, value in tags:
        entry = (lines, places[tag]) if value is None else (1, value)
        out += struct.pack(f"{order}HHII", tag, kind, *entry)
    out += struct.pack(f"{order}I", 0)
    out += np.asarray(offset + np.arange(lines) * samples * 4, f"{order}u4").tobytes()
    out += np.full(lines, samples * 4, f"{order}u4").tobytes()
    path.write_bytes(out.ljust(offset, b"\0") + image.astype(f"{order}i2").tobytes())
    return offset


def write_tree(folder: Path, tree: Tree) -> Path:
    """Write the product as a SAFE folder in ``folder``."""
    root = folder / f"{tree.name}.SAFE"
    for inner in ("annotation/rfi", "annotation/calibration", "measurement"):
        (root / inner).mkdir(parents=True)
    (root / "manifest.safe").write_text(manifest_xml(tree))
    number = 0
    for polarisation in sorted(tree.polarisations):
        for swath in tree.swaths:
            number += 1
            stem = (
                f"{tree.mission}-{swath}-slc-{polarisation}-20210304t100000-20210304t100010-"
                f"{tree.absolute_orbit:06d}-{tree.data_take}-{number:03d}"
            ).lower()
            offset = write_tiff(root / "measurement" / f"{stem}.tiff", tree.image(swath, polarisation), tree.byte_order)
            (root / "annotation" / f"{stem}.xml").write_text(annotation_xml(tree, swath, polarisation, offset))
            (root / "annotation/calibration" / f"calibration-{stem}.xml").write_text("<calibration/>")
            if tree.interference:
                (root / "annotation/rfi" / f"rfi-{stem}.xml").write_text(RFI)
    return root


def zip_tree(root: Path, target: Path, method: int, prefix: str = "") -> Path:
    """Zip a SAFE folder with one method of compression, as the archives do."""
    import zipfile

    with zipfile.ZipFile(target, "w", method) as archive:
        archive.writestr(f"__MACOSX/{root.name}/manifest.safe", "")
        for file in sorted(root.rglob("*")):
            archive.write(file, f"{prefix}{root.name}/{file.relative_to(root)}")
    return target


def moved(root: Path, folder: Path) -> Path:
    """Move a product to another folder."""
    folder.mkdir(parents=True, exist_ok=True)
    return Path(shutil.move(root, folder / root.name))
