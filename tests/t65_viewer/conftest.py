"""Fixtures of the viewer: two tracks, a server, a browser."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from viewer_support import LATITUDE, LENGTH_M, LONGITUDE, Browser, along, chromium, make_points

from subside.viewer import ViewerData, make_server


@pytest.fixture(scope="session")
def two_tracks() -> ViewerData:
    """Two tracks of 3000 and 1500 points with a line, an area and a site."""
    sets = (make_points("t142", 3000, seed=1), make_points("t40", 1500, seed=2, n_dates=17))
    half = LENGTH_M / 2 / (111_320.0 * np.cos(np.radians(LATITUDE)))
    return ViewerData.from_points(
        sets,
        line=[(LONGITUDE - half, LATITUDE), (LONGITUDE, LATITUDE), (LONGITUDE + half, LATITUDE)],
        polygons={"coalfield": [(115.4, 35.195), (115.412, 35.195), (115.412, 35.205), (115.4, 35.205)]},
        sites={"曹州 station": (115.39, 35.203)},
        chainage=[along(points) for points in sets],
        correlation_length_m=300.0,
    ).titled("Two tracks beside a line")


@pytest.fixture
def serving() -> Iterator[Callable[[ViewerData], str]]:
    """Serve data on a free port until the test ends; gives the address."""
    running = []

    def start(data: ViewerData) -> str:
        server = make_server(data, port=0)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        thread.start()
        running.append((server, thread))
        return server.url

    yield start
    for server, thread in running:
        server.shutdown()
        server.server_close()
        thread.join(5)


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Callable[..., Browser]]:
    """Open a headless browser; the test is skipped where there is none."""
    pytest.importorskip("selenium", reason="selenium is not installed: the viewer is not tested by clicking")
    if chromium() is None or shutil.which("chromedriver") is None:
        pytest.skip("Chromium and chromedriver are not installed: the viewer is not tested by clicking")
    opened: list[Browser] = []

    def start(width: int = 1280, height: int = 800) -> Browser:
        opened.append(Browser(tmp_path / f"profile-{len(opened)}", width, height))
        return opened[-1]

    yield start
    for one in opened:
        one.driver.quit()
