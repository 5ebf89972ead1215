"""The manifest of a SAFE product."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from subside.io.safe_writer._xml import Node, document
from subside.io.safe_writer.product import SafeProduct

_SPACES = {
    "xmlns:xsi": "http://www.w3.org/2001/XMLSchema-instance",
    "xmlns:gml": "http://www.opengis.net/gml",
    "xmlns:xfdu": "urn:ccsds:schema:xfdu:1",
    "xmlns:safe": "http://www.esa.int/safe/sentinel-1.0",
    "xmlns:s1": "http://www.esa.int/safe/sentinel-1.0/sentinel-1",
    "xmlns:s1sar": "http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar",
    "xmlns:s1sarl1": "http://www.esa.int/safe/sentinel-1.0/sentinel-1/sar/level-1",
    "version": "esa/safe/sentinel-1.0/sentinel-1/sar/level-1/slc/standard/iwsp",
}
_KINDS = {"noise": "s1Level1NoiseSchema", "calibration": "s1Level1CalibrationSchema"}


def _kind(file: Path) -> str:
    if file.suffix == ".tiff":
        return "s1Level1MeasurementSchema"
    return _KINDS.get(file.name.split("-")[0], "s1Level1ProductSchema")


def _identity(file: Path) -> str:
    name = file.stem.replace("-", "")
    return f"product{name}" if _kind(file) == "s1Level1ProductSchema" else name


def _wrapped(identity: str, content: Node, *, provenance: bool = False) -> Node:
    kind = ("PROVENANCE", "PDI") if provenance else ("DESCRIPTION", "DMD")
    wrap = {"mimeType": "text/xml", "vocabularyName": "SAFE", "textInfo": identity}
    attributes = {"ID": identity, "classification": kind[0], "category": kind[1]}
    return "metadataObject", [("metadataWrap", [("xmlData", [content])], wrap)], attributes


def _metadata(product: SafeProduct) -> list[Node]:
    a = product.acquisition
    start, stop = product.utc(a.start), product.utc(a.stop)
    processing: Node = (
        "safe:processing",
        [
            (
                "safe:facility",
                [("safe:software", None, {"name": "Sentinel-1 IPF", "version": a.ipf_version})],
                {"country": "none", "name": "simulated", "organisation": "none", "site": "subside"},
            ),
            ("safe:resource", None, {"name": product.orbit_file, "role": "AUX_POE"}),
        ],
        {"name": "SLC Post Processing", "start": start, "stop": stop},
    )
    mode = [("s1sarl1:mode", "IW"), *(("s1sarl1:swath", name) for name in a.swaths)]
    instrument = [
        ("safe:familyName", "Synthetic Aperture Radar", {"abbreviation": "SAR"}),
        ("safe:extension", [("s1sarl1:instrumentMode", mode)]),
    ]
    platform = [
        ("safe:nssdcIdentifier", "2014-016A"),
        ("safe:familyName", "SENTINEL-1"),
        ("safe:number", a.mission[2]),
        ("safe:instrument", instrument),
    ]
    node = [
        ("s1:pass", "ASCENDING" if a.is_ascending else "DESCENDING"),
        ("s1:ascendingNodeTime", product.utc(product.node_time)),
    ]
    orbit = [
        *(("safe:orbitNumber", a.absolute_orbit, {"type": t}) for t in ("start", "stop")),
        *(("safe:relativeOrbitNumber", a.relative_orbit, {"type": t}) for t in ("start", "stop")),
        ("safe:cycleNumber", a.absolute_orbit // 175),
        ("safe:phaseIdentifier", 1),
        ("safe:extension", [("s1:orbitProperties", node)]),
    ]
    general = [
        ("s1sarl1:instrumentConfigurationID", 7),
        ("s1sarl1:missionDataTakeID", product.data_take),
        ("s1sarl1:transmitterReceiverPolarisation", a.polarisation),
        ("s1sarl1:productClass", "S"),
        ("s1sarl1:productClassDescription", "SAR Standard L1 Product"),
        ("s1sarl1:productComposition", "Slice"),
        ("s1sarl1:productType", "SLC"),
        ("s1sarl1:productTimelinessCategory", "Fast-24h"),
        ("s1sarl1:sliceProductFlag", "true"),
        ("s1sarl1:segmentStartTime", start),
        ("s1sarl1:sliceNumber", 1),
        ("s1sarl1:totalSlices", 1),
    ]
    since = [
        ("s1:startTimeANX", f"{1000 * (a.start - product.node_time):.6e}"),
        ("s1:stopTimeANX", f"{1000 * (a.stop - product.node_time):.6e}"),
    ]
    period = [
        ("safe:startTime", start),
        ("safe:stopTime", stop),
        ("safe:extension", [("s1:timeANX", since)]),
    ]
    footprint = [("gml:coordinates", _corners(product))]
    frame = [("safe:footPrint", footprint, {"srsName": "http://www.opengis.net/gml/srs/epsg.xml#4326"})]
    return [
        _wrapped("processing", processing, provenance=True),
        _wrapped("platform", ("safe:platform", platform)),
        _wrapped("measurementOrbitReference", ("safe:orbitReference", orbit)),
        _wrapped("generalProductInformation", ("s1sarl1:standAloneProductInformation", general)),
        _wrapped("acquisitionPeriod", ("safe:acquisitionPeriod", period)),
        _wrapped("measurementFrameSet", ("safe:frameSet", [("safe:frame", frame)])),
    ]


def _corners(product: SafeProduct) -> str:
    names = list(product.acquisition.swaths)
    near, far = product.grids[names[0]], product.grids[names[-1]]
    places = ((far, -1), (near, -near.n_columns), (near, 0), (far, far.n_columns - 1))
    return " ".join(f"{g.latitude[k]:.6f},{g.longitude[k]:.6f}" for g, k in places)


def manifest_xml(product: SafeProduct, root: Path, files: Iterable[Path]) -> bytes:
    """Manifest of the files of a product, with their sizes and MD5 sums."""
    files = list(files)
    units: list[Node] = []
    objects: list[Node] = []
    for file in files:
        what = "Measurement Data Unit" if file.suffix == ".tiff" else "Metadata Unit"
        pointer = [("dataObjectPointer", None, {"dataObjectID": _identity(file)})]
        units.append(("xfdu:contentUnit", pointer, {"unitType": what, "repID": _kind(file)}))
        with file.open("rb") as handle:
            checksum = hashlib.file_digest(handle, "md5").hexdigest()
        mime = "application/octet-stream" if file.suffix == ".tiff" else "text/xml"
        location = {"locatorType": "URL", "href": f"./{file.relative_to(root).as_posix()}"}
        stream: Node = (
            "byteStream",
            [("fileLocation", None, location), ("checksum", checksum, {"checksumName": "MD5"})],
            {"mimeType": mime, "size": str(file.stat().st_size)},
        )
        objects.append(("dataObject", [stream], {"ID": _identity(file), "repID": _kind(file)}))
    package: Node = (
        "xfdu:contentUnit",
        units,
        {
            "unitType": "SAFE Archive Information Package",
            "textInfo": "Sentinel-1 IW Level-1 SLC Product",
            "dmdID": "acquisitionPeriod platform generalProductInformation measurementOrbitReference "
            "measurementFrameSet",
            "pdiID": "processing",
        },
    )
    return document(
        (
            "xfdu:XFDU",
            [
                ("informationPackageMap", [package]),
                ("metadataSection", _metadata(product)),
                ("dataObjectSection", objects),
            ],
            _SPACES,
        )
    )
