"""A minimal reader of annotation, orbit and DEM files, so that tests of the geometry need no reader of the package."""

from __future__ import annotations

import os
import re
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from subside.model.acquisition import Acquisition, Burst, Orbit, RangePolynomial, Swath
from subside.model.dem import Dem

DATA = Path(os.environ.get("SUBSIDE_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
ANNOTATION = DATA / "sentinel1-annotation"
SMALL = DATA / "safe-synthetic" / "small"
T108 = ANNOTATION / "hyp3-isce2" / "slc"


@dataclass(frozen=True)
class Grid:
    """The annotated geolocation grid of one swath; times in seconds since the epoch."""

    slow_time: np.ndarray
    fast_time: np.ndarray
    line: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    height: np.ndarray
    incidence_angle: np.ndarray


def need(path: Path) -> Path:
    """Skip the test where the reference data are not."""
    if not path.exists():
        pytest.skip(f"no data at {path}; set SUBSIDE_DATA")
    return path


def _seconds(text: str, epoch: np.datetime64) -> float:
    return float((np.datetime64(text, "us") - epoch) / np.timedelta64(1, "us")) * 1e-6


def _annotations(product: Path, polarisation: str) -> list[str]:
    pattern = re.compile(rf"annotation/[^/]*iw\d-slc-{polarisation}-[^/]*\.xml$")
    if product.suffix == ".zip":
        with zipfile.ZipFile(product) as archive:
            names = sorted(n for n in archive.namelist() if pattern.search(n))
            return [archive.read(n).decode() for n in names]
    return [p.read_text() for p in sorted(product.glob("annotation/*.xml")) if pattern.search(p.as_posix())]


def _nearest(root, tag: str, polynomial: str, time: float, epoch: np.datetime64) -> RangePolynomial:
    entries = sorted(root.iter(tag), key=lambda e: abs(_seconds(e.findtext("azimuthTime"), epoch) - time))
    entry = entries[0]
    text = entry.findtext(polynomial) or " ".join(entry.findtext(c) or "0" for c in ("c0", "c1", "c2"))
    return RangePolynomial(float(entry.findtext("t0")), tuple(float(v) for v in text.split()))


def _swath(root, epoch: np.datetime64) -> Swath:
    def number(path: str) -> float:
        return float(root.findtext(path))

    info = "imageAnnotation/imageInformation/"
    lines = int(number("swathTiming/linesPerBurst"))
    interval = number(info + "azimuthTimeInterval")
    bursts = []
    for index, node in enumerate(root.find("swathTiming/burstList")):
        time = _seconds(node.findtext("azimuthTime"), epoch)
        first = np.array(node.findtext("firstValidSample").split(), int)
        last = np.array(node.findtext("lastValidSample").split(), int)
        valid = np.flatnonzero(first >= 0)
        middle = time + 0.5 * lines * interval
        bursts.append(
            Burst(
                index,
                time,
                _seconds(node.findtext("sensingTime"), epoch),
                int(valid[0]),
                int(valid[-1]),
                int(first[valid].max()),
                int(last[valid].min()),
                _nearest(root, "dcEstimate", "dataDcPolynomial", middle, epoch),
                _nearest(root, "azimuthFmRate", "azimuthFmRatePolynomial", middle, epoch),
                "",
                index * lines,
            )
        )
    return Swath(
        root.findtext("adsHeader/swath"),
        number(info + "slantRangeTime"),
        number("generalAnnotation/productInformation/rangeSamplingRate"),
        interval,
        lines,
        int(number("swathTiming/samplesPerBurst")),
        np.radians(number("generalAnnotation/productInformation/azimuthSteeringRate")),
        number(".//rangeProcessing/processingBandwidth"),
        number(".//azimuthProcessing/processingBandwidth"),
        0.75,
        np.radians(number(info + "incidenceAngleMidSwath")),
        tuple(bursts),
    )


def _annotation_orbit(root, epoch: np.datetime64) -> Orbit:
    nodes = list(root.find("generalAnnotation/orbitList"))
    vectors = {
        name: np.array([[float(n.findtext(f"{name}/{axis}")) for axis in "xyz"] for n in nodes])
        for name in ("position", "velocity")
    }
    time = np.array([_seconds(n.findtext("time"), epoch) for n in nodes])
    return Orbit(time, vectors["position"], vectors["velocity"], "annotation", "annotation")


def _grid(root, epoch: np.datetime64) -> Grid:
    nodes = list(root.find("geolocationGrid/geolocationGridPointList"))

    def column(name: str) -> np.ndarray:
        return np.array([float(n.findtext(name)) for n in nodes])

    return Grid(
        np.array([_seconds(n.findtext("azimuthTime"), epoch) for n in nodes]),
        column("slantRangeTime"),
        column("line"),
        column("latitude"),
        column("longitude"),
        column("height"),
        column("incidenceAngle"),
    )


def read_product(product: Path, *, orbit_file: Path | None = None, polarisation: str = "vv"):
    """Acquisition of one product, and the geolocation grid by swath. Burst ids are indices."""
    roots = [ElementTree.fromstring(text) for text in _annotations(need(product), polarisation)]
    roots = [r for r in roots if len(r.find("swathTiming/burstList"))]
    epoch = np.datetime64(min(r.findtext("adsHeader/startTime") for r in roots), "D")
    swaths = {s.name: s for s in (_swath(r, epoch) for r in roots)}
    acquisition = Acquisition(
        epoch.astype("datetime64[s]"),
        roots[0].findtext("adsHeader/missionId"),
        1,
        int(roots[0].findtext("adsHeader/absoluteOrbitNumber")),
        roots[0].findtext("generalAnnotation/productInformation/pass") == "Ascending",
        polarisation.upper(),
        "",
        float(roots[0].findtext("generalAnnotation/productInformation/radarFrequency")),
        swaths,
        _annotation_orbit(roots[0], epoch),
        (product.name,),
    )
    if orbit_file is not None:
        acquisition = replace(acquisition, orbit=read_eof(orbit_file, epoch))
    return acquisition, {r.findtext("adsHeader/swath"): _grid(r, epoch) for r in roots}


def read_eof(path: Path, epoch: np.datetime64) -> Orbit:
    """Orbit file as vectors in seconds since an epoch."""
    nodes = list(ElementTree.parse(need(path)).getroot().iter("OSV"))
    return Orbit(
        np.array([_seconds(n.findtext("UTC")[4:], epoch) for n in nodes]),
        np.array([[float(n.findtext(axis)) for axis in ("X", "Y", "Z")] for n in nodes]),
        np.array([[float(n.findtext(axis)) for axis in ("VX", "VY", "VZ")] for n in nodes]),
        "POEORB",
        path.name,
    )


def read_dem(path: Path) -> Dem:
    """GeoTIFF of ellipsoidal heights."""
    rasterio = pytest.importorskip("rasterio")
    with rasterio.open(need(path)) as source:
        t = source.transform
        return Dem(source.read(1), t.f + t.e / 2, t.c + t.a / 2, t.e, t.a, path.name)


def small_products() -> list[tuple[Path, Path]]:
    """SAFE folders and orbit files of the synthetic stack, by date."""
    return list(zip(sorted(need(SMALL).glob("*.SAFE")), sorted((SMALL / "orbits").glob("*.EOF")), strict=True))
