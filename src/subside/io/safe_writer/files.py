"""What comes with SAFE products: orbit files and the elevation model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import rasterio
from affine import Affine

from subside.io.safe_writer._xml import Node, document, listed, utc
from subside.model.acquisition import Acquisition, Orbit
from subside.model.dem import Dem

_TAI_MINUS_UTC = 37.0
_LATENCY = np.timedelta64(21, "D")


def orbit_file_name(acquisition: Acquisition) -> str:
    """Name of the precise orbit file of a date: from the evening before to the morning after."""
    day = acquisition.epoch.astype("datetime64[D]")
    start = _stamp(day - np.timedelta64(1, "D"), "225942")
    stop = _stamp(day + np.timedelta64(1, "D"), "005942")
    return f"{acquisition.mission}_OPER_AUX_POEORB_OPOD_{_stamp(day + _LATENCY, '120811')}_V{start}_{stop}.EOF"


def _stamp(day: np.datetime64, clock: str) -> str:
    return f"{str(day).replace('-', '')}T{clock}"


def write_orbit_file(folder: Path, acquisition: Acquisition, orbit: Orbit) -> Path:
    """Write the precise orbit file of a date.

    Parameters
    ----------
    folder : Path
        Where to.
    acquisition : Acquisition
        Gives the day, mission and orbit number.
    orbit : Orbit
        State vectors, s since the epoch of the acquisition; written to the micrometre. The file holds these and no
        others, whatever its validity says.

    Returns
    -------
    Path
        The file.
    """
    name = orbit_file_name(acquisition)
    stem = name.removesuffix(".EOF")
    words = stem.split("_")
    times = [_moment(w.removeprefix("V")) for w in (words[5], words[6], words[7])]
    fixed: list[Node] = [
        ("File_Name", stem),
        ("File_Description", "Precise Orbit Ephemerides (POE) Orbit File"),
        ("Notes", "simulated; state vectors around the scene only"),
        ("Mission", f"Sentinel-{acquisition.mission[1:]}"),
        ("File_Class", "OPER"),
        ("File_Type", "AUX_POEORB"),
        ("Validity_Period", [("Validity_Start", f"UTC={times[1]}"), ("Validity_Stop", f"UTC={times[2]}")]),
        ("File_Version", "0001"),
        (
            "Source",
            [
                ("System", "OPOD"),
                ("Creator", "OPOD"),
                ("Creator_Version", "0.0"),
                ("Creation_Date", f"UTC={times[0]}"),
            ],
        ),
    ]
    variable = [("Ref_Frame", "EARTH_FIXED"), ("Time_Reference", "UTC")]
    rows = [_vector(acquisition, orbit, k) for k in range(len(orbit.time))]
    content = document(
        (
            "Earth_Explorer_File",
            [
                ("Earth_Explorer_Header", [("Fixed_Header", fixed), ("Variable_Header", variable)]),
                ("Data_Block", [listed("List_of_OSVs", "OSV", rows)], {"type": "xml"}),
            ],
        )
    )
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(content)
    return folder / name


def _moment(text: str) -> str:
    return f"{text[:4]}-{text[4:6]}-{text[6:11]}:{text[11:13]}:{text[13:15]}"


def _vector(acquisition: Acquisition, orbit: Orbit, k: int) -> list[Node]:
    time, epoch = float(orbit.time[k]), acquisition.epoch

    def stamp(seconds: float) -> str:
        text = utc(epoch, seconds)
        return text if "." in text else f"{text}.000000"

    place = [(axis, f"{value:.6f}", {"unit": "m"}) for axis, value in zip("XYZ", orbit.position[k], strict=True)]
    speed = [
        (f"V{axis}", f"{value:.6f}", {"unit": "m/s"}) for axis, value in zip("XYZ", orbit.velocity[k], strict=True)
    ]
    return [
        ("TAI", f"TAI={stamp(time + _TAI_MINUS_UTC)}"),
        ("UTC", f"UTC={stamp(time)}"),
        ("UT1", f"UT1={stamp(time)}"),
        ("Absolute_Orbit", f"+{acquisition.absolute_orbit}"),
        *place,
        *speed,
        ("Quality", "NOMINAL"),
    ]


def write_dem(path: Path, dem: Dem) -> Path:
    """Write an elevation model as GeoTIFF that states its vertical datum, WGS 84 ellipsoid, in its description.

    Parameters
    ----------
    path : Path
        File to write.
    dem : Dem
        Ellipsoidal heights; NaN is the value of unknown cells.

    Returns
    -------
    Path
        The file.
    """
    west = dem.longitude - dem.longitude_step / 2
    north = dem.latitude - dem.latitude_step / 2
    rows, columns = dem.height.shape
    path.parent.mkdir(parents=True, exist_ok=True)
    with rasterio.open(
        path, "w", driver="GTiff", width=columns, height=rows, count=1, dtype="float32", crs="EPSG:4326",
        transform=Affine(dem.longitude_step, 0.0, west, 0.0, dem.latitude_step, north), nodata=float("nan"),
        compress="deflate", predictor=3,
    ) as target:  # fmt: skip
        target.write(dem.height, 1)
        target.update_tags(TIFFTAG_IMAGEDESCRIPTION="heights above the WGS 84 ellipsoid, m", vertical_datum="ellipsoid")
    return path
