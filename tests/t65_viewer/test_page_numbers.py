"""The arithmetic of the page, run by Node.js without a page."""

from __future__ import annotations

import json
import shutil
import subprocess
from typing import Any

import numpy as np
import pytest

from subside.viewer.server import asset

pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


def run(program: str, *files: str, content: Any = None) -> Any:
    """Value of a function body that sees ``S`` (statistics) and ``content``."""
    parts = ["globalThis.window = globalThis;", *(asset(name).decode() for name in ("statistics.js", *files))]
    parts.append(
        "const content = JSON.parse(require('fs').readFileSync(0, 'utf8')), S = Subside.statistics;"
        f"process.stdout.write(JSON.stringify((() => {{ {program} }})()));"
    )
    done = subprocess.run(
        ["node", "-e", "\n".join(parts)], input=json.dumps(content), capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_huge_area_reads_few_blocks_spread_over_it() -> None:
    rows = run(
        "const rows = Array.from({ length: 1000000 }, (_, i) => i); return S.thinnedByBlocks(rows, 1024, 64, 20000)"
    )
    blocks = np.unique(np.array(rows) // 1024)
    assert len(blocks) == 64
    assert 19_000 < len(rows) <= 20_000
    assert np.diff(blocks).max() <= 17, "of 977 blocks every fifteenth or so"
    few = run("return S.thinnedByBlocks([5, 2000, 70000], 1024, 64, 20000)")
    assert few == [5, 2000, 70000]


@pytest.mark.parametrize(
    ("ring", "crosses"),
    [
        ([[0, 0], [1, 1], [1, 0], [0, 1]], True),
        ([[0, 0], [1, 0], [1, 1], [0, 1]], False),
        ([[0, 0], [1, 0], [0, 1]], False),
        ([[0, 0], [4, 0], [4, 4], [2, 1], [0, 4]], False),
        ([[0, 0], [4, 0], [4, 4], [2, -1], [0, 4]], True),
    ],
)
def test_sides_that_cross(ring: list[list[float]], crosses: bool) -> None:
    assert run("return S.isCrossing(content)", content=ring) is crosses


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("=1+1", '"\'=1+1"'),
        ("+1", '"\'+1"'),
        ("-1", '"\'-1"'),
        ("@sum", '"\'@sum"'),
        (" \t=1", '"\' \t=1"'),
        ('p "7"', '"p ""7"""'),
        ("t142-7", '"t142-7"'),
    ],
)
def test_cells_are_no_formulas(text: str, expected: str) -> None:
    assert run("return S.cell(content)", content=text) == expected
