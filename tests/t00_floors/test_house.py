"""The house rules, read from the source."""

from __future__ import annotations

import ast
import importlib
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import subside
from subside.kernels import _jit

ROOT = Path(subside.__file__).parent
REPOSITORY = Path(__file__).parents[2]
FILES = sorted(ROOT.rglob("*.py"))
TREES = {f.relative_to(ROOT).as_posix(): ast.parse(f.read_text(encoding="utf-8")) for f in FILES}


def _faults(check) -> list[str]:  # type: ignore[no-untyped-def]
    return [f"{name}:{node.lineno}" for name, tree in TREES.items() for node in ast.walk(tree) if check(name, node)]


def test_import_contracts_are_kept() -> None:
    command = Path(sys.executable).with_name("lint-imports")
    if not command.exists():
        pytest.skip("import-linter is not installed beside this Python")
    code = "from importlinter.cli import lint_imports; raise SystemExit(lint_imports(no_cache=True))"
    ran = subprocess.run(
        [sys.executable, "-c", code],
        cwd=REPOSITORY,
        env={"PYTHONPATH": str(ROOT.parent), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert "0 broken" in ran.stdout and " 0 kept" not in ran.stdout


def test_the_source_was_found() -> None:
    assert len(TREES) > 60 and "ops/pairs.py" in TREES


def test_every_public_name_is_documented() -> None:
    missing = []
    for name, tree in TREES.items():
        if not ast.get_docstring(tree):
            missing.append(name)
        owners = [tree, *(n for n in tree.body if isinstance(n, ast.ClassDef) and not n.name.startswith("_"))]
        for owner in owners:
            for node in owner.body:
                kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
                is_overload = any(getattr(d, "id", "") == "overload" for d in getattr(node, "decorator_list", ()))
                if isinstance(node, kinds) and not node.name.startswith("_") and not is_overload:
                    missing += [] if ast.get_docstring(node) else [f"{name}:{node.lineno} {node.name}"]
    assert missing == []


def test_nothing_prints_and_no_except_is_bare() -> None:
    assert _faults(lambda _, n: isinstance(n, ast.Call) and getattr(n.func, "id", "") == "print") == []
    assert _faults(lambda _, n: isinstance(n, ast.ExceptHandler) and n.type is None) == []


def test_kernels_are_compiled_in_one_place() -> None:
    def is_numba(name: str, node: ast.AST) -> bool:
        if isinstance(node, ast.ImportFrom):
            return (node.module or "").split(".")[0] == "numba"
        return isinstance(node, ast.Import) and any(a.name.split(".")[0] == "numba" for a in node.names)

    assert {f.split(":")[0] for f in _faults(is_numba)} == {"kernels/_jit.py"}


def test_every_loop_over_an_array_is_compiled_serial_and_without_the_gil() -> None:
    compiled = 0
    for file in sorted((ROOT / "kernels").glob("[a-z]*.py")):
        module = importlib.import_module(f"subside.kernels.{file.stem}")
        for node in TREES[file.relative_to(ROOT).as_posix()].body:
            if not isinstance(node, ast.FunctionDef):
                continue
            function = getattr(module, node.name)
            is_compiled = hasattr(function, "py_func")
            loops = any(isinstance(n, (ast.For, ast.While)) for n in ast.walk(node))
            assert is_compiled or not (loops and "NDArray" in ast.unparse(node.args)), f"{file.name}: {node.name}"
            if is_compiled:
                assert function.targetoptions["nogil"] is True
                assert not function.targetoptions.get("parallel", False)
                compiled += 1
    assert compiled > 30


def test_the_source_names_no_path_outside_the_repository() -> None:
    for file in FILES:
        text = file.read_text(encoding="utf-8")
        assert "../shared" not in text and "/work/" not in text, file


def test_the_cache_folder_follows_every_kernel_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = Path(shutil.copytree(ROOT / "kernels", tmp_path / "kernels", ignore=shutil.ignore_patterns("__pycache__")))
    monkeypatch.setattr(_jit, "__file__", str(copy / "_jit.py"))
    monkeypatch.setenv("SUBSIDE_CACHE", str(tmp_path / "cache"))
    seen = {_jit._cache_folder()}
    assert next(iter(seen)).startswith(str(tmp_path / "cache"))
    for file in sorted(copy.glob("*.py")):
        file.write_text(file.read_text() + "\n# changed\n")
        seen.add(_jit._cache_folder())
    assert len(seen) == len(list(copy.glob("*.py"))) + 1
    (copy / "new.py").write_text("")
    assert _jit._cache_folder() not in seen


def test_no_two_test_files_have_one_name() -> None:
    """Pytest imports them by their base names: the second would keep every test from being collected."""
    names = Counter(f.name for f in Path(__file__).parents[1].rglob("test_*.py"))
    assert not [name for name, n in names.items() if n > 1]
