"""Check the format of Terraform files."""

from __future__ import annotations

import subprocess
from collections.abc import Iterable
from pathlib import Path

from finbase.terraform.program import Terraform, isolated_environ


def fmt_check(paths: Iterable[Path], terraform: Terraform) -> tuple[Path, ...]:
    """Return the files below ``paths`` that ``terraform fmt`` would change, sorted."""
    done = subprocess.run(
        [terraform.path, "fmt", "-check", "-recursive", "-no-color", *paths],
        env=isolated_environ(),
        capture_output=True,
        text=True,
    )
    assert done.returncode in (0, 3), done.stderr
    assert not done.stderr
    # Terraform prints paths relative to the working folder.
    return tuple(sorted(Path(name).resolve() for name in done.stdout.splitlines()))
