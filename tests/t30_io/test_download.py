"""Downloading: what is asked of the libraries, and what is said when they fail. No network."""

from __future__ import annotations

import sys
import types

import numpy as np
import pytest
import rasterio
import shapely
from affine import Affine

from subside.io import download
from subside.io.dem import open_dem, stated_datum

SEARCH = download.Search(shapely.box(115.0, 35.0, 115.4, 35.4), 142, "2018-01-01", "2018-02-01")


class Results(list):
    def __init__(self, *items, fails=None):
        super().__init__(items)
        self.fails = fails
        self.asked = None

    def download(self, **words):
        self.asked = words
        if self.fails:
            raise self.fails


@pytest.fixture
def asf(monkeypatch):
    module = types.ModuleType("asf_search")
    module.exceptions = types.SimpleNamespace(ASFError=type("ASFError", (Exception,), {}))
    module.ASFSession = lambda: "session"
    module.asked = {}

    def geo_search(**words):
        module.asked.update(words)
        return module.answer

    module.geo_search = geo_search
    module.answer = Results("a")
    monkeypatch.setitem(sys.modules, "asf_search", module)
    return module


def test_a_missing_library_is_named_with_the_command(monkeypatch):
    monkeypatch.setitem(sys.modules, "asf_search", None)
    with pytest.raises(download.DownloadError, match=r"asf_search.*pip install 'subside\[download\]'"):
        download.find_products(SEARCH)


def test_the_search_asks_for_one_track_of_slc_over_the_area(asf):
    assert download.find_products(SEARCH) == ["a"]
    assert asf.asked["relativeOrbit"] == 142
    assert asf.asked["processingLevel"] == "SLC" and asf.asked["beamMode"] == "IW"
    assert asf.asked["start"].startswith("2018-01-01") and asf.asked["end"].startswith("2018-02-01")
    assert shapely.from_wkt(asf.asked["intersectsWith"]).equals(SEARCH.area)
    assert asf.asked["polarization"] == ["VV", "VV+VH"]


def test_nothing_found_says_what_to_check(asf):
    asf.answer = Results()
    with pytest.raises(download.DownloadError, match="track 142"):
        download.find_products(SEARCH)


def test_a_failed_download_says_where_the_login_goes(asf, tmp_path):
    results = Results("a", fails=asf.exceptions.ASFError("401"))
    with pytest.raises(download.DownloadError, match=r"401.*netrc"):
        download.fetch_products(results, tmp_path / "slc")


def test_orbits_fall_back_to_restituted(monkeypatch, tmp_path):
    asked = []

    def download_eofs(*, sentinel_file, save_dir, orbit_type):
        asked.append(orbit_type)
        if orbit_type == "precise":
            raise ValueError("not out yet")
        return [tmp_path / "one.EOF"]

    package, module = types.ModuleType("eof"), types.ModuleType("eof.download")
    module.download_eofs = download_eofs
    monkeypatch.setitem(sys.modules, "eof", package)
    monkeypatch.setitem(sys.modules, "eof.download", module)
    assert download.fetch_orbits([tmp_path / "p.zip"], tmp_path / "orbits") == [tmp_path / "one.EOF"]
    assert asked == ["precise", "restituted"]
    module.download_eofs = lambda **words: []
    with pytest.raises(download.DownloadError, match=r"p\.zip"):
        download.fetch_orbits([tmp_path / "p.zip"], tmp_path / "orbits")


def test_heights_are_written_with_their_datum(monkeypatch, tmp_path):
    def stitch_dem(bounds, *, dem_name, dst_ellipsoidal_height):
        assert dst_ellipsoidal_height
        west, south, east, north = bounds
        assert west == pytest.approx(114.9) and north == pytest.approx(35.5)
        n, m = round((north - south) * 100), round((east - west) * 100)
        profile = {"width": m, "height": n, "count": 1, "dtype": "float32", "crs": "EPSG:4326"}
        profile["transform"] = Affine(0.01, 0.0, west, 0.0, -0.01, north)
        return np.full((n, m), 41.0, np.float32), profile

    module = types.ModuleType("dem_stitcher")
    module.stitch_dem = stitch_dem
    monkeypatch.setitem(sys.modules, "dem_stitcher", module)
    bounds = (115.0, 35.0, 115.4, 35.4)
    file = download.fetch_dem(bounds, tmp_path / "dem.tif")
    assert stated_datum(file) == "ellipsoid"
    dem, findings = open_dem(file, bounds=bounds, vertical_datum="ellipsoid")
    assert not findings and float(dem.height.mean()) == 41.0
    with rasterio.open(file) as dataset:
        assert dataset.crs.to_epsg() == 4326
