"""CSV in the layout of the European Ground Motion Service, level 2b.

Rates and quality are recomputed from the series with the definitions of that product, so that columns and
series of a file agree. With ``t`` in years of 365 days since the first date,

* ``mean_velocity``: linear term of ``[t, cos 2πt - 1, sin 2πt, 1]``,
* ``acceleration``: twice the quadratic term of the same with ``t²``,
* ``seasonality``: ``hypot`` of the annual terms of the same with ``t², t³``; ``rmse_ts``: its rms residual,
* ``*_std``: ``sqrt`` of the diagonal of the inverse normal matrix times the rms residual of the model; for
  the seasonality ``sqrt((4 - π)/4 (var cos + var sin))`` times it, the spread of a Rayleigh amplitude,
* ``temporal_coherence``: ``|mean exp(4πi/λ (d - (v t + c)))|`` about the line of ``mean_velocity``, which is not the
  straight line of least squares: its slope is fitted together with the yearly terms.

They reproduce the columns of a published product within its rounding. ``mean_velocity_std`` is therefore the
formal one of white noise; the tested σ is in the other formats.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyproj

from subside.errors import UnknownQuantityError
from subside.io.export._files import atomic_file
from subside.io.export.table_csv import write_lines
from subside.io.schema import PointBatch, PointTable
from subside.model.stack import parse_dates

YEAR_DAYS: Final = 365.0
"""Year of the EGMS time-series model, days."""

_FLOAT_DECIMALS: Final[dict[str, int]] = {
    "latitude": 6,
    "longitude": 6,
    "easting": 2,
    "northing": 2,
    "height_ortho": 1,
    "height_ellipse": 1,
    "rmse_ts": 1,
    "temporal_coherence": 2,
    "amplitude_dispersion": 2,
    "incidence_angle": 2,
    "track_angle": 2,
    "los_east": 3,
    "los_north": 3,
    "los_up": 3,
    "mean_velocity": 1,
    "mean_velocity_std": 1,
    "acceleration": 2,
    "acceleration_std": 2,
    "seasonality": 1,
    "seasonality_std": 1,
    "gnss_velocity": 1,
}

HEADER: Final = (
    "pid",
    "mp_type",
    "latitude",
    "longitude",
    "easting",
    "northing",
    "height_ortho",
    "height_ellipse",
    "line",
    "pixel",
    *list(_FLOAT_DECIMALS)[6:],
)
"""Columns before the dates."""

_BASE62: Final = np.frombuffer(b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz", np.uint8)


@dataclass(frozen=True)
class SeriesModels:
    """What the EGMS definitions make of a batch of series.

    Attributes
    ----------
    columns : dict of str to ndarray, (point,)
        By column name, in the unit of the file; NaN where the dates do not determine it.
    at_first_date : ndarray of float64, (point,)
        Value of the cubic and annual model at the first date, mm; 0 where it is not determined.
    """

    columns: dict[str, npt.NDArray[np.float64]]
    at_first_date: npt.NDArray[np.float64]


def write_egms(table: PointTable, path: Path) -> None:
    """Write a table as EGMS level-2b CSV.

    Parameters
    ----------
    table : PointTable
        Points; those with ``flags == 0`` and a displacement at every date are written.
    path : Path
        File to write; replaced whole if it exists.

    Raises
    ------
    UnknownQuantityError
        If longitude and latitude are unknown.
    ProjectError
        If the file cannot be written.

    Notes
    -----
    Left empty, because not known here: ``mp_type``, ``height_ortho`` (no geoid), ``amplitude_dispersion``
    (the product's is not the dispersion of amplitude differences), ``gnss_velocity`` (the datum is
    relative). As in the published product, what is zero at the first date is the cubic and annual model of a
    series, not its first value.
    """
    if not (table.is_known("longitude") and table.is_known("latitude")):
        raise UnknownQuantityError(
            f"EGMS CSV needs longitude and latitude, which are unknown for track {table.track}. "
            "Export to parquet or csv, which keep the pixel."
        )
    decimals = [_FLOAT_DECIMALS.get(name, 0) for name in HEADER] + [1] * len(table.dates)
    with atomic_file(path) as temporary, temporary.open("wb") as stream:
        write_lines(stream, [*HEADER, *table.dates], _batches(table), decimals)


def _batches(table: PointTable) -> Iterator[list[pa.Array]]:
    dates = parse_dates(list(table.dates))
    days = (dates - dates[0]).astype(np.float64)
    to_laea = pyproj.Transformer.from_crs("EPSG:4326", "EPSG:3035", always_xy=True)
    for batch in table.batches():
        keep = _is_exported(batch)
        series = batch.displacement[keep].astype(np.float64)
        models = series_models(series, days, 1000.0 * table.attributes.wavelength)
        c = {name: values[keep] for name, values in batch.columns.items()}
        easting, northing = to_laea.transform(c["longitude"], c["latitude"])
        n = len(series)
        known = {
            "pid": pa.array(pids(table.track, c["azimuth_index"], c["range_index"]), pa.string()),
            "mp_type": pa.nulls(n, pa.int32()),
            "line": pa.array(c["azimuth_index"]),
            "pixel": pa.array(c["range_index"]),
        }
        values = {
            "latitude": c["latitude"],
            "longitude": c["longitude"],
            "easting": easting,
            "northing": northing,
            "height_ellipse": c["height"],
            "track_angle": np.full(n, table.attributes.heading_deg),
            **{name: c[name] for name in ("incidence_angle", "los_east", "los_north", "los_up")},
            **models.columns,
        }
        unknown = np.full(n, np.nan)
        yield [known[name] if name in known else _floats(values.get(name, unknown)) for name in HEADER] + [
            _floats(column) for column in (series - models.at_first_date[:, None]).T
        ]


def _floats(values: npt.ArrayLike) -> pa.Array:
    return pa.array(np.ascontiguousarray(values, np.float64), from_pandas=True)


def _is_exported(batch: PointBatch) -> npt.NDArray[np.bool_]:
    is_placed = np.isfinite(batch.columns["longitude"]) & np.isfinite(batch.columns["latitude"])
    is_whole = np.isfinite(batch.displacement).all(axis=1)
    exported: npt.NDArray[np.bool_] = (batch.columns["flags"] == 0) & is_placed & is_whole
    return exported


def pids(track: str, azimuth_index: npt.NDArray[np.int32], range_index: npt.NDArray[np.int32]) -> list[str]:
    """Ten base-62 characters from 18 bits of the track's name, 22 of the line and 18 of the sample.

    Parameters
    ----------
    track : str
        Name of the track.
    azimuth_index, range_index : ndarray of int32, (point,)
        Pixel; unique within a track up to 4,194,304 lines of 262,144 samples.

    Returns
    -------
    list of str, (point,)
        Identifiers.
    """
    name = np.uint64(sum(byte * 31**k for k, byte in enumerate(track.encode())) % (1 << 18))
    code = (name << np.uint64(40)) | (azimuth_index.astype(np.uint64) << np.uint64(18)) | range_index.astype(np.uint64)
    digits = np.empty((len(code), 10), np.uint8)
    for position in range(9, -1, -1):
        code, digit = np.divmod(code, np.uint64(62))
        digits[:, position] = _BASE62[digit]
    return [text.decode() for text in digits.view("S10").ravel().tolist()]


def series_models(series: npt.NDArray[np.float64], days: npt.NDArray[np.float64], wavelength_mm: float) -> SeriesModels:
    """Fit the EGMS time-series models (definitions at the head of this module).

    Parameters
    ----------
    series : ndarray of float64, (point, date)
        Displacement, mm, no NaN.
    days : ndarray of float64, (date,)
        Days since the first date.
    wavelength_mm : float
        mm; NaN leaves the temporal coherence unknown.

    Returns
    -------
    SeriesModels
        A model that has as many unknowns as there are dates, or that the dates cannot tell apart, is unknown.
    """
    years = days / YEAR_DAYS
    unknown = np.full(len(series), np.nan)
    names = [n for n in HEADER if n.removesuffix("_std") in ("mean_velocity", "acceleration", "seasonality")]
    columns = dict.fromkeys((*names, "rmse_ts", "temporal_coherence"), unknown)
    at_first_date = np.zeros(len(series))
    for degree, name in ((1, "mean_velocity"), (2, "acceleration"), (3, "seasonality")):
        fit = _fit(series, _design(years, degree))
        if fit is None:
            continue
        if degree == 3:
            cos, sin = fit.terms[3], fit.terms[4]
            columns[name] = np.hypot(cos, sin)
            spread = np.sqrt((4 - np.pi) / 4 * (fit.variance[3] + fit.variance[4]))
            columns["rmse_ts"], at_first_date = fit.rms, fit.terms[5]
        else:
            columns[name] = degree * fit.terms[degree - 1]
            spread = degree * np.sqrt(fit.variance[degree - 1])
        columns[f"{name}_std"] = spread * fit.rms
    if np.isfinite(wavelength_mm):
        residual = series - columns["mean_velocity"][:, None] * years
        phasor = np.exp(4j * np.pi / wavelength_mm * residual)
        columns["temporal_coherence"] = np.abs(phasor.mean(axis=1))
    return SeriesModels(columns, at_first_date)


def rate_and_std(
    series: npt.NDArray[np.float64], days: npt.NDArray[np.float64]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]] | None:
    """Rate and its formal standard deviation alone, by the definition of ``mean_velocity``.

    Parameters
    ----------
    series : ndarray of float64, (point, date)
        Displacement in any unit; a row with NaN is unknown.
    days : ndarray of float64, (date,)
        Days since the first date.

    Returns
    -------
    velocity, velocity_std : ndarray of float64, (point,)
        Unit of the series per year of 365 days. None where the dates do not determine them.
    """
    fit = _fit(series, _design(days / YEAR_DAYS, 1))
    return None if fit is None else (fit.terms[0], np.sqrt(fit.variance[0]) * fit.rms)


@dataclass(frozen=True)
class _Fit:
    terms: npt.NDArray[np.float64]
    variance: npt.NDArray[np.float64]
    residual: npt.NDArray[np.float64]
    rms: npt.NDArray[np.float64]


def _design(years: npt.NDArray[np.float64], degree: int) -> npt.NDArray[np.float64]:
    powers = [years**k for k in range(1, degree + 1)]
    annual = [np.cos(2 * np.pi * years) - 1.0, np.sin(2 * np.pi * years)]
    return np.stack([*powers, *annual, np.ones_like(years)], axis=1)


def _fit(series: npt.NDArray[np.float64], design: npt.NDArray[np.float64]) -> _Fit | None:
    n_dates, n_terms = design.shape
    if n_dates <= n_terms or np.linalg.matrix_rank(design) < n_terms:
        return None
    terms = np.linalg.pinv(design) @ series.T
    residual = series - (design @ terms).T
    rms = np.sqrt(np.mean(residual**2, axis=1))
    return _Fit(terms, np.diag(np.linalg.inv(design.T @ design)), residual, rms)
