"""Points whose motion is known, and a headless Chromium that notes every request."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from subside.conventions import PointFlag
from subside.model.points import PointKind, PointSet, PointSource

LONGITUDE, LATITUDE = 115.4, 35.2
LENGTH_M = 4_000.0


def make_points(name: str, n: int, *, seed: int, n_dates: int = 24, with_series: bool = True) -> PointSet:
    """A bowl beside a line that runs east, on a ground that is still."""
    rng = np.random.default_rng(seed)
    metres = 111_320.0
    longitude = LONGITUDE + rng.uniform(-2500, 2500, n) / (metres * np.cos(np.radians(LATITUDE)))
    latitude = LATITUDE + rng.uniform(-1500, 1500, n) / metres
    x = (longitude - LONGITUDE) * metres * np.cos(np.radians(LATITUDE))
    y = (latitude - LATITUDE) * metres
    rate = -0.03 * np.exp(-((x - 600) ** 2 + y**2) / 700.0**2) + rng.normal(0, 0.001, n)
    dates = np.datetime64("2020-01-05") + np.cumsum(rng.integers(6, 25, n_dates)).astype("timedelta64[D]")
    years = (dates - dates[0]).astype(float) / 365.25
    displacement = rate[:, None] * years + rng.normal(0, 0.001, (n, n_dates))
    displacement -= displacement[:, :1]
    displacement[rng.random((n, n_dates)) < 0.01] = np.nan
    flags = np.where(rng.random(n) < 0.05, PointFlag.LOW_COHERENCE, 0) | np.where(
        rng.random(n) < 0.03, PointFlag.ALIAS_RISK, 0
    )
    columns: dict[str, Any] = {
        "velocity": np.where(rng.random(n) < 0.01, np.nan, rate),
        "velocity_std": rng.uniform(0.0005, 0.003, n),
        "coherence": rng.uniform(0.6, 1.0, n),
        "kind": rng.choice([PointKind.PS, PointKind.DS], n).astype(np.uint8),
        "height": rng.uniform(30, 60, n),
        "flags": flags.astype(np.int32),
    }
    if with_series:
        columns |= {
            "dates": dates,
            "displacement": displacement.astype(np.float32),
            "displacement_std": np.broadcast_to(0.002 + 0.001 * years, (n, n_dates)).astype(np.float32),
        }
    source = PointSource(
        f"test:{name}", digest="0123abcd", datum="mean of the areas", sigma_definition="of the noise, 1 sigma"
    )
    return PointSet.from_geographic(name, longitude=longitude, latitude=latitude, source=source, columns=columns)


def along(points: PointSet) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Chainage from the western end of a line that runs east through the middle, and offset to its left."""
    metres = 111_320.0
    chainage = (points.longitude - LONGITUDE) * metres * np.cos(np.radians(LATITUDE)) + LENGTH_M / 2
    offset = (points.latitude - LATITUDE) * metres
    outside = (chainage < 0) | (chainage > LENGTH_M)
    return np.where(outside, np.nan, chainage), np.where(outside, np.nan, offset)


def chromium() -> str | None:
    """Path of a Chromium or Chrome, or None."""
    given = os.environ.get("SUBSIDE_CHROMIUM")
    return given or next(
        (found for n in ("chromium", "chromium-browser", "google-chrome", "chrome") if (found := shutil.which(n))), None
    )


class Browser:
    """A page in headless Chromium."""

    def __init__(self, folder: Path, width: int, height: int) -> None:
        from selenium import webdriver
        from selenium.webdriver.chrome.service import Service

        options = webdriver.ChromeOptions()
        options.binary_location = str(chromium())
        for word in (
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-unsafe-swiftshader",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-dev-shm-usage",
            "--hide-scrollbars",
            f"--user-data-dir={folder}",
            f"--window-size={width},{height}",
        ):
            options.add_argument(word)
        options.set_capability("goog:loggingPrefs", {"performance": "ALL", "browser": "ALL"})
        options.add_experimental_option("prefs", {"download.default_directory": str(folder / "downloads")})
        self.driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        self.driver.set_script_timeout(120)
        self.driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600},
        )
        self._requests: list[str] = []

    def open(self, address: str, *, timeout: float = 60.0) -> None:
        """Load the page and wait until it is drawn."""
        self.driver.get(address)
        self.wait("return document.body.dataset.ready === 'true'", timeout=timeout)

    def js(self, text: str, *arguments: Any) -> Any:
        return self.driver.execute_script(text, *arguments)

    def wait(self, text: str, *arguments: Any, timeout: float = 20.0) -> None:
        from selenium.webdriver.support.ui import WebDriverWait

        def is_so(driver: Any) -> bool:
            if "warning" in driver.execute_script("return document.getElementById('count').className"):
                raise AssertionError(driver.execute_script("return document.getElementById('count').textContent"))
            return bool(driver.execute_script(text, *arguments))

        WebDriverWait(self.driver, timeout, poll_frequency=0.05).until(is_so)

    def text(self, identifier: str) -> str:
        return str(self.js("return document.getElementById(arguments[0]).textContent", identifier))

    def press(self, identifier: str) -> None:
        from selenium.webdriver.common.by import By

        self.driver.find_element(By.ID, identifier).click()

    def fill(self, identifier: str, value: object) -> None:
        self.js(
            "const e = document.getElementById(arguments[0]); e.value = arguments[1]; "
            "e.dispatchEvent(new Event('change', {bubbles: true}))",
            identifier,
            str(value),
        )

    def click_map(self, longitude: float, latitude: float, *, shift: bool = False, double: bool = False) -> None:
        """Move a real mouse to a place and press it."""
        from selenium.webdriver.common.actions.action_builder import ActionBuilder
        from selenium.webdriver.common.keys import Keys

        x, y = self.js(
            "const a = Subside.app, p = a.map.project(...a.projection.forward(arguments[0], arguments[1])), "
            "r = document.getElementById('map').getBoundingClientRect(); return [r.left + p[0], r.top + p[1]]",
            longitude,
            latitude,
        )
        actions = ActionBuilder(self.driver, duration=20)
        if shift:
            actions.key_action.key_down(Keys.SHIFT)
        actions.pointer_action.move_to_location(round(x), round(y))
        actions.pointer_action.click()
        if double:
            actions.pointer_action.click()
        if shift:
            for _ in range(3):
                actions.key_action.pause()
            actions.key_action.key_up(Keys.SHIFT)
        actions.perform()

    def look_at(self, longitude: float, latitude: float, metres_per_pixel: float) -> None:
        self.js(
            "const a = Subside.app, p = a.projection.forward(arguments[0], arguments[1]); "
            "a.map.moveTo({target: [p[0], p[1], 0], zoom: -Math.log2(arguments[2])})",
            longitude,
            latitude,
            metres_per_pixel,
        )

    def requests(self) -> list[str]:
        """Address of every request since the browser was opened."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requests.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.webSocketCreated":
                self._requests.append(message["params"]["url"])
        return self._requests

    def complaints(self) -> list[str]:
        """Errors of the console."""
        return [e["message"] for e in self.driver.get_log("browser") if e["level"] == "SEVERE"]
