"""What a user may give as area of interest and options of an import of SAFE products."""

from __future__ import annotations

from pathlib import Path

import geopandas
import numpy as np
import pytest
import shapely

from subside.errors import ArgumentError, InputFileError
from subside.stages.safe_request import option_of, read_area, safe_request

BOX = shapely.box(115.0, 35.0, 115.2, 35.1)


def test_a_box_is_read_in_the_order_of_its_sides():
    np.testing.assert_allclose(np.sort(read_area("115,35,115.2,35.1"), axis=0)[[0, -1]], [[115, 35], [115.2, 35.1]])
    for text in ("35,115,35.1,114", "a,b,c,d", "115,35.1,115.2,35"):
        with pytest.raises(ArgumentError, match="--aoi"):
            read_area(text)


def test_a_file_in_another_system_is_turned_to_degrees(tmp_path: Path):
    file = tmp_path / "area.gpkg"
    geopandas.GeoSeries([BOX], crs="EPSG:4326").to_crs("EPSG:32650").to_file(file)
    area = read_area(str(file))
    np.testing.assert_allclose([*area.min(axis=0), *area.max(axis=0)], BOX.bounds, atol=1e-6)


@pytest.mark.filterwarnings("ignore:'crs' was not provided")
def test_files_without_polygon_or_system_are_refused(tmp_path: Path):
    line = tmp_path / "line.geojson"
    geopandas.GeoSeries([shapely.LineString([(115, 35), (115.1, 35.1)])], crs="EPSG:4326").to_file(line)
    mute = tmp_path / "mute.shp"
    geopandas.GeoSeries([BOX]).to_file(mute)
    words = tmp_path / "words.txt"
    words.write_text("no polygon")
    for file, code in ((line, "S134"), (mute, "S134"), (words, "S134"), (tmp_path / "none.gpkg", "S101")):
        with pytest.raises(InputFileError) as caught:
            read_area(str(file))
        assert caught.value.code == code


def test_options_are_checked(tmp_path: Path):
    with pytest.raises(ArgumentError, match="--dem"):
        safe_request([tmp_path], {})
    request = safe_request([tmp_path], {"dem": "dem.tif", "swaths": "iw1, IW2", "polarisation": "vh"})
    assert request.swaths == ("IW1", "IW2") and request.polarisation == "VH" and request.as_json()["aoi"] is None
    assert option_of({"reference_date": 20180108}, request).reference_date == "20180108"
    for options in ({"annotation_orbits": "no"}, {"colour": 1}):
        with pytest.raises(InputFileError) as caught:
            option_of(options, request)
        assert caught.value.code == "S116"
