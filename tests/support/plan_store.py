"""Plan each distinct tree once in a test run, whichever tests and workers ask for it."""

from __future__ import annotations

import fcntl
import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from finbase.system.progress import ignore
from finbase.terraform.offline import used_folders
from finbase.terraform.program import Terraform
from finbase.terraform.provider import Installation
from finbase.terraform.workspace import Workspace


class PlanStore(Workspace):
    """A workspace that reads a plan from ``folder`` if the same tree was planned before.

    The workers of a test run share the folder, and wait for a plan that another one is making.
    """

    def __init__(
        self,
        terraform: Terraform,
        scratch: Path,
        folder: Path,
        provider: Installation | None = None,
    ) -> None:
        super().__init__(terraform, scratch, provider)
        self._folder = folder
        self._off = False

    @contextmanager
    def off(self) -> Iterator[Workspace]:
        """Plan each tree again, for tests of the planning itself."""
        self._off = True
        try:
            yield self
        finally:
            self._off = False

    def plan(
        self,
        stack: Path,
        *,
        project: Path,
        state: bytes | None = None,
        copied: Callable[[Path, Path], object] = ignore,
    ) -> bytes:
        """Return the stored plan of the same files and the same state, or plan and store it."""
        if self._off:
            return super().plan(stack, project=project, state=state, copied=copied)
        if copied is not ignore:  # The caller looks at a copy, and that is what is planned.
            tree = self._copy(stack, project, copied)
            stack, project = tree.folder, tree.root
        name = f"{_hash(stack.resolve(), project.resolve(), state, but='tests')}.json"
        return self._once(
            name, lambda: super(PlanStore, self).plan(stack, project=project, state=state)
        )

    def validate(self, folder: Path, *, project: Path) -> None:
        """Validate a folder, unless the same files were valid before."""
        if self._off:
            super().validate(folder, project=project)
            return

        def validate() -> bytes:
            super(PlanStore, self).validate(folder, project=project)
            return b""

        self._once(f"{_hash(folder.resolve(), project.resolve(), None)}.valid", validate)

    def _once(self, name: str, make: Callable[[], bytes]) -> bytes:
        """Return the content of a file, which ``make`` returns if there is none."""
        file = self._folder / name
        with (self._folder / f"{name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not file.is_file():
                new = self._folder / f"{name}.new"
                new.write_bytes(make())
                new.rename(file)
            return file.read_bytes()


def _hash(stack: Path, project: Path, state: bytes | None, but: str = "") -> str:
    """Return a hash of names and contents of files, and of the state.

    ``but`` is a folder whose files decide nothing: a plan reads no tests of modules.
    """
    digest = hashlib.sha256(f"{stack.relative_to(project)}\0".encode())
    digest.update(b"no state" if state is None else hashlib.sha256(state).digest())
    for folder in sorted(used_folders(stack, project)):
        for path in sorted(folder.rglob("*")):
            if path.is_file() and not {".terraform", but} & {*path.relative_to(folder).parts}:
                digest.update(f"\0{path.relative_to(project)}\0".encode())
                digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
