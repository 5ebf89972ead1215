"""Acquisitions as JSON, so that an import can keep them: every number comes back as it was."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from subside.model.acquisition import Acquisition, Burst, Orbit, RangePolynomial, Swath


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, np.datetime64):
        return str(value)
    return value.item() if isinstance(value, np.generic) else value


def acquisition_to_json(acquisition: Acquisition) -> dict[str, Any]:
    """Turn an acquisition into JSON types.

    Floats are written by their shortest exact form, so that :func:`acquisition_from_json` gives back the same bits.

    Parameters
    ----------
    acquisition : Acquisition
        One date.

    Returns
    -------
    dict
        Of str, int, float, bool, list and dict only.
    """
    plain = _plain({**asdict(acquisition), "swaths": {n: asdict(s) for n, s in acquisition.swaths.items()}})
    return dict(plain)


def _burst(plain: dict[str, Any]) -> Burst:
    polynomials = {
        key: RangePolynomial(plain[key]["origin"], tuple(plain[key]["coefficients"])) for key in ("doppler", "fm_rate")
    }
    return Burst(**{**plain, **polynomials})


def acquisition_from_json(plain: dict[str, Any]) -> Acquisition:
    """Rebuild an acquisition from what :func:`acquisition_to_json` wrote.

    Parameters
    ----------
    plain : dict
        As written.

    Returns
    -------
    Acquisition
        Equal to the one that was written, bit for bit.
    """
    orbit = plain["orbit"]
    swaths = {
        name: Swath(**{**swath, "bursts": tuple(_burst(b) for b in swath["bursts"])})
        for name, swath in plain["swaths"].items()
    }
    rebuilt = {
        "epoch": np.datetime64(plain["epoch"], "s"),
        "swaths": swaths,
        "products": tuple(plain["products"]),
        "orbit": Orbit(
            time=np.array(orbit["time"], dtype=np.float64),
            position=np.array(orbit["position"], dtype=np.float64).reshape(-1, 3),
            velocity=np.array(orbit["velocity"], dtype=np.float64).reshape(-1, 3),
            source=orbit["source"],
            file=orbit["file"],
        ),
    }
    return Acquisition(**{**plain, **rebuilt})
