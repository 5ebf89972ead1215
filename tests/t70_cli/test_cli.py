"""Every command, on a tiny project; every expected mistake in one line."""

from __future__ import annotations

import json
import os
import resource
import sys
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from typer.testing import CliRunner

from subside.cli.app import app, parse_bytes
from subside.errors import ArgumentError, SubsideError
from subside.stages.catalogue import STAGES
from subside.stages.configuration import default_toml, load_parameters, parameter_reference
from subside.stages.runner import COREGISTRATION
from subside.studies.project import study_models

OWN = [s.name for s in STAGES if s.name not in COREGISTRATION]
"""Stages of a track that came coregistered."""

COMMANDS = ("init", "import", "plan", "run", "status", "show", "export", "demo", "estimate", "simulate")


def _invoke(*words: object) -> Any:
    return CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=True)


def _json(text: str) -> Any:
    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is not JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    found = _invoke(command, "--help")
    assert found.exit_code == 0 and "Usage" in found.stdout


def test_help_lists_the_commands_without_loading_the_libraries(subside_command: Any) -> None:
    assert all(c in subside_command("--help").stdout for c in COMMANDS)
    code = (
        "import sys, subside.cli.app; sys.argv = ['subside', '--help']\n"
        "try:\n    subside.cli.app.app()\nexcept SystemExit:\n    pass\n"
        "heavy = {'numpy', 'xarray', 'matplotlib', 'dask', 'distributed', 'zarr', 'numba', 'scipy', 'rasterio'}\n"
        "print('loaded', sorted(heavy & set(sys.modules)))"
    )
    import subprocess

    import subside

    environment = {**os.environ, "PYTHONPATH": str(Path(subside.__file__).parent.parent)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    assert ran.stdout.splitlines()[-1] == "loaded []"


def test_json_on_a_finished_project(finished: Path) -> None:
    status = _json(_invoke("status", finished, "--json").stdout)
    assert [r["state"] for r in status["simulated"]] == ["done"] * len(OWN)
    assert status["simulated"][-1]["facts"]["points"] > 50
    estimate = _json(_invoke("estimate", finished, "--json").stdout)
    assert [r["stage"] for r in estimate["stages"]] == OWN
    assert estimate["total_cpu_hours"] > 0 and "counted" in estimate["basis"]
    assert _invoke("estimate", finished).exit_code == _invoke("status", finished).exit_code == 0


def test_json_before_any_run(imported: Path) -> None:
    status = _json(_invoke("status", imported, "--json").stdout)
    assert {r["state"] for r in status["simulated"]} == {"run"}
    assert "assumed" in _json(_invoke("estimate", imported, "--json").stdout)["basis"]
    assert _invoke("plan", imported).exit_code == 0


def test_every_figure_and_the_numbers_behind_it(finished: Path, tmp_path: Path) -> None:
    keys = [line.split()[0] for line in _invoke("show", finished, "list").stdout.splitlines()]
    assert len(keys) >= 12
    coregistration = {"bursts", "visibility", "esd", "esd-residual", "esd-coherence", "seams"}
    assert coregistration < set(keys)
    for key in set(keys) - {"recovery"} - coregistration:
        found = _invoke("show", finished, key, "--json")
        assert found.exit_code == 0, (key, found.exception)
        assert _json(found.stdout), key
    picture = tmp_path / "v.png"
    assert _invoke("show", finished, "velocity", picture).exit_code == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_every_export_can_be_read_again(finished: Path, tmp_path: Path) -> None:
    import geopandas
    import pandas
    import rasterio

    from subside.io.store import TrackStore

    n = len(TrackStore(finished / "tracks" / "simulated.zarr").read("rates/velocity"))
    files = {"parquet": "a.parquet", "gpkg": "a.gpkg", "egms": "e.csv", "csv": "a.csv", "geotiff": "a.tif"}
    for format_, name in files.items():
        found = _invoke("export", finished, tmp_path / name, "--format", format_)
        assert found.exit_code == 0, (format_, found.exception)
    points = geopandas.read_parquet(tmp_path / "a.parquet")
    assert len(points) == n and points.crs.equals("OGC:CRS84")
    velocity = TrackStore(finished / "tracks" / "simulated.zarr").read("rates/velocity") * 1000
    assert points["velocity"].to_numpy() == pytest.approx(velocity, abs=1e-3, nan_ok=True)
    assert 0 < len(geopandas.read_file(tmp_path / "a.gpkg")) <= n
    assert len(pandas.read_csv(tmp_path / "a.csv", comment="#")) in range(1, n + 1)
    assert len(pandas.read_csv(tmp_path / "e.csv")) in range(1, n + 1)
    with rasterio.open(next(tmp_path.glob("*.tif"))) as grid:
        assert grid.crs is not None


MISTAKES = {
    "missing project": ("status", "{no}"),
    "wrong track": ("run", "{project}", "--track", "nope"),
    "unknown stage": ("run", "{project}", "--from", "nope"),
    "stages out of order": ("run", "{project}", "--from", "rates", "--to", "survey"),
    "misspelt parameter": ("run", "{project}", "--set", "survey.max_bprep=1"),
    "value out of bounds": ("run", "{project}", "--set", "survey.max_bperp=-1"),
    "set without value": ("run", "{project}", "--set", "survey"),
    "memory in words": ("run", "{project}", "--memory", "lots"),
    "two points": ("run", "{project}", "--memory", "1.2.3GB"),
    "little memory": ("run", "{project}", "--memory", "500MB"),
    "negative workers": ("run", "{project}", "--workers", "-1"),
    "nobody at the address": ("run", "{project}", "--from", "invert", "--scheduler", "nonsense://x"),
    "unknown figure": ("show", "{project}", "nope"),
    "figure type": ("show", "{project}", "velocity", "{no}.pdf"),
    "unknown export": ("export", "{project}", "{no}", "--format", "nope"),
    "unknown scene": ("simulate", "{no}", "--scene", "nope"),
    "malformed size": ("simulate", "{no}", "--size", "40"),
    "tiny size": ("simulate", "{no}", "--size", "4x4"),
    "one date": ("simulate", "{no}", "--dates", "1"),
    "project exists": ("init", "{project}"),
    "no source": ("import", "{project}", "{no}", "--track", "a", "--format", "snap"),
    "unknown format": ("import", "{project}", "{project}", "--track", "a", "--format", "nope"),
    "bad track name": ("import", "{project}", "{project}", "--track", "../a", "--format", "snap"),
    "unknown demo": ("demo", "{no}", "--scene", "nope"),
}


@pytest.mark.parametrize("name", MISTAKES)
def test_an_expected_mistake_is_a_typed_error(name: str, done: Path, tmp_path: Path) -> None:
    words = [w.format(project=done, no=tmp_path / "nothing") for w in MISTAKES[name]]
    found = _invoke(*words)
    assert isinstance(found.exception, SubsideError), (found.exception, found.output)
    assert "\n" not in str(found.exception) and len(str(found.exception)) > 20


def test_the_command_prints_one_line_and_exits_with_one(tmp_path: Path, subside_command: Any) -> None:
    (tmp_path / "file").write_text("")
    ran = subside_command("init", tmp_path / "file" / "below")
    assert ran.returncode == 1 and ran.stderr.startswith("error: ") and ran.stderr.count("\n") == 1
    assert "Traceback" not in ran.stderr


def test_sizes_are_parsed() -> None:
    assert [parse_bytes(t) for t in ("4GB", "1.5 g", "800MB", "2GiB", "123")] == [
        4_000_000_000,
        1_500_000_000,
        800_000_000,
        2_000_000_000,
        123,
    ]
    for text in ("", ".", "1.2.3GB", "-1GB", "GB", "4XB"):
        with pytest.raises(ArgumentError, match="--memory"):
            parse_bytes(text)


def test_init_writes_every_default_with_a_comment(tmp_path: Path) -> None:
    assert _invoke("init", tmp_path / "p").exit_code == 0
    text = (tmp_path / "p" / "subside.toml").read_text()
    assert text == default_toml(STAGES, "p", more=study_models())
    parsed = tomlkit.parse(text).unwrap()
    assert load_parameters(STAGES, parsed) == load_parameters(STAGES, {})
    lines = text.splitlines()
    for stage in STAGES:
        assert f"[{stage.name}]" in lines and f"# {stage.title}" in lines
        for name in stage.parameters.model_fields:
            (row,) = [k for k, line in enumerate(lines[lines.index(f"[{stage.name}]") :]) if _names(line, name)][:1]
            assert lines[lines.index(f"[{stage.name}]") + row - 1].startswith("# ")
        assert f"## {stage.name}" in parameter_reference(STAGES)


def _names(line: str, name: str) -> bool:
    return line.lstrip("# ").startswith(f"{name} =")


def test_an_override_reaches_the_stage_and_every_fault_is_listed() -> None:
    found = load_parameters(STAGES, {"survey": {"max_bperp": 90.0}}, ["extract.window=[9, 7]", "rates.seasonal=no"])
    assert (found["survey"].max_bperp, found["extract"].window, found["rates"].seasonal) == (90.0, (9, 7), "no")
    assert load_parameters(STAGES, {}, ["correct.fit_ramps=False"])["correct"].fit_ramps is False
    with pytest.raises(SubsideError, match=r"survey\.nope.*network\.min_links"):
        load_parameters(STAGES, {"survey": {"nope": 1}, "network": {"min_links": 0}})
    with pytest.raises(SubsideError, match="no stage is called surveys"):
        load_parameters(STAGES, {"surveys": {}})


def test_a_full_disk_is_one_line_and_the_run_resumes(fresh: Path, finished: Path, subside_command: Any) -> None:
    """A limit on the size of files stands for the disk: writes fail in the middle of a stage."""
    from subside.io.store import TrackStore

    def limited() -> None:
        import signal

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    ran = subside_command("run", fresh, "--workers", "1", preexec_fn=limited)
    assert ran.returncode == 1 and "Traceback" not in ran.stderr, ran.stderr[-1500:]
    assert ran.stderr.splitlines()[-1].startswith(f"error: {fresh}") and "Free space" in ran.stderr
    assert subside_command("run", fresh, "--workers", "1").returncode == 0
    stores = [TrackStore(p / "tracks" / "simulated.zarr") for p in (fresh, finished)]
    first, second = (s.read("reference/displacement").tobytes() for s in stores)
    assert first == second


def test_from_recomputes(done: Path) -> None:
    record = done / "tracks" / "simulated.zarr" / ".state" / "rates.json"
    before = record.stat().st_mtime_ns
    assert _invoke("run", done, "--from", "rates", "--workers", "1").exit_code == 0
    assert record.stat().st_mtime_ns > before
