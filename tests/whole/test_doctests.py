"""The examples in docstrings hold.

pytest's own ``--doctest-modules`` would import every module of the package and of the tests, the
fuzzers included. Here only modules that have an example are imported.
"""

from __future__ import annotations

import doctest
import importlib
import re
from pathlib import Path

import pytest

from tests.support.commands import ROOT

FOLDERS = {
    ROOT / "generator" / "finbase": ROOT / "generator",
    ROOT / "features" / "steps" / "shared": ROOT / "features" / "steps" / "shared",
    ROOT / "docs" / "generate": ROOT,
    ROOT / "tests": ROOT,
    ROOT / "benchmarks": ROOT,
}
"""A folder of modules → the folder on Python's path that their names start at."""


def dotted(path: Path, start: Path) -> str:
    """Return the name to import a module by.

    >>> dotted(ROOT / "generator" / "finbase" / "render" / "hcl.py", ROOT / "generator")
    'finbase.render.hcl'
    """
    return ".".join(path.relative_to(start).with_suffix("").parts)


MODULES = sorted(
    dotted(path, start)
    for folder, start in FOLDERS.items()
    for path in folder.rglob("*.py")
    if re.search(r"^ +>>> ", path.read_text(encoding="utf-8"), re.MULTILINE)
)


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "features" / "steps" / "shared")
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0  # pytest shows what doctest printed
