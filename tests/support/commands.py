"""The command line: in this process, or in one of its own with real standard streams."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from click.testing import CliRunner, Result

from finbase.cli import main

ROOT = Path(__file__).resolve().parents[2]
_SCRIPT = "from finbase.cli import main; main(prog_name='finbase')"


def search_path() -> str:
    """The ``PYTHONPATH`` with which another process finds finbase and what it needs."""
    packages = [path for path in sys.path if path.endswith("site-packages")]
    return os.pathsep.join([str(ROOT / "generator"), *packages])


def run(
    project: Path, *arguments: str, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run ``finbase`` on the project; another Python borrows the packages of this one."""
    return subprocess.run(
        [python, "-c", _SCRIPT, "--project", str(project), *arguments],
        env={**os.environ, "PYTHONPATH": search_path(), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


def finbase(project: Path, *arguments: str) -> Result:
    """Run ``finbase`` on the project in this process; its streams are not a terminal."""
    return CliRunner().invoke(main, ["--project", str(project), *arguments])
