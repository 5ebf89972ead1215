"""Studies with made-up but plausible numbers, written as real ones are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from subside.figures.geographic import MapBox, MapShape, MapSites
from subside.figures.network import NetworkFigureInput
from subside.figures.study_area import StudyAreaInput, study_area_figure
from subside.figures.style import ACCENT, FigureResult, dress, new_figure
from subside.figures.track_networks import TrackNetworksInput, track_networks_figure
from subside.figures.track_rates import TrackRates, TrackRatesInput, track_rates_figure
from subside.model.network import Network, PairStatus
from subside.report.tracks import StageFacts, TrackFacts
from subside.studies.output import StudyFolder


def fake_dates(n: int, step: int = 24) -> tuple[str, ...]:
    start = np.datetime64("2015-07-11")
    return tuple(str(start + np.timedelta64(step * k, "D")).replace("-", "") for k in range(n))


def fake_track(name: str = "S1-40", *, incidence: float = 43.8, n_dates: int = 63) -> TrackFacts:
    sine, cosine = np.sin(np.radians(incidence)), np.cos(np.radians(incidence))
    heading = np.radians(347.0)
    los = (-float(sine * np.cos(heading)), float(sine * np.sin(heading)), float(cosine))
    stages = tuple(
        StageFacts(n, t, "done", f"{k:02d}" * 16, "1", "0.1.0", p, f)
        for k, (n, t, p, f) in enumerate(
            [
                ("network", "pairs", {"min_links": 2}, {"kept": 187, "added": 5, "dropped": 21}),
                ("extract", "candidates", {"alpha": 0.001, "window": [19, 13]}, {"candidates": 912_345}),
                ("select", "points", {"max_false_rate": 0.01}, {"points": 412_345, "expected_false": 41.2}),
                ("reference", "reference areas", {"areas": []}, {"areas": 2, "rejected": 1}),
                ("rates", "rates", {"seasonal": "auto"}, {"points": 412_345, "default_set": 389_001}),
            ]
        )
    )
    areas = (
        {"name": "area 1", "n_points": 40, "residual_rate": 0.0003, "residual_rate_std": 0.0004, "is_kept": True},
        {
            "name": "area 2",
            "n_points": 31,
            "residual_rate": -0.0062,
            "residual_rate_std": 0.0005,
            "is_kept": False,
            "reason": "moves against the others",
        },
    )
    return TrackFacts(
        name=name,
        sensor="Sentinel-1",
        relative_orbit=name.split("-")[1],
        swaths="IW3",
        pass_direction="ascending",
        dates=fake_dates(n_dates),
        reference_date=fake_dates(n_dates)[n_dates // 2],
        heading_deg=347.0,
        incidence_deg=(incidence - 0.4, incidence, incidence + 0.4),
        line_of_sight=los,
        wavelength=0.05546576,
        azimuth_spacing=13.9,
        range_spacing=2.33,
        bperp_m=(-142.0, 148.0),
        longest_pair_days=96.0,
        longest_gap_days=48.0,
        pairs={"kept": 187, "added": 5, "dropped": 21, "not_needed": 0, "bridges": 0},
        points={"all": 412_345, "default": 389_001, "ps": 120_000, "ds": 269_001},
        flagged={"integer closure fails": 23_344},
        areas=areas,
        sigma_definition="velocity_std is the standard deviation from temporally correlated noise",
        datum="Rates are relative to the mean of the reference areas; whether these move together is unknown.",
        stack_digest="5c" * 16,
        median_sigma_mm_yr=1.32,
        stages=stages,
        source={"format": "safe"},
        findings=("W101 slc.par: pixel spacing was rounded to whole metres; taken from the annotation.",),
    )


def _plot(title: str, n: int) -> FigureResult:
    figure = new_figure(8.0, 3.2, title)
    axes = figure.add_subplot()
    dress(axes, xlabel="chainage (km)", ylabel="vertical rate (mm/yr), + up")
    x = np.linspace(0, 150, n)
    axes.plot(x, -30 * np.exp(-(((x - 60) / 8) ** 2)) - 60 * np.exp(-(((x - 120) / 6) ** 2)), color=ACCENT)
    return FigureResult(figure, {"n": n})


def estimate(value: float, low: float, high: float) -> dict[str, float]:
    return {"value": value, "low": low, "high": high}


def write_tracks(out: Path) -> None:
    folder = StudyFolder(out, "tracks", "Two tracks compared")
    folder.inputs.append({"kind": "points", "label": "heze:S1-40", "digest": "ab" * 16, "n_points": 389_001})
    folder.parameters["grid"] = 50.0
    folder.save_figure("difference", _plot("Difference", 40), "Difference of vertical rates, S1-142 minus S1-40.")
    folder.write_table("cells.csv", pd.DataFrame({"easting": [1.0]}), "cells with rates and their σ")
    folder.finish(
        {
            "grid_m": 50.0,
            "statistics": {
                "n_cells": 232_984,
                "n_effective": 812.4,
                "block_m": 2000.0,
                "pearson": estimate(0.953, 0.931, 0.968),
                "spearman": estimate(0.941, 0.92, 0.955),
                "rmse_mm_yr": estimate(2.91, 2.5, 3.3),
                "bias_mm_yr": estimate(-0.4, -1.1, 0.3),
                "sigma_mm_yr": estimate(2.88, 2.5, 3.2),
                "sigma_per_track_mm_yr": estimate(2.04, 1.8, 2.3),
                "lower_limit_mm_yr": estimate(-6.0, -6.8, -5.5),
                "upper_limit_mm_yr": estimate(5.2, 4.6, 6.0),
                "deming_slope": estimate(1.01, 0.97, 1.05),
                "deming_intercept_mm_yr": estimate(0.1, -0.2, 0.4),
            },
            "sensitivity": {"east": 0.28, "north": 0.065, "angle_deg": 10.0, "sentence": "Horizontal motion enters."},
            "sigmas": [
                {
                    "definition": "stated",
                    "first_mm_yr": 1.9,
                    "second_mm_yr": 1.8,
                    "predicted_sigma_of_difference_mm_yr": 2.6,
                    "observed_over_predicted": estimate(1.1, 0.98, 1.2),
                    "robust_observed_over_predicted": 1.02,
                }
            ],
            "strata": [
                {
                    "by": "rate",
                    "label": "below −10 mm/yr",
                    "n_cells": 8123,
                    "r": 0.9,
                    "sigma_mm_yr": 4.1,
                    "sigma_low_mm_yr": 3.8,
                    "sigma_high_mm_yr": 4.4,
                }
            ],
        }
    )


def zone(start: float, end: float, mean: float, lowest: float) -> dict[str, object]:
    return {
        "start": start,
        "end": end,
        "start_low": start - 300.0,
        "start_high": start + 200.0,
        "end_low": end - 250.0,
        "end_high": end + 350.0,
        "is_start_open": False,
        "is_end_open": False,
        "length": end - start,
        "mean": mean,
        "lowest": lowest,
        "bin_low": 0.95 * lowest,
        "bin_high": 0.4 * mean,
        "probability": 0.999,
    }


def write_corridor(out: Path) -> None:
    folder = StudyFolder(out, "corridor", "The line")
    folder.save_figure("profile", _plot("Profile", 300), "Vertical rate along the line with 95 % interval; + is up.")
    folder.warn("The line leaves the data between km 0.0 and km 1.2; nothing is said there.")
    folder.finish(
        {
            "line": {"length": 150_200.0, "name": "Rizhao–Lankao"},
            "coverage": {
                "n_points": 184_211,
                "density_per_km2": 204.3,
                "longest_uncovered": 1210.0,
                "uncovered": 4100.0,
            },
            "profile": {"bin_length": 100.0, "std_median": 0.0011},
            "years": 4.21,
            "chords": [
                {
                    "chord": 100.0,
                    "quantity": "slope",
                    "slope_max": 0.00055,
                    "slope_at": 118_050.0,
                    "slope_std": 0.00005,
                    "slope_mdc": 0.0001,
                    "n_detected": 12,
                },
                {"chord": 100.0, "quantity": "radius", "radius_min": 45_500.0, "radius_mdc": 90_000.0, "n_detected": 3},
            ],
            "detectability": [
                {
                    "depth": 0.018,
                    "wavelength": 40.0,
                    "points": "DS",
                    "window": 265.0,
                    "is_detectable": False,
                    "reasons": ["the filter window of 265 m is longer than the dip"],
                    "slope": 0.0014,
                    "mdc": 0.0021,
                }
            ],
            "statements": ["One track: its datum uncertainty is not known and not part of the intervals."],
            "limits_assumption": "Motion is taken to continue at the estimated constant rate.",
            "zones": [zone(51_200.0, 71_300.0, -0.021, -0.039), zone(112_000.0, 127_100.0, -0.046, -0.081)],
            "total_length": 35_200.0,
            "total_interval": [34_400.0, 36_100.0],
            "rule": "A zone is a stretch of line whose smooth rate is below -10 mm/yr over at least 1000 m.",
            "limits": [
                {
                    "name": "settlement of a ballastless subgrade",
                    "quantity": "settlement",
                    "value": 15.0,
                    "unit": "mm",
                    "probability_now_max": 0.2,
                    "probability_horizon_max": 0.97,
                    "length_now": 0.0,
                    "length_horizon": 33_000.0,
                    "years_median_min": 0.4,
                    "source": "content of TB 10621",
                    "is_verified": False,
                }
            ],
            "areas": [{"name": "airport", "n_points": 431, "mean": -0.014, "std": 0.001, "p05": -0.028, "p95": -0.004}],
        }
    )


def write_series(out: Path) -> None:
    folder = StudyFolder(out, "series", "Sites")
    folder.save_figure("rural", _plot("Rural sites", 63), "Mean series of the rural sites, mm, + is up.")
    folder.finish(
        {
            "radius_m": 50.0,
            "sites_without_points": ["R9"],
            "sites": [{"site": f"R{k}", "group": "rural", "n_points": 12 + k, "rate": -0.002 * k} for k in range(1, 8)],
            "lags": [
                {
                    "group": "mean of rural",
                    "track": "S1-40",
                    "driver": "rain",
                    "lag_days": 61.2,
                    "lag_interval_days": [50.0, 72.0],
                    "p_value": 0.002,
                    "is_claimed": True,
                },
                {"group": "mean of urban", "driver": "rain", "lag_days": None, "p_value": 0.4, "is_claimed": False},
            ],
        }
    )


def write_all(results: Path) -> None:
    write_tracks(results / "tracks")
    write_corridor(results / "corridor")
    write_series(results / "series")


def fake_network(n: int) -> NetworkFigureInput:
    rng = np.random.default_rng(n)
    dates = fake_dates(n)
    bperp = rng.normal(0, 50, n)
    days = 24.0 * np.arange(n)
    earlier, later = np.array([(i, j) for i in range(n) for j in range(i + 1, min(i + 4, n))], np.int32).T
    status = [PairStatus.KEPT] * len(earlier)
    status[3] = PairStatus.DROPPED
    status[5] = PairStatus.ADDED
    is_bridge = np.zeros(len(earlier), bool)
    network = Network(
        days,
        earlier,
        later,
        bperp[later] - bperp[earlier],
        np.full(len(earlier), 0.5),
        tuple(status),
        ("",) * len(earlier),
        is_bridge,
    )
    return NetworkFigureInput(network, dates, bperp, dates[n // 2])


LINE = MapShape("railway", np.array([114.95, 115.4, 115.9, 116.35]), np.array([34.85, 35.2, 35.35, 35.6]))
BOXES = (MapBox("a", 116.1, 35.45, 116.4, 35.65),)


def area_input() -> StudyAreaInput:
    square = MapShape("S1-40", np.array([115, 116.6, 116.4, 114.8]), np.array([34.6, 34.85, 36.0, 35.75]))
    coal = MapShape("coalfield", np.array([116.1, 116.4, 116.3]), np.array([35.45, 35.5, 35.7]))
    sites = (MapSites("rural sites", ("R1",), np.array([115.2]), np.array([35.05])),)
    return StudyAreaInput((square,), (LINE,), (coal,), sites)


def rates_input(n: int = 3000) -> TrackRatesInput:
    rng = np.random.default_rng(1)
    tracks = []
    for k, name in enumerate(("S1-40", "S1-142")):
        lon, lat = 115.0 - 0.2 * k + rng.random(n) * 1.6, 34.8 + rng.random(n)
        rate = -0.03 * np.exp(-(((lon - 115.6) / 0.13) ** 2) - ((lat - 35.25) / 0.1) ** 2) + rng.normal(0, 0.002, n)
        tracks.append(TrackRates(name, lon, lat, rate))
    return TrackRatesInput(tuple(tracks), (LINE,), BOXES, limit_mm_yr=40.0)


def make_figures() -> tuple[FigureResult, FigureResult, FigureResult]:
    networks = TrackNetworksInput({"S1-40": fake_network(24), "S1-142": fake_network(20)})
    return study_area_figure(area_input()), track_networks_figure(networks), track_rates_figure(rates_input())
