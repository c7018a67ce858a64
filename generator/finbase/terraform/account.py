"""Plans and applies on real accounts: Terraform in the stack's own folder, with its own backend.

What Terraform says goes to standard error as it says it, and Ctrl-C reaches it as it would without
finbase, so that it can come to an end in order and keep its state.
"""

from __future__ import annotations

import logging
import os
import shlex
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from finbase.errors import TerraformError
from finbase.plan.saved_file import DEFAULT_WORKSPACE
from finbase.system.progress import Watch, unwatched
from finbase.terraform.program import Terraform

__all__ = ["apply", "make_plan", "show"]

_log = logging.getLogger(__name__)
_STANDARD_ERROR = 2  # Standard output is for what finbase sums up.
_LOGS = ("TF_LOG", "TF_LOG_PROVIDER")
_TALKATIVE = {"TRACE", "DEBUG", "JSON"}


def make_plan(terraform: Terraform, stack: Path, out: Path, *, progress: Watch = unwatched) -> None:
    """Initialise the stack, plan it, and save the plan at ``out``.

    Raises ``TerraformError`` where Terraform fails, would log passwords, or would work on the state
    of a workspace.
    """
    _run(terraform, stack, progress, "init", "-input=false")
    _run(terraform, stack, progress, "plan", "-input=false", f"-out={out.resolve()}")
    out.chmod(0o600)  # It holds what the plan knows of the account.


def show(terraform: Terraform, stack: Path, plan: Path) -> bytes:
    """Give a saved plan as JSON; raises ``TerraformError`` as ``make_plan`` does."""
    _must_keep_passwords()
    _must_keep_to_its_state(terraform, stack)
    command = [str(terraform.path), "show", "-json", "-no-color", str(plan.resolve())]
    begun = time.monotonic()
    done = subprocess.run(command, cwd=stack, capture_output=True, check=False)
    _tell(command, stack, begun, done.returncode)
    if done.returncode != 0:
        raise TerraformError(
            f"{terraform.command} show failed for {plan}:\n{done.stderr.decode(errors='replace')}",
            "plan again: a saved plan goes with the very stack that it was made of",
        )
    return done.stdout


def apply(terraform: Terraform, stack: Path, plan: Path, *, progress: Watch = unwatched) -> None:
    """Apply a saved plan; raises ``TerraformError`` as ``make_plan`` does."""
    _run(terraform, stack, progress, "apply", "-input=false", str(plan.resolve()))


def _must_keep_passwords() -> None:
    """Refuse logs with whole requests and replies in them: the first password is in those.

    Measured with provider 5.100.0; hashicorp/terraform-provider-aws, issue 16985.
    """
    for name in _LOGS:
        if os.environ.get(name, "").upper() in _TALKATIVE:
            raise TerraformError(
                f"{name} is {os.environ[name]}, so the provider would log the database's password",
                f"unset {name}, or set it to INFO",
            )


def _must_keep_to_its_state(terraform: Terraform, stack: Path) -> None:
    """Refuse a workspace: Terraform applies to the one of the moment, not to the plan's.

    It refuses by itself only where the two states have different lineages, and the first plan of
    a stack has none.
    """
    named = os.environ.get("TF_WORKSPACE", "")
    place, way_out = "TF_WORKSPACE", "unset TF_WORKSPACE"
    if not named:
        file = stack / (os.environ.get("TF_DATA_DIR") or ".terraform") / "environment"
        named = file.read_text(errors="replace").strip() if file.is_file() else ""
        place, way_out = str(file), f"`{terraform.command} workspace select default` in {stack}"
    if named not in ("", DEFAULT_WORKSPACE):
        raise TerraformError(
            f"{place} selects the workspace {named}, and so another state than {stack.name} has",
            f"{way_out}: a stack has one state, in the workspace {DEFAULT_WORKSPACE}",
        )


def _run(terraform: Terraform, stack: Path, progress: Watch, *arguments: str) -> None:
    _must_keep_passwords()
    _must_keep_to_its_state(terraform, stack)
    step = f"{terraform.command} {arguments[0]}"
    progress(stack.name, step)
    code = _attached([str(terraform.path), arguments[0], *_plain(), *arguments[1:]], stack)
    if code != 0:
        raise TerraformError(
            f"{step} failed in {stack}: exit code {code}", "see what it says above"
        )
    progress(stack.name, "")


def _plain() -> Sequence[str]:
    """Ask for no colour where https://no-color.org does; Terraform does not look itself."""
    return ["-no-color"] if os.environ.get("NO_COLOR") else []


def _attached(command: Sequence[str], folder: Path) -> int:
    """Run a command on this terminal; Ctrl-C is left to it."""
    environ = os.environ | {"CHECKPOINT_DISABLE": "1"}
    begun = time.monotonic()
    child = subprocess.Popen(command, cwd=folder, env=environ, stdout=_STANDARD_ERROR)
    earlier = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = child.wait()
    finally:
        signal.signal(signal.SIGINT, earlier)
    _tell(command, folder, begun, code)
    return code


def _tell(command: Sequence[str], folder: Path, begun: float, code: int) -> None:
    seconds = time.monotonic() - begun
    _log.debug("%s  [%.2f s, exit code %d, in %s]", shlex.join(command), seconds, code, folder)
