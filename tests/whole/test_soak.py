"""What runs only with ``--soak`` is part of ``make soak``."""

from __future__ import annotations

import re
from pathlib import Path

from tests.support.commands import ROOT


def test_soak_runs_every_long_campaign() -> None:
    target = re.search(r"(?m)^soak:.*\n((?:\t.*\n)+)", (ROOT / "Makefile").read_text())
    assert target
    listed = [ROOT / name for name in re.findall(r"tests/\S+", target[1])]
    for path in (ROOT / "tests").rglob("*.py"):
        if "pytest.mark.soak" in path.read_text() and path != Path(__file__):
            assert any(path.is_relative_to(each) for each in listed), path
