"""The registry of codes and its reference page."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from subside.errors import InputFileError
from subside.io.codes import CODES, codes_markdown, refuse

ROOT = Path(__file__).resolve().parents[2]


def test_reference_page_is_the_generated_one():
    assert (ROOT / "docs" / "reference" / "codes.md").read_text() == codes_markdown()


def test_every_code_used_is_registered_and_every_one_registered_is_used():
    text = "".join(p.read_text() for p in sorted((ROOT / "src" / "subside").rglob("*.py")) if p.name != "codes.py")
    used = set(re.findall(r'"([SW][12]\d\d)"', text))
    assert used == set(CODES)


def test_codes_are_complete_sentences():
    for code in CODES.values():
        assert re.fullmatch(r"S1\d\d|W1\d\d|W2\d\d", code.code)
        assert code.title and code.description.endswith(".") and code.remedy
        assert "|" not in code.title + code.description + code.remedy


def test_refuse_names_code_file_problem_and_remedy():
    with pytest.raises(InputFileError) as caught:
        refuse("S103", "a/b.rslc", "size must be 8 bytes, got 7")
    message = str(caught.value)
    assert message.startswith("[S103] a/b.rslc: size must be 8 bytes, got 7. ")
    assert CODES["S103"].remedy in message
