"""Run Terraform on a copy of a stack that uses the local AWS.

Applies and destroys take minutes, so their output is read while they run, and they can be killed
in the middle, like by a power cut.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from finbase.errors import TerraformError
from finbase.project.terraform_files import STATE_FILE
from finbase.rehearsal.scratch import ignore_signals_on_exit
from finbase.sandbox import server
from finbase.sandbox.client import Endpoint
from finbase.system.processes import Finished, Processes
from finbase.system.progress import ignore
from finbase.terraform.program import Terraform
from finbase.terraform.workspace import Attach, Workspace

Progress = Callable[[int], None]
"""Called with the number of finished resources after each one."""

_SECONDS = 1800.0
_ATTEMPTS = 200
_Result = TypeVar("_Result")
_QUIET = ("-no-color", "-input=false")


@dataclass
class Applied:
    """The progress of an apply or a destroy.

    ``finished`` are the addresses of created, changed or destroyed resources, in that order,
    ``unfinished`` those in progress, and ``errors`` Terraform's errors. ``postponed`` counts how
    often a kill had to wait because Terraform was writing the state.
    """

    finished: list[str] = field(default_factory=list)
    unfinished: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    killed: bool = False
    postponed: int = 0
    code: int = 0

    def read(self, line: bytes) -> bool:
        """Read a line of Terraform's JSON output; return whether a resource has finished."""
        try:
            message = json.loads(line)
        except ValueError:
            return False
        if message.get("@level") == "error":
            self.errors.append(_error(message))
        hook = message.get("hook", {})
        address = str(hook.get("resource", {}).get("addr", ""))
        if hook.get("action") == "read" or not address:
            return False
        if message.get("type") == "apply_start":
            self.unfinished.append(address)
        elif message.get("type") in ("apply_complete", "apply_errored"):
            with suppress(ValueError):
                self.unfinished.remove(address)
        if message.get("type") == "apply_complete":
            self.finished.append(address)
            return True
        return False


def _error(message: Mapping[str, Any]) -> str:
    """Return address, summary and detail of an error in Terraform's output, on one line."""
    diagnostic = message.get("diagnostic", {})
    summary = str(diagnostic.get("summary", message.get("@message")))
    detail = " ".join(str(diagnostic.get("detail", "")).split())
    return ": ".join(filter(None, (diagnostic.get("address"), summary, detail)))


@contextmanager
def copied(
    stack: Path, project: Path, *, terraform: Terraform, scratch: Path, endpoint: Endpoint
) -> Iterator[Stack]:
    """Copy a stack and its modules, connect the copy to the local AWS, and initialise it.

    ``scratch`` need not exist. All that is not killed uses a provider that keeps running. At the
    end of the block every process ends, and signals are ignored from then on. Raises
    ``TerraformError``.
    """
    # A killed provider leaves its socket in TMPDIR.
    temporary = scratch / "tmp"
    temporary.mkdir(parents=True)
    environ = server.environment(endpoint) | {"TMPDIR": str(temporary)}
    overrides = server.overrides(endpoint, endpoints=False)
    with Workspace(terraform, scratch, environ=environ) as workspace, ignore_signals_on_exit():
        copy = workspace.prepare(stack, project=project, overrides=overrides, applies=True)
        yield Stack(terraform, copy.folder, copy.environ, workspace.processes, copy.attach)


def _without(command: Callable[[Mapping[str, str]], _Result]) -> _Result:
    return command({})


@dataclass(frozen=True)
class Stack:
    """An initialised copy of a stack."""

    terraform: Terraform
    folder: Path
    environ: Mapping[str, str]
    processes: Processes
    attach: Attach = _without
    _shown: dict[bytes, bytes] = field(default_factory=dict, compare=False)

    @property
    def log(self) -> Path:
        """The file with Terraform's output."""
        return self.folder / "terraform.log"

    def plan(self, name: str) -> tuple[bool, dict[str, Any]]:
        """Plan and save the plan by a name; return whether there are changes, and the plan.

        The plan is also saved as JSON. Raises ``TerraformError``.
        """
        file = self.folder / f"{name}.tfplan"
        command = ["plan", *_QUIET, "-detailed-exitcode", f"-out={file}"]

        def has_changes(variables: Mapping[str, str]) -> bool:
            try:
                finished = self.processes.run(
                    [self.terraform.path, *command],
                    cwd=self.folder,
                    environ={**self.environ, **variables},
                    seconds=_SECONDS,
                )
            except (OSError, TimeoutError) as error:
                raise TerraformError(f"terraform plan could not run: {error}") from error
            with self.log.open("ab") as log:
                log.write(finished.output.encode())
            if finished.code not in (0, 2):
                raise TerraformError(f"terraform plan failed in the rehearsal:\n{finished.output}")
            return finished.code == 2

        changed = self.attach(has_changes)
        plan = self._run("show", "-json", str(file))
        self._json(name).write_bytes(plan)
        return changed, json.loads(plan)

    def plan_json(self, name: str) -> bytes:
        """Return the saved plan with that name as JSON."""
        return self._json(name).read_bytes()

    def _json(self, name: str) -> Path:
        return self.folder / f"{name}.plan.json"

    def apply(
        self, name: str, progress: Progress = ignore, *, kill_after: int | None = None
    ) -> Applied:
        """Apply the plan with that name, and return the progress.

        With ``kill_after``, Terraform and its provider are killed when so many resources are done.
        """
        return self._follow("apply", f"{name}.tfplan", progress, kill_after)

    def destroy(self, progress: Progress = ignore, *, kill_after: int | None = None) -> Applied:
        """Destroy the stack, and return the progress; ``kill_after`` works as in ``apply``."""
        return self._follow("destroy", "-auto-approve", progress, kill_after)

    def get(self) -> None:
        """Find the modules of changed files; raises ``TerraformError``."""
        self._run("get", "-no-color")

    def forget(self, address: str) -> None:
        """Remove a resource from the state, not from AWS; raises ``TerraformError``."""
        self._run("state", "rm", address)

    def taint(self, address: str) -> None:
        """Let the next plan replace a resource; raises ``TerraformError``."""
        self._run("taint", address)

    def refreshed_state(self) -> bytes:
        """Return the state file, after it was compared with AWS; raises ``TerraformError``."""
        self._run("apply", "-refresh-only", "-auto-approve", *_QUIET)
        return (self.folder / STATE_FILE).read_bytes()

    def state(self) -> dict[str, Any]:
        """Return the state as ``terraform show -json`` prints it.

        That takes seconds, because Terraform starts the provider. Most steps of a rehearsal do not
        change the state, so the same state file is shown once.
        """
        file = self.folder / STATE_FILE
        written = file.read_bytes() if file.is_file() else b""
        if written not in self._shown:
            self._shown[written] = self._run("show", "-json")
        state: dict[str, Any] = json.loads(self._shown[written])
        return state

    def _run(self, *arguments: str) -> bytes:
        return self.attach(
            lambda variables: self.terraform.run(
                *arguments,
                cwd=self.folder,
                environ={**self.environ, **variables},
                processes=self.processes,
                subject="the rehearsal",
            )
        )

    def _follow(
        self, command: str, argument: str, progress: Progress, kill_after: int | None
    ) -> Applied:
        applied = Applied()

        with self.log.open("ab") as log:

            def read(group: int, line: bytes) -> None:
                log.write(line)
                # After the kill only the lines that Terraform wrote before it are left to read.
                if not applied.read(line) or applied.killed:
                    return
                progress(len(applied.finished))
                if len(applied.finished) == kill_after:
                    applied.killed = True
                    applied.postponed = kill_between_writes(group, self.folder / STATE_FILE)

            def run(variables: Mapping[str, str]) -> Finished:
                return self.processes.follow(
                    [self.terraform.path, command, "-json", "-input=false", argument],
                    read,
                    cwd=self.folder,
                    environ={**self.environ, **variables},
                    seconds=_SECONDS,
                )

            # A running provider would outlive the kill: it is not in Terraform's process group.
            finished = (_without if kill_after else self.attach)(run)
            log.write(finished.stderr.encode())
        applied.code = finished.code
        if applied.code != 0 and not applied.killed and not applied.errors:
            text = " ".join(finished.stderr.split())
            applied.errors.append(text or f"exit code {applied.code}")
        return applied


def kill_between_writes(group: int, state: Path) -> int:
    """Kill a process group when its state file is complete; return how often it was not.

    Terraform truncates a local state file before it writes it. A kill in between leaves an empty
    file, which the next run treats as no state. An environment's state is an object in S3, which
    is written as a whole or not at all.
    """
    postponed = 0
    while True:
        os.killpg(group, signal.SIGSTOP)
        time.sleep(0.02)  # The signal stops every thread, but not at once.
        if _is_complete(state) or postponed > _ATTEMPTS:
            os.killpg(group, signal.SIGKILL)
            return postponed
        postponed += 1
        os.killpg(group, signal.SIGCONT)
        time.sleep(0.02)


def _is_complete(state: Path) -> bool:
    try:
        return "resources" in json.loads(state.read_bytes())
    except (OSError, ValueError):
        return False
