"""Inputs shared by the tests of figures."""

from __future__ import annotations

from typing import Any

import pytest
from figure_inputs import make_inputs


@pytest.fixture(scope="session")
def inputs() -> dict[str, Any]:
    return make_inputs()
