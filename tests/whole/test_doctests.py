"""The examples in docstrings hold.

pytest's own ``--doctest-modules`` would import every module of the package and of the tests, the
fuzzers included. Here only modules that have an example are imported.
"""

from __future__ import annotations

import doctest
import importlib
from pathlib import Path

import pytest

from tests.support.commands import ROOT

PACKAGE = ROOT / "generator" / "finbase"


def dotted(path: Path) -> str:
    """Return the name to import a module of the package by.

    >>> dotted(PACKAGE / "render" / "hcl.py")
    'finbase.render.hcl'
    """
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)


MODULES = sorted(
    dotted(path) for path in PACKAGE.rglob("*.py") if ">>> " in path.read_text(encoding="utf-8")
)


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module: str) -> None:
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0  # pytest shows what doctest printed
