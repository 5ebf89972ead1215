"""Sentinel-1 IW SLC products: SAFE folders and zips in, acquisitions and burst pixels out."""

from __future__ import annotations

from subside.io.safe.geolocation import GeolocationGrid, burst_footprints, read_geolocation
from subside.io.safe.joining import join_slices
from subside.io.safe.measurement import BurstPixels, open_burst
from subside.io.safe.slices import Slice, read_slices
from subside.io.safe.track import burst_synchronisation, known_problem, read_acquisitions

__all__ = [
    "BurstPixels",
    "GeolocationGrid",
    "Slice",
    "burst_footprints",
    "burst_synchronisation",
    "join_slices",
    "known_problem",
    "open_burst",
    "read_acquisitions",
    "read_geolocation",
    "read_slices",
]
