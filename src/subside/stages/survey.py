"""Pass 1 over the stack: coherence of every pair worth considering, and the amplitude calibration."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from pydantic import Field

from subside.errors import ProjectError
from subside.io.codes import refuse
from subside.io.store import CHUNK_LINES, CHUNK_SAMPLES, TrackStore
from subside.model.stack import format_dates
from subside.ops import survey as survey_op
from subside.ops.pairs import admissible
from subside.stages.stage import Parameters, Stage, StageContext

_MIN_DATES = 3
"""Two dates have one difference, and nothing to tell a rate from noise by."""

_SEGMENT_WINDOWS = 128
"""Windows of a row computed at a time, which bounds the memory of a row for any scene width."""

_BLOCK_LINES = 128
"""Lines a block spans, at least one row of windows: chunks of the stack are then read few times over."""


class SurveyParameters(Parameters):
    """Which pairs are surveyed, and in what windows."""

    max_bperp: float = Field(
        150.0, gt=0, description="largest perpendicular baseline of a regular pair, m (Zhu et al. 2020)"
    )
    max_gap_days: float = Field(84.0, gt=0, description="largest temporal baseline of a regular pair, days (ibid.)")
    window_extent: float = Field(80.0, gt=0, description="side of a coherence window, m")
    max_windows: int = Field(20_000, ge=100, description="coherence windows at most, spread evenly over the scene")


def _layout(store: TrackStore, parameters: SurveyParameters) -> survey_op.SurveyWindows:
    facts = store.stack_attributes()
    return survey_op.survey_windows(
        tuple(facts["shape"]),
        (facts["azimuth_spacing"], facts["range_spacing"]),
        extent=parameters.window_extent,
        max_windows=parameters.max_windows,
    )


def _rows_per_block(windows: survey_op.SurveyWindows) -> int:
    return max(1, _BLOCK_LINES // windows.stride[0])


def _survey_rows(store: TrackStore, block: tuple[int, int], common: Mapping[str, Any]) -> dict[str, Any]:
    windows: survey_op.SurveyWindows = common["windows"]
    pairs = np.asarray(common["pairs"], dtype=np.int32)
    slc = store.array("stack/slc")
    n_rows = block[1] - block[0]
    first_line = block[0] * windows.stride[0]
    lines = slice(first_line, (block[1] - 1) * windows.stride[0] + windows.size[0])
    sums = np.zeros(slc.shape[0])
    counts = np.zeros(slc.shape[0], dtype=np.int64)
    interferogram = np.empty((len(pairs), n_rows, windows.shape[1]), dtype=np.complex64)
    noise = np.empty(interferogram.shape, dtype=np.float32)
    amplitude = np.empty(interferogram.shape[1:], dtype=np.float32)
    for start in range(0, windows.shape[1], _SEGMENT_WINDOWS):
        stop = min(start + _SEGMENT_WINDOWS, windows.shape[1])
        columns = slice(start * windows.stride[1], (stop - 1) * windows.stride[1] + windows.size[1])
        part = survey_op.SurveyWindows(windows.size, windows.stride, (1, stop - start))
        band = slc[:, lines, columns]
        for row in range(n_rows):
            offset = row * windows.stride[0]
            found = survey_op.survey_row(band[:, offset : offset + windows.size[0]], pairs, windows=part)
            interferogram[:, row, start:stop] = found.interferogram
            noise[:, row, start:stop] = found.noise
            amplitude[row, start:stop] = found.amplitude
            sums += found.amplitude_sum
            counts += found.amplitude_count
    store.array("survey/interferogram")[:, slice(*block)] = interferogram
    store.array("survey/noise")[:, slice(*block)] = noise
    store.array("survey/amplitude")[slice(*block)] = amplitude
    return {"amplitude_sum": sums.tolist(), "amplitude_count": counts.tolist()}


def _run(context: StageContext) -> dict[str, Any]:
    store, parameters = context.store, context.parameters
    stack = store.open_stack()
    if len(stack.days) < _MIN_DATES:
        raise ProjectError(
            f"track {store.name!r} has {len(stack.days)} dates, and rates need {_MIN_DATES} at least. Import more."
        )
    windows = _layout(store, parameters)
    bperp = None if stack.bperp is None else stack.mean_bperp()
    pairs, is_regular = admissible(
        stack.days, bperp, max_bperp=parameters.max_bperp, max_gap_days=parameters.max_gap_days
    )
    per_block = _rows_per_block(windows)
    starts = range(0, windows.shape[0], per_block)
    if not context.is_resumed or not store.has("survey/noise"):
        store.create_array(
            "survey/amplitude",
            windows.shape,
            dtype=np.float32,
            chunks=(per_block, windows.shape[1]),
            dims=("window_azimuth", "window_range"),
            units="1",
        )
        for name, dtype in (("interferogram", np.complex64), ("noise", np.float32)):
            store.create_array(
                f"survey/{name}",
                (len(pairs), *windows.shape),
                dtype=dtype,
                chunks=(len(pairs), per_block, windows.shape[1]),
                dims=("pair", "window_azimuth", "window_range"),
                units="1",
            )
    rows = context.run_blocks(
        _survey_rows,
        [(f"rows_{a}", (a, min(a + per_block, windows.shape[0]))) for a in starts],
        common={"windows": windows, "pairs": pairs.tolist()},
        block_bytes=_block_bytes(store, parameters),
        label="survey",
    )
    sums = np.sum([r["amplitude_sum"] for r in rows.values()], axis=0)
    counts = np.sum([r["amplitude_count"] for r in rows.values()], axis=0)
    empty = [d for d, c in zip(format_dates(stack.dates), counts, strict=True) if c == 0]
    if empty:
        refuse("S106", store.path, f"every date must hold valid samples, got none for {', '.join(empty)}")
    coherence, level, deviation = _summarise(store)
    store.write("survey/pairs", pairs, dims=("pair", "end"))
    store.write("survey/is_regular", is_regular, dims=("pair",))
    store.write("survey/coherence", coherence, dims=("pair",))
    store.write("survey/noise_level", np.array([level, deviation]), dims=("statistic",))
    store.write("survey/mean_amplitude", sums / counts, dims=("date",))
    return {
        "pairs": len(pairs),
        "regular": int(is_regular.sum()),
        "windows": int(np.prod(windows.shape)),
        "noise_level": level,
    }


def _summarise(store: TrackStore) -> tuple[np.ndarray[Any, np.dtype[np.float64]], float, float]:
    """Average the coherence over windows, pair by pair in batches, and the noise level over everything."""
    interferogram, noise = store.array("survey/interferogram"), store.array("survey/noise")
    mean = np.full(interferogram.shape[0], np.nan)
    noise_means = np.full(interferogram.shape[0], np.nan)
    for start in range(0, len(mean), 16):
        batch = slice(start, start + 16)
        for out, array in ((mean, np.abs(interferogram[batch])), (noise_means, noise[batch])):
            valid = np.isfinite(array)
            counts = valid.sum(axis=(1, 2))
            with np.errstate(invalid="ignore"):
                out[batch] = np.where(valid, array, 0.0).sum(axis=(1, 2), dtype=np.float64) / counts
    if not np.isfinite(noise_means).any():
        raise ProjectError(
            f"track {store.name!r} has no two survey windows with data side by side: almost all of it is no data. "
            "Look at `subside show PROJECT amplitude`, or crop the track at import."
        )
    # Images paired with displaced images are noise whatever the scene, but strong reflectors raise single pairs.
    level = float(np.nanmedian(noise_means))
    deviation = float(1.4826 * np.nanmedian(np.abs(noise_means - level)))
    return mean, level, max(deviation, 1e-3)


def _block_bytes(store: TrackStore, parameters: SurveyParameters) -> int:
    windows = _layout(store, parameters)
    n_dates = len(store.stack_attributes()["dates"])
    width = min(windows.shape[1], _SEGMENT_WINDOWS) * windows.stride[1] + CHUNK_SAMPLES
    lines = max(_BLOCK_LINES, windows.size[0]) + 2 * CHUNK_LINES
    used = min(windows.shape[1], _SEGMENT_WINDOWS)
    results = 12 * 6 * n_dates * _rows_per_block(windows) * windows.shape[1]
    return int(8 * n_dates * (width * lines + 3 * used * (windows.size[0] * windows.size[1] + n_dates)) + results)


STAGE = Stage(
    name="survey",
    title="coherence of the pairs worth considering, in windows spread over the scene",
    inputs=("stack",),
    parameters=SurveyParameters,
    version=1,
    run=_run,
    memory=_block_bytes,
)
