"""Plans and applies on real accounts: Terraform in the stack's own folder, with its own backend.

What Terraform says goes to standard error as it says it, and Ctrl-C reaches it as it would without
finbase, so that it can come to an end in order and keep its state.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path

from generator.errors import TerraformError
from generator.terraform import Terraform

__all__ = ["apply", "make_plan", "show"]

_STANDARD_ERROR = 2  # Standard output is for what finbase sums up.


def make_plan(terraform: Terraform, stack: Path, out: Path) -> None:
    """Initialise the stack, plan it, and save the plan at ``out``.

    Raises ``TerraformError`` where Terraform fails.
    """
    _run(terraform, stack, "init", "-input=false")
    _run(terraform, stack, "plan", "-input=false", f"-out={out.resolve()}")
    out.chmod(0o600)  # It holds what the plan knows of the account.


def show(terraform: Terraform, stack: Path, plan: Path) -> bytes:
    """Give a saved plan as JSON; raises ``TerraformError`` where it is none."""
    command = [str(terraform.path), "show", "-json", "-no-color", str(plan.resolve())]
    done = subprocess.run(command, cwd=stack, capture_output=True, check=False)
    if done.returncode != 0:
        raise TerraformError(
            f"{terraform.command} show failed for {plan}:\n{done.stderr.decode(errors='replace')}",
            "plan again: a saved plan goes with the very stack that it was made of",
        )
    return done.stdout


def apply(terraform: Terraform, stack: Path, plan: Path) -> None:
    """Apply a saved plan; raises ``TerraformError`` where Terraform fails."""
    _run(terraform, stack, "apply", "-input=false", str(plan.resolve()))


def _run(terraform: Terraform, stack: Path, *arguments: str) -> None:
    code = _attached([str(terraform.path), *arguments], stack)
    if code != 0:
        step = f"{terraform.command} {arguments[0]}"
        raise TerraformError(
            f"{step} failed in {stack}: exit code {code}", "see what it says above"
        )


def _attached(command: Sequence[str], folder: Path) -> int:
    """Run a command on this terminal; Ctrl-C is left to it."""
    environ = os.environ | {"CHECKPOINT_DISABLE": "1"}
    child = subprocess.Popen(command, cwd=folder, env=environ, stdout=_STANDARD_ERROR)
    earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        return child.wait()
    finally:
        signal.signal(signal.SIGINT, earlier)
