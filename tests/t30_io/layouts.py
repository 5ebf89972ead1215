"""A small stack of known phases and orbits, written in the layouts of other processors, byte by byte.

Positions live in the plane across the track: ``cross`` toward the look side, ``up`` away from the Earth's centre.
Ranges are distances between positions, so that signs follow from geometry and not from any formula of the package.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import h5py
import numpy as np
import rasterio
from rasterio.transform import Affine

WAVELENGTH = 0.05546576
FREQUENCY = 299_792_458.0 / WAVELENGTH
ORBIT, EARTH = 7_071_759.466, 6_371_000.0 + 2_000.0
NEAR, SPACING, AZIMUTH_SPACING = 846_000.0, 2.329562, 13.93
LINE_TIME, HEADING = 2.0555563e-3, -12.3
LON0 = 115.4
DLAT, DLON = -1.2557e-4, 4.4e-5
K = 4 * np.pi / WAVELENGTH


def latitude_of_radius(radius: float) -> float:
    """Latitude where the geocentric radius of WGS 84 is given."""
    lat = np.linspace(0, 90, 90001)
    a, b = 6378137.0, 6356752.314245
    c, s = np.cos(np.deg2rad(lat)), np.sin(np.deg2rad(lat))
    r = np.sqrt(((a**2 * c) ** 2 + (b**2 * s) ** 2) / ((a * c) ** 2 + (b * s) ** 2))
    return float(lat[np.argmin(np.abs(r - radius))])


@dataclass(frozen=True)
class Truth:
    """The stack every layout is written from."""

    dates: tuple[str, ...]
    reference: int
    cross: np.ndarray
    down: np.ndarray
    slc: np.ndarray
    geometric: np.ndarray
    height: np.ndarray
    longitude: np.ndarray
    latitude: np.ndarray
    sunk: np.ndarray
    target_height: float

    @property
    def shape(self) -> tuple[int, int]:
        return self.slc.shape[1:]

    def ifg(self, i: int, j: int) -> np.ndarray:
        return self.slc[i] * np.conj(self.slc[j])


def target_at(slant_range: float, height: float) -> np.ndarray:
    """Position (cross, up) of a target seen from (0, ORBIT) at a slant range, at a height above the sphere."""
    e = EARTH + height
    cosine = (ORBIT**2 + slant_range**2 - e**2) / (2 * ORBIT * slant_range)
    return np.array([slant_range * np.sqrt(1 - cosine**2), ORBIT - slant_range * cosine])


def range_to(slant_range: float, height: float, cross: float, down: float) -> float:
    """Range from a satellite displaced by (cross, down) to that target."""
    return float(np.linalg.norm(target_at(slant_range, height) - np.array([cross, ORBIT - down])))


def isce_bperp(slant_range: float, cross: float, down: float) -> float:
    """Perpendicular baseline as baselineGrid.py prints it: signed by velocity . (look x baseline)."""
    target, second = target_at(slant_range, 0.0), np.array([cross, ORBIT - down])
    first = np.array([0.0, ORBIT])
    look, base = target - first, second - first
    length, other = np.linalg.norm(base), np.linalg.norm(target - second)
    if length == 0:
        return 0.0
    cosine = (slant_range**2 + length**2 - other**2) / (2 * slant_range * length)
    # Right-looking: forward x right = down, hence right x up = backward, the third axis here.
    velocity = np.array([0.0, 0.0, -1.0])
    normal = np.cross(np.append(look, 0.0), np.append(base, 0.0))
    return float(np.sign(normal @ velocity) * length * np.sqrt(max(1 - cosine**2, 0.0)))


def snap_components(cross: float, down: float) -> tuple[float, float]:
    """Horizontal and vertical baseline as jLinda models them and SNAP writes into .base, at mid-range."""
    first, second = np.array([0.0, ORBIT]), np.array([cross, ORBIT - down])
    target = target_at(NEAR + SPACING * 20, 0.0)
    length = np.linalg.norm(second - first)
    if length == 0:
        return 0.0, 0.0

    def angle(a, b):
        return np.arccos(a @ b / np.linalg.norm(a) / np.linalg.norm(b))

    parallel = np.linalg.norm(first - target) - np.linalg.norm(second - target)
    theta = angle(first, first - target)
    sign = 1.0 if theta > angle(first, second - target) else -1.0
    perpendicular = sign * np.sqrt(length**2 - parallel**2)
    alpha = theta - np.arctan2(parallel, perpendicular)
    return float(length * np.cos(alpha)), float(length * np.sin(alpha))


def make_truth(n_dates: int = 5, shape: tuple[int, int] = (24, 40), reference: int = 2, seed: int = 0) -> Truth:
    """Speckle that decorrelates, one sinking reflector at (5, 7), one target above the DEM at (15, 30)."""
    rng = np.random.default_rng(seed)
    dates = tuple(str(np.datetime64("2020-01-06") + 12 * k).replace("-", "") for k in range(n_dates))
    cross, down = rng.normal(0, 60, n_dates), rng.normal(0, 40, n_dates)
    cross[reference] = down[reference] = 0.0
    own = rng.normal(size=(n_dates, 2, *shape))
    common = rng.normal(size=(2, *shape))
    slc = 60 * (np.sqrt(0.7) * (common[0] + 1j * common[1]) + np.sqrt(0.3) * (own[:, 0] + 1j * own[:, 1]))
    sunk = 0.0015 * np.arange(n_dates)
    target_height = 20.0
    for k in range(n_dates):
        slc[k, 5, 7] = 900 * np.exp(-1j * K * sunk[k])
        r = NEAR + SPACING * 30
        grown = range_to(r, target_height, cross[k], down[k]) - range_to(r, 0.0, cross[k], down[k])
        slc[k, 15, 30] = 900 * np.exp(-1j * K * grown)
    line, sample = np.mgrid[: shape[0], : shape[1]]
    geometric = np.array([0.05 * (k - reference) * sample + 0.02 * k * line for k in range(n_dates)])
    lat0 = latitude_of_radius(EARTH)
    return Truth(
        dates=dates,
        reference=reference,
        cross=cross,
        down=down,
        slc=slc.astype(np.complex64),
        geometric=geometric,
        height=(12.0 + 0.1 * line).astype(np.float64),
        longitude=LON0 + DLON * sample + 0.0 * line,
        latitude=lat0 + DLAT * line + 0.0 * sample,
        sunk=sunk,
        target_height=target_height,
    )


def par_text(truth: Truth, date: str, *, has_snap_faults: bool = False, looks: int = 1) -> str:
    """Header of one image, right or with the faults SNAP writes."""
    lines, samples = truth.shape
    far = NEAR + (samples - 1) * SPACING
    latitude = float(truth.latitude[lines // 2, 0])
    a, b = 6378137.0, 6356752.314245
    c, s = np.cos(latitude), np.sin(latitude)  # degrees taken as radians, as SNAP does
    snap_radius = np.sqrt(((a**2 * c) ** 2 + (b**2 * s) ** 2) / ((a * c) ** 2 + (b * s) ** 2))
    speed = AZIMUTH_SPACING / LINE_TIME * ORBIT / EARTH
    duration = (lines - 1) * LINE_TIME
    f = has_snap_faults
    values = {
        "title": "test",
        "sensor": "SENTINEL-1A",
        "date": f"{date[:4]} {int(date[4:6])} {int(date[6:])}",
        "start_time": f"{1000.0}\ts",
        "end_time": f"{1000.0 + duration * (0.5 if f else 1.0):.9f}\ts",
        "azimuth_line_time": repr(LINE_TIME),
        "range_samples": samples,
        "azimuth_lines": lines,
        "range_looks": looks,
        "azimuth_looks": 1,
        "image_format": "FCOMPLEX",
        "center_latitude": f"{latitude}\tdegrees",
        "center_longitude": f"{LON0}\tdegrees",
        "heading": f"{HEADING}\tdegrees",
        "range_pixel_spacing": f"{2 if f else SPACING}\tm",
        "azimuth_pixel_spacing": f"{13 if f else AZIMUTH_SPACING}\tm",
        "radar_frequency": f"{FREQUENCY!r}\tHz",
        "prf": f"{1717.129 if f else 1 / LINE_TIME!r}\tHz",
        "sar_to_earth_center": f"{ORBIT}\tm",
        "earth_radius_below_sensor": f"{snap_radius if f else EARTH}\tm",
        "near_range_slc": f"{NEAR}\tm",
        "center_range_slc": f"{NEAR if f else (NEAR + far) / 2}\tm",
        "far_range_slc": f"{NEAR if f else far}\tm",
        "number_of_state_vectors": 1,
        "state_vector_position_1": f"{ORBIT}\t0.0\t0.0\tm   m   m",
        "state_vector_velocity_1": f"0.0\t{speed}\t0.0\tm/s m/s m/s",
    }
    return "".join(f"{k}:\t{v}\n" for k, v in values.items())


def base_text(cross: float, down: float, *, is_snap: bool = False) -> str:
    """Baseline file: GAMMA's with N down and a precision baseline, or SNAP's with the vertical part upward."""
    c, n = snap_components(cross, down) if is_snap else (cross, down)
    precision = "0.0\t0.0\t0.0" if is_snap else f"0.0\t{cross}\t{down}"
    return (
        f"initial_baseline(TCN):\t0.0000000\t{c}\t{n}\tm   m   m\n"
        "initial_baseline_rate:\t0.0000000\t0.0\t0.0\tm/s   m/s   m/s\n"
        f"precision_baseline(TCN):\t{precision}\tm   m   m\n"
        "precision_baseline_rate:\t0.0\t0.0\t0.0\tm/s m/s m/s\n"
        "unwrap_phase_constant:\t0.00000     radians\n"
    )


def write_geo(truth: Truth, folder: Path) -> None:
    folder.mkdir(parents=True)
    m = truth.dates[truth.reference]
    truth.longitude.astype(">f4").tofile(folder / f"{m}.lon")
    truth.latitude.astype(">f4").tofile(folder / f"{m}.lat")
    truth.height.astype(">f4").tofile(folder / "elevation_dem.rdc")


def write_snap_tree(truth: Truth, path: Path, *, has_snap_faults: bool = False) -> Path:
    """Single-reference export: rslc with the geometric phase still inside, diff0 without."""
    for name in ("rslc", "diff0"):
        (path / name).mkdir(parents=True)
    write_geo(truth, path / "geo")
    m = truth.reference
    for k, date in enumerate(truth.dates):
        image = truth.slc[k] * np.exp(-1j * truth.geometric[k])
        image.astype(">c8").tofile(path / "rslc" / f"{date}.rslc")
        header = par_text(truth, date, has_snap_faults=has_snap_faults)
        (path / "rslc" / f"{date}.rslc.par").write_text(header)
        if k != m:
            name = f"{truth.dates[m]}_{date}"
            truth.ifg(m, k).astype(">c8").tofile(path / "diff0" / f"{name}.diff")
            text = base_text(truth.cross[k], truth.down[k], is_snap=has_snap_faults)
            (path / "diff0" / f"{name}.base").write_text(text)
    return path


def write_small_baselines_tree(truth: Truth, path: Path, pairs: list[tuple[int, int]]) -> Path:
    """SMALL_BASELINES export of index pairs."""
    write_geo(truth, path / "geo")
    for i, j in pairs:
        di, dj = truth.dates[i], truth.dates[j]
        folder = path / "SMALL_BASELINES" / f"{di}_{dj}"
        folder.mkdir(parents=True)
        for k in (i, j):
            image = truth.slc[k] * np.exp(-1j * truth.geometric[k])
            image.astype(">c8").tofile(folder / f"{truth.dates[k]}.rslc")
            (folder / f"{truth.dates[k]}.rslc.par").write_text(par_text(truth, truth.dates[k]))
        truth.ifg(i, j).astype(">c8").tofile(folder / f"{di}_{dj}.diff")
        text = base_text(truth.cross[j] - truth.cross[i], truth.down[j] - truth.down[i])
        (folder / f"{di}_{dj}.base").write_text(text)
    return path


def isce_xml(path: Path, shape: tuple[int, int], data_type: str, n_bands: int = 1, scheme: str = "BIP") -> None:
    values = {
        "access_mode": "read",
        "byte_order": "l",
        "data_type": data_type,
        "file_name": path.name,
        "length": shape[0],
        "number_bands": n_bands,
        "scheme": scheme,
        "width": shape[1],
    }
    rows = "".join(f'<property name="{k}"><value>{v}</value></property>' for k, v in values.items())
    coordinate = '<component name="coordinate1"><property name="size"><value>99</value></property></component>'
    path.with_name(path.name + ".xml").write_text(f"<imageFile>{rows}{coordinate}</imageFile>")


def write_isce_tree(truth: Truth, path: Path, *, is_virtual: bool = False) -> Path:
    """A topsStack work directory: merged SLC, geometry, baseline grids, one swath header."""
    merged = path / "merged"
    for k, date in enumerate(truth.dates):
        folder = merged / "SLC" / date
        folder.mkdir(parents=True)
        name = folder / f"{date}.slc.full"
        if is_virtual:
            write_tiff(folder / "hidden.tif", truth.slc[k])
            lines, samples = truth.shape
            (folder / f"{date}.slc.full.vrt").write_text(
                f'<VRTDataset rasterXSize="{samples}" rasterYSize="{lines}">'
                '<VRTRasterBand dataType="CFloat32" band="1">'
                '<SimpleSource><SourceFilename relativeToVRT="1">hidden.tif</SourceFilename><SourceBand>1</SourceBand>'
                "</SimpleSource></VRTRasterBand></VRTDataset>"
            )
        else:
            truth.slc[k].astype("<c8").tofile(name)
            isce_xml(name, truth.shape, "CFLOAT")
        grid_folder = merged / "baselines" / date
        grid_folder.mkdir(parents=True)
        ranges = NEAR + SPACING * np.linspace(0, truth.shape[1] - 1, 4)
        row = [isce_bperp(r, truth.cross[k], truth.down[k]) for r in ranges]
        np.tile(np.array(row, "<f4"), (3, 1)).tofile(grid_folder / date)
        isce_xml(grid_folder / date, (3, 4), "FLOAT")
    write_isce_geometry(truth, merged / "geom_reference")
    (path / "reference").mkdir()
    bursts = "".join(
        f'<component name="burst{b}"><property name="radarwavelength"><value>{WAVELENGTH}</value></property>'
        f'<property name="startingrange"><value>{NEAR}</value></property>'
        f'<property name="rangepixelsize"><value>{SPACING}</value></property></component>'
        for b in (1, 2)
    )
    (path / "reference" / "IW2.xml").write_text(
        f'<productmanager_name><component name="instance"><component name="bursts">{bursts}</component></component>'
        "</productmanager_name>"
    )
    return path


def incidence_at(truth: Truth) -> np.ndarray:
    r = NEAR + SPACING * np.arange(truth.shape[1])[None, :]
    e = EARTH + truth.height
    return np.arccos((ORBIT**2 - e**2 - r**2) / (2 * e * r))


def write_isce_geometry(truth: Truth, folder: Path) -> None:
    folder.mkdir(parents=True)
    for stem, values in (("hgt", truth.height), ("lat", truth.latitude), ("lon", truth.longitude)):
        name = folder / f"{stem}.rdr.full"
        values.astype("<f8").tofile(name)
        isce_xml(name, truth.shape, "DOUBLE")
    incidence = np.rad2deg(incidence_at(truth))
    azimuth = np.full(truth.shape, -HEADING + 90.0)
    name = folder / "los.rdr.full"
    np.stack([incidence, azimuth], axis=1).astype("<f4").tofile(name)
    isce_xml(name, truth.shape, "FLOAT", n_bands=2, scheme="BIL")


def write_tiff(path: Path, values: np.ndarray, *, has_position: bool = False, tags: dict | None = None) -> None:
    extra = {}
    if has_position:
        lat0 = latitude_of_radius(EARTH)
        origin = Affine(DLON, 0, LON0 - DLON / 2, 0, DLAT, lat0 - DLAT / 2)
        extra = {"crs": "EPSG:4326", "transform": origin, "nodata": 0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with rasterio.open(
            path,
            "w",
            driver="GTiff",
            height=values.shape[0],
            width=values.shape[1],
            count=1,
            dtype=values.dtype,
            **extra,
        ) as out:
            out.write(values, 1)
            out.update_tags(**(tags or {}))


def write_wrapped_hdf5(truth: Truth, path: Path) -> Path:
    """Amplitude and phase of reference conj(date)."""
    m = truth.reference
    phase = np.angle(truth.slc[m][None] * np.conj(truth.slc))
    with h5py.File(path, "w") as file:
        file["dates"] = np.array([int(d) for d in truth.dates])
        file["amplitude"] = np.abs(truth.slc)
        file["phase"] = phase.astype(np.float32)
        file.attrs["reference_date"] = truth.dates[m]
        file.attrs["wavelength_m"] = WAVELENGTH
    return path


def write_wrapped_files(truth: Truth, path: Path, kind: str = "raw") -> Path:
    """Interferograms A_B with A the earlier, amplitudes per date; ``raw`` .int and .amp, or ``tif``."""
    path.mkdir(parents=True)
    m = truth.reference
    for k, date in enumerate(truth.dates):
        amplitude = np.abs(truth.slc[k]).astype("<f4")
        if kind == "raw":
            amplitude.tofile(path / f"{date}.amp")
        else:
            write_tiff(path / f"{date}.tif", amplitude, has_position=True)
        if k == m:
            continue
        i, j = min(k, m), max(k, m)
        name = f"{truth.dates[i]}_{truth.dates[j]}"
        if kind == "raw":
            truth.ifg(i, j).astype("<c8").tofile(path / f"{name}.int")
        else:
            write_tiff(path / f"{name}.tif", truth.ifg(i, j), has_position=True)
    return path


def unwrapped_phase(truth: Truth, i: int, j: int) -> np.ndarray:
    """Phase of the pair without ambiguity: sinking everywhere, and the target above the DEM."""
    phase = np.full(truth.shape, K * (truth.sunk[j] - truth.sunk[i])) + 0.3
    r = NEAR + SPACING * 30
    grown = [
        range_to(r, truth.target_height, truth.cross[k], truth.down[k])
        - range_to(r, 0.0, truth.cross[k], truth.down[k])
        for k in (i, j)
    ]
    phase[15, 30] += K * (grown[1] - grown[0])
    return phase.astype(np.float32)


def write_unwrapped_tree(truth: Truth, path: Path, pairs: list[tuple[int, int]], kind: str = "tif") -> Path:
    """Unwrapped interferograms, coherence, DEM, headers, baselines and an identity lookup table."""
    for name in ("images", "headers", "geometry"):
        (path / name).mkdir(parents=True)
    lines, samples = truth.shape
    for date in truth.dates:
        (path / "headers" / f"r{date}_VV_slc.par").write_text(par_text(truth, date))
    for i, j in pairs:
        name = f"{truth.dates[i]}-{truth.dates[j]}_VV"
        phase, coherence = unwrapped_phase(truth, i, j), np.full(truth.shape, 0.6, np.float32)
        phase[0, :3] = 0
        if kind == "tif":
            write_tiff(path / "images" / f"{name}_eqa_unw.tif", phase, has_position=True)
            write_tiff(path / "images" / f"{name}_flat_eqa_cc.tif", coherence, has_position=True)
        else:
            phase.astype(">f4").tofile(path / "images" / f"{name}_eqa.unw")
            coherence.astype(">f4").tofile(path / "images" / f"{name}_eqa.cc")
        text = base_text(truth.cross[j] - truth.cross[i], truth.down[j] - truth.down[i])
        (path / "geometry" / f"{name}_base.par").write_text(text)
    write_tiff(path / "images" / "crop_dem.tif", truth.height.astype(np.float32), has_position=True)
    lat0 = latitude_of_radius(EARTH)
    (path / "headers" / f"{truth.dates[0]}_VV_eqa_dem.par").write_text(
        f"DEM_projection: EQA\nwidth: {samples}\nnlines: {lines}\ncorner_lat: {lat0} decimal degrees\n"
        f"corner_lon: {LON0} decimal degrees\npost_lat: {DLAT} decimal degrees\npost_lon: {DLON} decimal degrees\n"
    )
    line, sample = np.mgrid[:lines, :samples]
    table = np.stack([sample + 1e-3, line + 1e-3], axis=-1)
    table.astype(">f4").tofile(path / "geometry" / f"{truth.dates[0]}_VV_eqa_to_rdc.lt")
    return path
