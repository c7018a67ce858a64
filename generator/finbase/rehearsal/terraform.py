"""Terraform on a copy of a stack whose AWS is a local one.

Unlike the plans of ``workspace``, these commands take minutes, so what Terraform says is read as
it says it, and a command can be killed in the middle as a power cut would.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from finbase.errors import TerraformError
from finbase.system.processes import Processes
from finbase.terraform.program import Terraform
from finbase.terraform.workspace import Workspace

__all__ = ["Applied", "RehearsalWorkspace", "Stack", "Watch", "kill_between_writes", "managed"]

Watch = Callable[["Applied"], bool]
"""Told of each resource that is finished; true to kill Terraform and its provider there."""

STATE = "terraform.tfstate"
_SECONDS = 1800.0
_ATTEMPTS = 200
_MADE = "apply_complete"
_QUIET = ("-no-color", "-input=false")


@dataclass
class Applied:
    """How far an apply or a destroy has come.

    ``finished`` has the addresses that were created, changed or destroyed, in that order, ``begun``
    those that were begun and not finished, ``errors`` what Terraform said of failures. ``torn`` is
    how often a kill would have come into the writing of the state.
    """

    finished: list[str] = field(default_factory=list)
    begun: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    killed: bool = False
    torn: int = 0
    code: int = 0

    def read(self, line: bytes) -> bool:
        """Take up one line of Terraform's JSON; true where a resource is finished."""
        try:
            said = json.loads(line)
        except ValueError:
            return False
        if said.get("@level") == "error":
            diagnostic = said.get("diagnostic", {})
            text = f"{diagnostic.get('summary', said.get('@message'))}"
            about = diagnostic.get("address")
            detail = " ".join(str(diagnostic.get("detail", "")).split())
            parts = (f"{about}: {text}" if about else text, detail)
            self.errors.append(": ".join(part for part in parts if part))
        hook = said.get("hook", {})
        address = str(hook.get("resource", {}).get("addr", ""))
        if hook.get("action") == "read" or not address:
            return False
        if said.get("type") == "apply_start":
            self.begun.append(address)
        elif said.get("type") == "apply_errored":
            self._end(address)
        elif said.get("type") == _MADE:
            self._end(address)
            self.finished.append(address)
            return True
        return False

    def _end(self, address: str) -> None:
        with suppress(ValueError):
            self.begun.remove(address)


class RehearsalWorkspace:
    """A workspace whose copies stay, and are applied."""

    def __init__(self, terraform: Terraform, scratch: Path) -> None:
        # A killed provider leaves its socket in the folder for temporary files.
        temporary = scratch / "tmp"
        temporary.mkdir()
        self._terraform = terraform
        self._workspace = Workspace(terraform, scratch, environ={"TMPDIR": str(temporary)})

    def __enter__(self) -> RehearsalWorkspace:
        return self

    def __exit__(self, *_: object) -> None:
        self._workspace.processes.close()

    def lay_out(
        self,
        stack: Path,
        *,
        project: Path,
        overrides: Mapping[str, str],
        variables: Mapping[str, str],
    ) -> Stack:
        """Copy the stack and its modules, add these override files, and initialise the copy.

        ``variables`` are added to Terraform's environment. Raises ``TerraformError``.
        """
        folder, environ = self._workspace.prepare(stack, project=project, overrides=overrides)
        return Stack(self._terraform, folder, {**environ, **variables}, self._workspace.processes)


@dataclass(frozen=True)
class Stack:
    """A copy that can be applied. ``log`` in its folder has all that Terraform has said."""

    terraform: Terraform
    folder: Path
    environ: Mapping[str, str]
    processes: Processes

    @property
    def log(self) -> Path:
        """All that Terraform has said of applies and destroys."""
        return self.folder / "terraform.log"

    def plan(self, name: str) -> tuple[bool, dict[str, Any]]:
        """Plan into the file ``name``; the result says whether there are changes, and the plan.

        The plan as JSON is kept beside it. Raises ``TerraformError``.
        """
        file = self.folder / f"{name}.tfplan"
        command = ["plan", *_QUIET, "-detailed-exitcode", f"-out={file}"]
        try:
            finished = self.processes.run(
                [self.terraform.path, *command],
                cwd=self.folder,
                environ=self.environ,
                seconds=_SECONDS,
            )
        except (OSError, TimeoutError) as error:
            raise TerraformError(f"terraform plan could not run: {error}") from error
        with self.log.open("ab") as log:
            log.write(finished.output.encode())
        if finished.code not in (0, 2):
            raise TerraformError(f"terraform plan failed in the rehearsal:\n{finished.output}")
        shown = self._run("show", "-json", str(file))
        (self.folder / f"{name}.plan.json").write_bytes(shown)
        return finished.code == 2, json.loads(shown)

    def apply(self, name: str, watch: Watch) -> Applied:
        """Apply the plan of that name, to its end, to an error or to where it is killed."""
        return self._follow("apply", watch, f"{name}.tfplan")

    def destroy(self, watch: Watch) -> Applied:
        """Destroy the stack, likewise."""
        return self._follow("destroy", watch, "-auto-approve")

    def state(self) -> dict[str, Any]:
        """The state as ``terraform show -json`` gives it."""
        shown: dict[str, Any] = json.loads(self._run("show", "-json"))
        return shown

    def _run(self, *arguments: str) -> bytes:
        return self.terraform.run(
            *arguments,
            cwd=self.folder,
            environ=self.environ,
            processes=self.processes,
            about="the rehearsal",
        )

    def _follow(self, command: str, watch: Watch, *arguments: str) -> Applied:
        applied = Applied()

        with self.log.open("ab") as log:

            def read(group: int, line: bytes) -> None:
                log.write(line)
                # After the kill only the lines that Terraform wrote before it are left to read.
                if applied.read(line) and not applied.killed and watch(applied):
                    applied.killed = True
                    applied.torn = kill_between_writes(group, self.folder / STATE)

            finished = self.processes.follow(
                [self.terraform.path, command, "-json", "-input=false", *arguments],
                read,
                cwd=self.folder,
                environ=self.environ,
                seconds=_SECONDS,
            )
            log.write(finished.stderr.encode())
        applied.code = finished.code
        if applied.code != 0 and not applied.killed and not applied.errors:
            text = " ".join(finished.stderr.split())
            applied.errors.append(text or f"exit code {applied.code}")
        return applied


def kill_between_writes(group: int, state: Path) -> int:
    """Kill a process group when its state file is whole; returns how often it was not.

    Terraform empties a local state file and then writes it. Killed in between, it leaves an empty
    file, which the next run takes for no state at all. The state of an environment is an object in
    S3, which is there as a whole or not at all.
    """
    torn = 0
    while True:
        os.killpg(group, signal.SIGSTOP)
        time.sleep(0.02)  # The signal stops every thread, but not at once.
        if _is_whole(state) or torn > _ATTEMPTS:
            os.killpg(group, signal.SIGKILL)
            return torn
        torn += 1
        os.killpg(group, signal.SIGCONT)
        time.sleep(0.02)


def _is_whole(state: Path) -> bool:
    try:
        return "resources" in json.loads(state.read_bytes())
    except (OSError, ValueError):
        return False


def managed(state: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield every managed resource of a state, of all modules."""
    queue = [state.get("values", {}).get("root_module", {})]
    while queue:
        module = queue.pop()
        queue += module.get("child_modules", ())
        yield from (r for r in module.get("resources", ()) if r["mode"] == "managed")
