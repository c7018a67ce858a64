"""The examples in docstrings hold.

pytest's own ``--doctest-modules`` would import every module of the package and of the tests, the
fuzzers included. Here only modules that have an example are imported.
"""

from __future__ import annotations

import doctest
import importlib
import os
import re
import subprocess
import sys
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


ALONE = (
    *(ROOT / "features" / "steps" / "checks").glob("*.py"),
    *(ROOT / "templates" / "modules").rglob("*.py"),
)
"""Modules that run without the package, and whose names others may have, too."""


def has_examples(path: Path) -> bool:
    """Return whether a file has an example in a docstring."""
    return bool(re.search(r"^ +>>> ", path.read_text(encoding="utf-8"), re.MULTILINE))


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
    if has_examples(path)
)


@pytest.mark.parametrize("module", MODULES)
def test_doctests(module: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(ROOT / "features" / "steps" / "shared")
    result = doctest.testmod(importlib.import_module(module))
    assert result.attempted > 0
    assert result.failed == 0  # pytest shows what doctest printed


EXAMPLES_OF = """
import doctest, importlib.util, sys
for number, path in enumerate(sys.argv[1:]):
    spec = importlib.util.spec_from_file_location(f"examples_{number}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    result = doctest.testmod(module)
    print("examples:", result.attempted, result.failed)
"""


def test_doctests_of_steps_and_functions() -> None:
    """A process of their own: a step that is loaded twice in one process is an error."""
    paths = [path for path in ALONE if has_examples(path)]
    shared = ROOT / "features" / "steps" / "shared"
    folders = [shared, *(ROOT / "templates" / "modules").glob("*/*")]
    done = subprocess.run(
        [sys.executable, "-c", EXAMPLES_OF, *paths],
        env={"PYTHONPATH": os.pathsep.join(map(str, folders)), "PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    counts = re.findall(r"^examples: (\d+) (\d+)$", done.stdout, re.MULTILINE)
    assert len(counts) == len(paths) > 0, done.stdout + done.stderr
    assert all(attempted != "0" and failed == "0" for attempted, failed in counts), done.stdout
