"""Plan and apply on real accounts: Terraform runs in the stack's own folder, with its own backend.

Each command gets an empty data folder (``TF_DATA_DIR``), because a ``.terraform`` folder in a stack
can name another provider, another module or another workspace. Providers must match the stack's
lock file.

Terraform's output goes to standard error at once: directly on a terminal, else escaped, because an
output value or an error can contain lines that a runner of CI obeys. Ctrl-C reaches Terraform as it
would without finbase, so that it can finish what it has started and save its state.
"""

from __future__ import annotations

import os
from pathlib import Path

from finbase.errors import TerraformError
from finbase.plan.saved_file import DEFAULT_WORKSPACE
from finbase.system.printable import is_ci, printable, without_commands
from finbase.system.processes import Processes
from finbase.system.progress import Watch, ignore
from finbase.terraform.program import Terraform

_SECONDS = 900.0
_STANDARD_ERROR = 2
_LOGS = ("TF_LOG", "TF_LOG_PROVIDER")
_ADVICE = (
    "see Terraform's message above; if it is about credentials, log in to the account of "
    "the environment first, for example with AWS_PROFILE"
)
_ADVICE_ON_A_PLAN = (
    f"{_ADVICE}; if it names terraform_data.keep_…, the plan would destroy or replace a database "
    "that is protected, or create it in place of one that is gone: if that is intended, set "
    "deletion_protection to false in the database's section of the YAML file, render and apply, "
    "and then plan the change"
)
_ADVICE_ON_AN_APPLY = (
    f"{_ADVICE}; if it is ResourceAlreadyExistsException, or about a secret that is scheduled for "
    "deletion, AWS has kept the name from a part or a stack that was removed before: import it or "
    "free the name, then plan and apply again: docs/how-to/create-again.md"
)
_ADVICE_ON = {"plan": _ADVICE_ON_A_PLAN, "apply": _ADVICE_ON_AN_APPLY}
_VERBOSE_LEVELS = {"TRACE", "DEBUG", "JSON"}


def initialise(terraform: Terraform, stack: Path, data: Path, *, progress: Watch = ignore) -> None:
    """Initialise the stack, with ``data`` as the data folder of this and the later commands.

    Raises ``TerraformError`` if Terraform fails, if its logs would contain passwords, or if a
    workspace other than the default is selected.
    """
    _run(terraform, stack, data, progress, "init", "-input=false", "-lockfile=readonly")


def make_plan(
    terraform: Terraform, stack: Path, data: Path, out: Path, *, progress: Watch = ignore
) -> None:
    """Plan the stack and save the plan at ``out``; raises ``TerraformError`` as ``initialise``."""
    _run(terraform, stack, data, progress, "plan", "-input=false", f"-out={out.resolve()}")
    out.chmod(0o600)  # A plan contains details of the account, and ``out`` may have existed.


def show(terraform: Terraform, stack: Path, data: Path, plan: Path) -> bytes:
    """Return a saved plan as JSON; raises ``TerraformError`` as ``initialise`` does."""
    command: list[str | Path] = [terraform.path, "show", "-json", "-no-color", plan.resolve()]
    environ = _environ(stack, data)
    with Processes() as processes:
        finished = processes.run(command, cwd=stack, environ=environ, seconds=_SECONDS)
    if finished.code != 0:
        raise TerraformError(
            f"{terraform.command} show failed for {plan}:\n{finished.stderr}",
            "plan again: a saved plan belongs to the stack that it was made from",
        )
    return finished.stdout


def apply(
    terraform: Terraform, stack: Path, data: Path, plan: Path, *, progress: Watch = ignore
) -> None:
    """Apply a saved plan; raises ``TerraformError`` as ``initialise`` does."""
    _run(terraform, stack, data, progress, "apply", "-input=false", str(plan.resolve()))


def _escape(line: str) -> str:
    return without_commands(printable(line), os.environ)


def _environ(stack: Path, data: Path) -> dict[str, str]:
    """Return Terraform's variables; refuse logs with passwords, and another workspace."""
    _refuse_verbose_logs()
    _refuse_other_workspace(stack)
    return {**os.environ, "CHECKPOINT_DISABLE": "1", "TF_DATA_DIR": str(data)}


def _refuse_verbose_logs() -> None:
    """Refuse log levels that record whole requests, because one request has the master password.

    Seen with provider 5.100.0; hashicorp/terraform-provider-aws, issue 16985.
    """
    for name in _LOGS:
        if os.environ.get(name, "").upper() in _VERBOSE_LEVELS:
            raise TerraformError(
                f"{name} is {os.environ[name]}, so the provider would log the database's password",
                f"unset {name}, or set it to INFO",
            )


def _refuse_other_workspace(stack: Path) -> None:
    """Refuse every workspace but the default one, which a new data folder selects.

    Terraform applies a saved plan to the workspace selected now, not to the plan's own. It
    refuses only if the two states have different lineages, and a stack's first plan has none.
    """
    workspace = os.environ.get("TF_WORKSPACE", "")
    if workspace not in ("", DEFAULT_WORKSPACE):
        raise TerraformError(
            f"TF_WORKSPACE selects the workspace {workspace}, whose state is not that of "
            f"{stack.name}",
            f"unset TF_WORKSPACE: a stack has one state, in the workspace {DEFAULT_WORKSPACE}",
        )


def _run(terraform: Terraform, stack: Path, data: Path, progress: Watch, *arguments: str) -> None:
    environ = _environ(stack, data)
    step = f"{terraform.command} {arguments[0]}"
    progress(stack.name, step)
    escaped = is_ci(os.environ) or not os.isatty(_STANDARD_ERROR)
    # Terraform does not look at NO_COLOR (https://no-color.org) itself.
    plain = ["-no-color"] if escaped or os.environ.get("NO_COLOR") else []
    with Processes() as processes:
        code = processes.attach(
            [terraform.path, arguments[0], *plain, *arguments[1:]],
            cwd=stack,
            environ=environ,
            escape=_escape if escaped else None,
        )
    if code != 0:
        raise TerraformError(
            f"{step} failed in {stack}: exit code {code}",
            _ADVICE_ON.get(arguments[0], _ADVICE),
        )
    progress(stack.name, "")
