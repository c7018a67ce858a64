"""What finbase needs on a machine and in a project: what is there, and what brings the rest."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from finbase.errors import FinbaseError
from finbase.system import packages

if TYPE_CHECKING:
    from finbase.terraform.program import Terraform

__all__ = ["Finding", "State", "examine"]

State: TypeAlias = Literal["fine", "missing", "wrong"]
"""``missing`` is what only some commands need; what is ``wrong`` has to be mended."""

_EACH = "mend the lines that are named; `finbase explain CODE` tells more of each"
_EXTRA = "rehearsal"
_EXTRA_NAMES = ("flask", "flask-cors", "moto")
_PINNED = re.compile(r'source\s*=\s*"hashicorp/aws"\s+version\s*=\s*"([^"]+)"')


@dataclass(frozen=True)
class Finding:
    """One thing that was looked at.

    ``mend`` is the very command that mends it, and ``hint`` says it in words; either may be
    empty, and both are where all is fine.
    """

    subject: str
    state: State
    found: str
    mend: str = ""
    hint: str = ""


def examine(start: Path | None = None) -> Iterator[Finding]:
    """Look at the machine, then at the project at ``start``, or at the one that we are in.

    Nothing is written, and nothing is raised for what is not as it should be.
    """
    from finbase.project.find import find_project

    try:
        root: Path | None = find_project(start)
        nowhere = None
    except FinbaseError as error:
        root, nowhere = None, error
    yield _python()
    yield _libraries()
    yield from _terraform(root)
    yield _git(root)
    yield _postgresql()
    yield _rehearsal()
    yield _cache()
    if root is not None:
        yield from _project(root)
    elif nowhere is not None:
        yield Finding("project", "missing", nowhere.message, hint=nowhere.hint or "")


# --- the machine ----------------------------------------------------------------------------------


def _python() -> Finding:
    return Finding("Python", "fine", f"{platform.python_version()}, {sys.executable}")


def _libraries() -> Finding:
    wanted = [name for name, _, marker in packages.requirements() if "extra" not in marker]
    missing = [name for name in wanted if not packages.version(name)]
    if missing:
        needed = [f"{name}{spec}" for name, spec, _ in packages.requirements() if name in missing]
        what = f"not installed: {', '.join(missing)}"
        return Finding("libraries", "wrong", what, packages.pip_install(needed))
    return Finding("libraries", "fine", _listed(wanted))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {packages.version(name)}" for name in names)


def _terraform(root: Path | None) -> Iterator[Finding]:
    from finbase.terraform.program import find_terraform

    try:
        terraform = find_terraform()
    except FinbaseError as error:
        mend = packages.install("opentofu")
        yield Finding("Terraform", "wrong", error.message, mend, error.hint or "")
        return
    version = ".".join(map(str, terraform.version))
    yield Finding("Terraform", "fine", f"{terraform.product} {version}, {terraform.path}")
    yield _provider(terraform, root)


def _provider(terraform: Terraform, root: Path | None) -> Finding:
    from finbase.terraform.provider import find_provider

    installation = find_provider(terraform)
    pinned = _pinned(root) if root else {}
    wanted = ", ".join(sorted(set(pinned.values())))
    what = f"hashicorp/aws {wanted} from {installation.origin}".replace("  ", " ")
    if not installation.mirrors:
        return Finding("AWS provider", "fine", what)
    there = {v for mirror in installation.mirrors for v in mirror.versions(terraform.platform)}
    for stack, version in pinned.items():
        if version not in there:
            what += f", which has only {', '.join(sorted(there))}; {terraform.host} will be asked"
            folder = shlex.quote(str(stack))
            mend = f"{terraform.command} -chdir={folder} providers mirror ~/.terraform.d/plugins"
            return Finding("AWS provider", "missing", what, mend)
    return Finding("AWS provider", "fine", what)


def _pinned(root: Path) -> dict[Path, str]:
    """The version of the provider that each rendered stack pins, by its folder."""
    found = {}
    for path in sorted((root / "environments").glob("*/versions.tf")):
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        if match := _PINNED.search(text):
            found[path.parent] = match[1].removeprefix("=").strip()
    return found


def _git(root: Path | None) -> Finding:
    path = shutil.which("git")
    if not path:
        what = "not on PATH; finbase affected needs it, and the way back to an edited release"
        hint = "install the package git"
        return Finding("git", "missing", what, packages.install("git"), hint)
    if root is None:
        return Finding("git", "fine", path)
    from finbase.project.git import Repository

    try:
        Repository(root)
    except FinbaseError as error:
        mend = f"git -C {shlex.quote(str(root))} init"
        return Finding("git", "missing", f"{path}, but {error.message}", mend, error.hint or "")
    return Finding("git", "fine", path)


def _postgresql() -> Finding:
    from finbase.sandbox.postgres.find import find_postgres

    try:
        return Finding("PostgreSQL", "fine", str(find_postgres()))
    except FinbaseError as error:
        mend = packages.install("postgresql")
        return Finding("PostgreSQL", "missing", error.message, mend, error.hint or "")


def _rehearsal() -> Finding:
    named = [(name, spec) for name, spec, marker in packages.requirements() if _EXTRA in marker]
    wanted = named or [(name, "") for name in _EXTRA_NAMES]
    missing = [name for name, _ in wanted if not packages.version(name)]
    if missing:
        what = f"finbase rehearse and finbase sandbox need {', '.join(missing)}"
        return Finding(
            "local AWS", "missing", what, packages.pip_install(f"{n}{spec}" for n, spec in wanted)
        )
    return Finding("local AWS", "fine", _listed(name for name, _ in wanted))


def _cache() -> Finding:
    from finbase.system.user_folders import cache_home, is_private

    elsewhere = "set XDG_CACHE_HOME to a folder of your own"
    try:
        folder = cache_home() / "finbase"
        if not folder.exists():
            return Finding("cache", "fine", f"{folder}, which the next render makes")
        if not is_private(folder.lstat()) or not os.access(folder, os.W_OK):
            what = f"nothing is remembered: {folder} is not yours alone to write to"
            return Finding(
                "cache", "missing", what, f"rm -rf {shlex.quote(str(folder))}", elsewhere
            )
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except RuntimeError as error:
        return Finding("cache", "missing", f"nothing is remembered: {error}", hint=elsewhere)
    except OSError as error:
        what = f"nothing is remembered: {error.filename}: {error.strerror}"
        return Finding("cache", "missing", what, hint=elsewhere)
    return Finding("cache", "fine", f"{folder}, {size // 1024} KiB; it may be deleted at any time")


# --- the project ----------------------------------------------------------------------------------


def _project(root: Path) -> Iterator[Finding]:
    from finbase.contract.registry import Registry
    from finbase.environment.load import load_environments
    from finbase.project import journal, tree
    from finbase.release import integrity
    from finbase.render.project import render_project

    yield Finding("project", "fine", str(root))
    render = f"finbase --project {shlex.quote(str(root))} render"
    if journal.is_pending(root):
        yield Finding("render", "wrong", "one was interrupted, or is at work now", render)
        return  # Till that is undone, anything may look broken.
    yield _features(root)
    registry = Registry(root)
    try:
        environments = load_environments(root, registry, ())
    except FinbaseError as error:
        yield Finding("environments", "wrong", error.message, hint=error.hint or _EACH)
        return
    yield Finding("environments", "fine", ", ".join(each.name for each in environments))
    try:
        rendered = render_project(environments, registry, root)
        breaches = integrity.verify(root, registry, rendered)
        changes = tree.compare(rendered, root, whole=True)
    except FinbaseError as error:
        yield Finding("templates", "wrong", error.message, hint=error.hint or "")
        return
    for breach in breaches:
        yield Finding("releases", "wrong", breach.what, hint=breach.fix)
    if not breaches:
        yield Finding("releases", "fine", f"{len(registry.lock.hashes)}, each as it was released")
        if changes.clean:
            yield Finding("render", "fine", f"{len(changes.unchanged)} files, all as rendered")
        else:
            files = f"{len(changes.steps)} files are not as rendered"
            hint = f"`{render} --check` shows the difference"
            yield Finding("render", "wrong", files, render, hint)


def _features(root: Path) -> Finding:
    from finbase.judge.catalogue import load_failures

    features = root / "features"
    found = sorted(features.rglob("*.feature"))
    for there, what in (
        ((features / "failures.yaml").is_file(), f"{features / 'failures.yaml'} is missing"),
        (bool(found), f"{features} holds no feature files"),
    ):
        if not there:
            mend = f"git -C {shlex.quote(str(root))} checkout HEAD -- features"
            hint = "put the features of the project back: without them no plan is judged"
            return Finding("features", "wrong", what, mend, hint)
    try:
        failures = load_failures(features)
    except FinbaseError as error:
        return Finding("features", "wrong", error.message, hint=error.hint or "")
    return Finding("features", "fine", f"{len(failures)} failures, {len(found)} feature files")
