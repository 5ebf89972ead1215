"""Pages say what the code says: generated pages, commands, parameters, links."""

from __future__ import annotations

import importlib.util
import re
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import pytest
import typer

from subside.cli.app import app
from subside.figures import FIGURES
from subside.io.export import FORMATS as EXPORT_FORMATS
from subside.io.stacks import FORMATS as STACK_FORMATS
from subside.stages.catalogue import STAGES

ROOT = Path(__file__).resolve().parents[2]
GENERATED = {"cli.md", "codes.md", "flags.md", "parameters.md", "point-table.md"}
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"```[a-z]*\n(.*?)```", re.DOTALL)


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", ROOT / "tools" / "generate_docs.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _command_lines(page: Path) -> list[list[str]]:
    """Words of every `subside ...` line in fenced blocks, continuation lines joined."""
    text = "\n".join(FENCE.findall(page.read_text(encoding="utf-8"))).replace("\\\n", " ")
    lines = [line.strip() for line in re.split(r"\n|&&", text)]
    found = [re.sub(r"\s#.*", "", line) for line in lines if re.match(r"(\S*/)?subside ", line)]
    return [line.split()[1:] for line in found]


ALL_COMMANDS = [(page, words) for page in PAGES for words in _command_lines(page)]


def test_generated_pages_equal_their_generators() -> None:
    pages = _generator().PAGES
    assert set(pages) == GENERATED
    for name, write in pages.items():
        stored = (ROOT / "docs" / "reference" / name).read_text(encoding="utf-8")
        assert stored == write(), f"docs/reference/{name} is stale: run `make docs`"


def test_readme_shows_commands() -> None:
    assert len([1 for page, _ in ALL_COMMANDS if page.name == "README.md"]) >= 4
    assert len(ALL_COMMANDS) >= 15


@pytest.mark.parametrize(
    ("page", "words"), ALL_COMMANDS, ids=[f"{p.stem}-{k}" for k, (p, _) in enumerate(ALL_COMMANDS)]
)
def test_commands_exist(page: Path, words: list[str]) -> None:
    group = typer.main.get_command(app)
    context = typer.Context(group, info_name="subside")
    if words[0] == "--help":
        return
    command = group.get_command(context, words[0])
    assert command is not None, f"{page.name}: no command {words[0]}"
    own = typer.Context(command, info_name=words[0], parent=context)
    known = {name for p in command.get_params(own) for name in p.opts} | {"--help"}
    options = [w.partition("=")[0] for w in words[1:] if w.startswith("--")]
    assert set(options) <= known, f"{page.name}: {words}"
    for option, value in pairwise(words):
        if option == "--set":
            _check_parameter(value)
        if option == "--format":
            assert value in {"import": {*STACK_FORMATS, "safe"}, "export": EXPORT_FORMATS}[words[0]]
    if words[0] == "show":
        assert words[2] in {*FIGURES, "list"}


def _check_parameter(text: str) -> None:
    stage, _, name = text.partition("=")[0].partition(".")
    models = {s.name: s.parameters for s in STAGES}
    assert name in models[stage].model_fields, text


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_resolve(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"https?:|mailto:", target):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), f"{page.name}: {target}"
        if anchor:
            assert anchor in _anchors(file), f"{page.name}: {target}"


def _anchors(page: Path) -> set[str]:
    headings = re.findall(r"^#+ (.*)$", FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def test_documented_parameters_exist() -> None:
    """Every `stage.parameter` in backquotes names a parameter."""
    models = {s.name: s.parameters for s in STAGES}
    pattern = re.compile(rf"`({'|'.join(models)})\.([a-z_]+)(?:\s*=[^`]*)?`")
    found = 0
    for page in PAGES:
        for stage, name in pattern.findall(page.read_text(encoding="utf-8")):
            assert name in models[stage].model_fields, f"{page.name}: {stage}.{name}"
            found += 1
    assert found >= 10


def test_navigation_lists_every_page() -> None:
    listed = set(re.findall(r"([\w/-]+\.md)", (ROOT / "mkdocs.yml").read_text(encoding="utf-8")))
    there = {str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")}
    assert listed == there
