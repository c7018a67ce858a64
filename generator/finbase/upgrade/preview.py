"""Preview the upgrade of an environment's pins.

The environment is validated and rendered with the old and the new pins in a scratch folder, and
both stacks are planned offline. The project is not changed.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from finbase.contract.contract import Contract
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.load import read
from finbase.environment.model import Environment, ModuleUse
from finbase.errors import Diagnostic, FinbaseError, InputError
from finbase.plan.effects import Effect, effects
from finbase.project.files import Tree
from finbase.project.journal import Step
from finbase.project.tree import compare, lay_out, read_folder
from finbase.release.integrity import folder_of, verify
from finbase.release.interface import read_interface
from finbase.release.notes import UpgradeNote, upgrade_notes
from finbase.render.module import render_module
from finbase.render.project import render_project
from finbase.render.stack import render_stacks
from finbase.system.progress import Watch, ignore
from finbase.terraform.program import Terraform
from finbase.terraform.workspace import Workspace
from finbase.upgrade.pins import with_pins


@dataclass(frozen=True)
class InputChange:
    """An input that is new, removed, or has another default; defaults as JSON, empty if none.

    ``overridden`` is True if the environment sets the input, so that its default does not matter.
    """

    name: str
    what: str
    before: str
    after: str
    overridden: bool


@dataclass(frozen=True)
class ModuleUpgrade:
    """One changed pin, with the notes of all releases in between."""

    name: str
    before: Version
    after: Version
    inputs: tuple[InputChange, ...]
    notes: tuple[UpgradeNote, ...]


@dataclass(frozen=True)
class Upgrade:
    """Everything that an upgrade changes.

    ``problems`` are the errors of the environment file at the new versions; if there are any,
    ``after`` is None and nothing was planned. ``original`` is the content of the file, ``text``
    the content with the new pins.
    """

    before: Environment
    after: Environment | None
    original: bytes
    text: bytes
    modules: tuple[ModuleUpgrade, ...]
    effects: tuple[Effect, ...]
    problems: tuple[Diagnostic, ...] = ()

    @property
    def losses(self) -> tuple[Effect, ...]:
        """The effects that destroy or replace a resource that holds data."""
        return tuple(effect for effect in self.effects if effect.loses)


def preview(
    root: Path,
    registry: Registry,
    environment: Environment,
    pins: Mapping[str, Version],
    terraform: Terraform,
    progress: Watch = ignore,
) -> Upgrade:
    """Plan an environment with its old and its new ``pins``.

    ``progress`` receives the start and the end of both plans. Raises ``TerraformError`` if a
    stack cannot be planned, and ``FinbaseError`` if the files of a version are missing.
    """
    path = root / environment.document.path
    original = path.read_bytes()
    text = with_pins(environment.document, original.decode(), pins).encode()
    modules = tuple(
        _module(root, registry, environment.module(name), version) for name, version in pins.items()
    )
    try:
        after = read(environment.document.path, text, registry, root)
    except InputError as error:
        return Upgrade(environment, None, original, text, modules, (), error.diagnostics)
    changes = effects_between(root, registry, environment, after, terraform, progress)
    return Upgrade(environment, after, original, text, modules, changes)


def effects_between(
    root: Path,
    registry: Registry,
    before: Environment,
    after: Environment,
    terraform: Terraform,
    progress: Watch = ignore,
) -> tuple[Effect, ...]:
    """Plan two versions of an environment offline, and return what the second changes.

    Raises as ``preview``.
    """
    planned, planned_after = _plans(root, registry, (before, after), terraform, progress)
    old_versions = {use.name: use.version for use in before.modules}
    moved: dict[str, str] = {}
    ignored: dict[str, frozenset[str]] = {}
    for use in after.modules:
        interface = read_interface(_files(root, registry, use.contract))
        for instance in use.instances:
            prefix = f"module.{use.label(instance)}."
            if old_versions.get(use.name) != use.version:
                moved |= {f"{prefix}{a}": f"{prefix}{b}" for a, b in interface.moved.items()}
            for resource in interface.resources.values():
                ignored[f"{prefix}{resource.address}"] = resource.ignored
    return effects(planned, planned_after, moved, ignored)


def steps(upgrade: Upgrade, registry: Registry, root: Path) -> dict[PurePosixPath, Step]:
    """Return what the upgrade writes, for ``tree.apply``: the file, its stack, and drafts.

    Raises ``FinbaseError`` if the file is invalid at the new versions or was changed since the
    preview, if a release was changed, and if files would be lost.
    """
    if upgrade.after is None:
        raise InputError(upgrade.problems)
    return file_steps(upgrade.after, upgrade.original, upgrade.text, registry, root)


def file_steps(
    after: Environment, original: bytes, text: bytes, registry: Registry, root: Path
) -> dict[PurePosixPath, Step]:
    """Return what a new ``text`` of an environment's file writes: the file, its stack, drafts.

    ``after`` is the environment of that text. Raises ``FinbaseError`` as ``steps``.
    """
    rendered = render_project((after,), registry, root)
    if verify(root, registry, rendered):
        raise FinbaseError(
            "a release was changed, so nothing is written",
            "run `finbase render --check` for the fix",
        )
    changes = compare(rendered, root)
    if changes.foreign:
        raise FinbaseError(
            f"these files were not rendered by finbase: {', '.join(map(str, changes.foreign))}",
            "move them out of the rendered folders",
        )
    path = PurePosixPath(after.document.path)
    if (root / path).read_bytes() != original:
        raise FinbaseError(
            f"{path} was changed meanwhile, so nothing is written", "run the command again"
        )
    return {**changes.steps, path: (original, text)}


def _module(
    root: Path, registry: Registry, use: ModuleUse | None, version: Version
) -> ModuleUpgrade:
    if use is None:
        raise FinbaseError(
            "the environment does not use the module", "add the module to the file first"
        )
    return ModuleUpgrade(
        use.name,
        use.version,
        version,
        tuple(_inputs(use, registry.get(use.name, version))),
        upgrade_notes(root, use.name, use.version, version),
    )


def _inputs(use: ModuleUse, after: Contract) -> Iterator[InputChange]:
    old = {declared.name: declared for declared in use.contract.inputs}
    new = {declared.name: declared for declared in after.inputs}
    for name in [*new, *(name for name in old if name not in new)]:
        overridden = any(name in instance.inputs for instance in use.instances)
        before, now = (
            "" if not (entry := inputs.get(name)) or entry.required else json.dumps(entry.default)
            for inputs in (old, new)
        )
        if name not in old:
            yield InputChange(name, "new" if now else "new, required", "", now, overridden)
        elif name not in new:
            yield InputChange(name, "removed", before, "", overridden)
        elif before != now:
            yield InputChange(
                name, "new default" if now else "now required", before, now, overridden
            )


def _plans(
    root: Path,
    registry: Registry,
    environments: tuple[Environment, Environment],
    terraform: Terraform,
    progress: Watch,
) -> list[Any]:
    """Plan both stacks, each in a scratch project with only the files that it needs."""
    with (
        tempfile.TemporaryDirectory(prefix="finbase-") as scratch,
        ThreadPoolExecutor(max_workers=2) as pool,
    ):
        projects = []
        for number, environment in enumerate(environments):
            project = Path(scratch, str(number))
            lay_out(render_stacks([environment], root), project)
            for use in environment.modules:
                lay_out(_files(root, registry, use.contract), project)
            projects.append(project / "environments" / environment.name)
        workspace_folder = Path(scratch, "workspace")
        workspace_folder.mkdir()
        with Workspace(terraform, workspace_folder) as workspace:

            def plan(version: str, stack: Path) -> bytes:
                progress(version, "plan")
                planned = workspace.plan(stack, project=stack.parent.parent)
                progress(version, "")
                return planned

            running = pool.map(plan, ("before", "after"), projects)
            return [json.loads(planned) for planned in running]


def _files(root: Path, registry: Registry, contract: Contract) -> Tree:
    """Return the files of a version of a module from disk, or render them if it is a draft."""
    if (contract.name, contract.version) not in registry.lock:
        return render_module(contract, root / "templates")
    folder = folder_of(contract.name, contract.version)
    files = read_folder(root, folder)
    if not files:
        raise FinbaseError(
            f"{folder} was released but its files are missing",
            "run `finbase render --check` for the fix",
        )
    return files
