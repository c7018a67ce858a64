"""Check what finbase needs on the machine and in the project, and how to fix problems."""

from __future__ import annotations

import os
import platform
import re
import shlex
import shutil
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from finbase.errors import FinbaseError
from finbase.project.terraform_files import PROVIDER
from finbase.system import packages
from finbase.system.printable import printable_name

if TYPE_CHECKING:
    from finbase.environment.model import Environment
    from finbase.terraform.program import Terraform

State: TypeAlias = Literal["fine", "missing", "wrong"]
"""``missing``: only some commands need it; ``wrong``: must be fixed."""

_FIX_ALL = "fix these lines; `finbase explain CODE` explains each code"
_EXTRA = "rehearsal"
_EXTRA_NAMES = ("flask", "flask-cors", "moto")


@dataclass(frozen=True)
class Finding:
    """The state of one subject.

    ``fix`` is the shell command that fixes a problem, and ``hint`` explains it. Both are empty if
    the state is fine, and either may be empty otherwise.
    """

    subject: str
    state: State
    found: str
    fix: str = ""
    hint: str = ""


def examine(start: Path | None = None) -> Iterator[Finding]:
    """Yield the findings on the machine, then on the project at ``start`` or the current folder.

    Writes no files, and reports every problem as a finding instead of raising it.
    """
    from finbase.project.find import find_project

    try:
        root: Path | None = find_project(start)
    except FinbaseError as error:
        root, not_found = None, error
    yield _python()
    yield _libraries()
    yield from _terraform(root)
    yield _git(root)
    yield _postgresql()
    yield _rehearsal()
    yield _cache()
    if root is not None:
        yield from _project(root)
    else:
        yield Finding("project", "wrong", not_found.message, hint=not_found.hint or "")


# --- the machine ----------------------------------------------------------------------------------


def _python() -> Finding:
    return Finding("Python", "fine", f"{platform.python_version()}, {sys.executable}")


def _libraries() -> Finding:
    required = [name for name, _, marker in packages.requirements() if "extra" not in marker]
    missing = [name for name in required if not packages.version(name)]
    if missing:
        needed = [f"{name}{spec}" for name, spec, _ in packages.requirements() if name in missing]
        what = f"not installed: {', '.join(missing)}"
        return Finding("libraries", "wrong", what, packages.pip_install(needed))
    return Finding("libraries", "fine", _listed(required))


def _listed(names: Iterable[str]) -> str:
    return ", ".join(f"{name} {packages.version(name)}" for name in names)


def _terraform(root: Path | None) -> Iterator[Finding]:
    from finbase.terraform.program import find_terraform

    try:
        terraform = find_terraform()
    except FinbaseError as error:
        fix = packages.install("opentofu")
        yield Finding("Terraform", "wrong", error.message, fix, error.hint or "")
        return
    from finbase.aws.supported import unproven

    version = ".".join(map(str, terraform.version))
    note = unproven(version, product=terraform.product)
    what = f"{terraform.product} {version}, {terraform.path}"
    yield Finding("Terraform", "fine", f"{what}; {note}" if note else what)
    yield _provider(terraform, root)


def _provider(terraform: Terraform, root: Path | None) -> Finding:
    from finbase.terraform.provider import find_provider

    installation = find_provider(terraform)
    pinned = _pinned(root) if root else {}
    required = ", ".join(sorted(set(pinned.values())))
    what = f"{PROVIDER} {required} from {installation.origin}".replace("  ", " ")
    if not installation.mirrors:
        return Finding("AWS provider", "fine", what)
    mirrored = {v for mirror in installation.mirrors for v in mirror.versions(terraform.platform)}
    for stack, version in pinned.items():
        if version not in mirrored:
            available = ", ".join(sorted(mirrored))
            what += (
                f", which has only {available}; Terraform will download it from {terraform.host}"
            )
            folder = shlex.quote(str(stack))
            fix = f"{terraform.command} -chdir={folder} providers mirror ~/.terraform.d/plugins"
            return Finding("AWS provider", "missing", what, fix)
    return Finding("AWS provider", "fine", what)


def _pinned(root: Path) -> dict[Path, str]:
    """Return the provider version that each rendered stack pins, by its folder."""
    from finbase.project.files import is_real_file
    from finbase.source.hcl_scan import scan, string_value

    versions = {}
    for path in sorted((root / "environments").glob("*/versions.tf")):
        is_file = is_real_file(path) and not path.parent.is_symlink()
        text = path.read_text(encoding="utf-8", errors="replace") if is_file else ""
        for block in scan(text).walk("required_providers"):
            for expression in block.attributes.values():
                provider = scan(expression.strip("{}")).attributes
                version = string_value(provider.get("version", ""))
                if version and provider.get("source") == f'"{PROVIDER}"':
                    versions[path.parent] = version.removeprefix("=").strip()
    return versions


def _git(root: Path | None) -> Finding:
    path = shutil.which("git")
    if not path:
        what = "not on PATH; `finbase affected` and the repair of edited releases need it"
        hint = "install the package git"
        return Finding("git", "missing", what, packages.install("git"), hint)
    if root is None:
        return Finding("git", "fine", path)
    from finbase.project.git import Repository

    try:
        Repository(root)
    except FinbaseError as error:
        fix = f"git -C {shlex.quote(str(root))} init"
        return Finding("git", "missing", f"{path} works; {error.message}", fix, error.hint or "")
    return Finding("git", "fine", path)


def _postgresql() -> Finding:
    from finbase.sandbox.postgres.find import find_postgres, major_version, require_pgaudit

    fix = packages.install("postgresql")
    try:
        folder = find_postgres()
        fix = packages.install("pgaudit").format(major_version())
        require_pgaudit()
    except FinbaseError as error:
        return Finding("PostgreSQL", "missing", error.message, fix, error.hint or "")
    return Finding("PostgreSQL", "fine", str(folder))


def _rehearsal() -> Finding:
    declared = [(name, spec) for name, spec, marker in packages.requirements() if _EXTRA in marker]
    required = declared or [(name, "") for name in _EXTRA_NAMES]
    missing = [name for name, _ in required if not packages.version(name)]
    if missing:
        what = f"finbase rehearse and finbase sandbox need {', '.join(missing)}"
        return Finding(
            "local AWS", "missing", what, packages.pip_install(f"{n}{spec}" for n, spec in required)
        )
    return Finding("local AWS", "fine", _listed(name for name, _ in required))


def _cache() -> Finding:
    from finbase.system.user_folders import cache_home, is_private

    elsewhere = "set XDG_CACHE_HOME to a folder that only you can write to"
    try:
        folder = cache_home() / "finbase"
        if not folder.exists():
            return Finding("cache", "fine", f"{folder}, created by the next render")
        private = is_private(folder.lstat())
        if not private or not os.access(folder, os.W_OK):
            problem = "you cannot write to" if private else "other users can write to"
            what = f"not used: {problem} {folder}"
            return Finding(
                "cache", "missing", what, f"rm -rf {shlex.quote(str(folder))}", elsewhere
            )
        size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    except RuntimeError as error:
        return Finding("cache", "missing", f"not used: {error}", hint=elsewhere)
    except OSError as error:
        what = f"not used: {error.filename}: {error.strerror}"
        return Finding("cache", "missing", what, hint=elsewhere)
    return Finding("cache", "fine", f"{folder}, {size // 1024} KiB; it can be deleted at any time")


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
        yield Finding("render", "wrong", "a render was interrupted, or is still running", render)
        return  # Until it is undone, other findings would be misleading.
    yield _features(root)
    registry = Registry(root)
    try:
        environments = load_environments(root, registry, ())
    except FinbaseError as error:
        yield Finding("environments", "wrong", error.message, hint=error.hint or _FIX_ALL)
        return
    yield Finding(
        "environments", "fine", ", ".join(environment.name for environment in environments)
    )
    yield from _renovate(root, environments)
    try:
        rendered = render_project(environments, registry, root)
        breaches = integrity.verify(root, registry, rendered)
        changes = tree.compare(rendered, root, whole=True)
    except FinbaseError as error:
        yield Finding("templates", "wrong", error.message, hint=error.hint or "")
        return
    for breach in breaches:
        what = printable_name(breach.what)
        yield Finding("releases", "wrong", what, hint=printable_name(breach.fix))
    if not breaches:
        yield Finding("releases", "fine", f"{len(registry.lock.hashes)} releases, all unchanged")
        if changes.clean:
            yield Finding("render", "fine", f"{len(changes.unchanged)} files, all as rendered")
        else:
            files = f"{len(changes.steps)} files are not as rendered"
            hint = f"`{render} --check` shows the difference"
            yield Finding("render", "wrong", files, render, hint)


def _renovate(root: Path, environments: Sequence[Environment]) -> Iterator[Finding]:
    from finbase.project.git import folder_in_repository
    from finbase.scaffold import renovate

    if misplaced := folder_in_repository(root).parts and (root / renovate.NAME).is_file():
        what = f"{renovate.NAME} is not in the root of the repository, where Renovate reads it"
        hint = "move it there, or merge it into the file that is there; its paths are right"
        yield Finding("Renovate", "missing", what, hint=hint)
    try:
        missed = renovate.missed(root, environments)
    except (ValueError, TypeError, re.error) as error:
        hint = "write it as JSON, with expressions that Python reads too"
        yield Finding(
            "Renovate", "missing", f"{renovate.NAME} was not compared: {error}", hint=hint
        )
        return
    if missed is None:
        return
    if missed:
        what = f"{renovate.NAME} does not find {', '.join(missed)}"
        hint = (
            "write these pins as `finbase init` does, or add an expression to `matchStrings`; "
            "Renovate proposes no newer version of them"
        )
        yield Finding("Renovate", "missing", what, hint=hint)
    elif not misplaced:
        yield Finding("Renovate", "fine", f"{renovate.NAME} finds every pin of the environments")


def _features(root: Path) -> Finding:
    from finbase.judge.catalogue import load_failures

    features = root / "features"
    feature_files = sorted(features.rglob("*.feature"))
    for exists, what in (
        ((features / "failures.yaml").is_file(), f"{features / 'failures.yaml'} is missing"),
        (bool(feature_files), f"{features} has no feature files"),
    ):
        if not exists:
            fix = f"git -C {shlex.quote(str(root))} checkout HEAD -- features"
            hint = "restore the features of the project; without them no plan can be checked"
            return Finding("features", "wrong", what, fix, hint)
    try:
        failures = load_failures(features)
    except FinbaseError as error:
        return Finding("features", "wrong", error.message, hint=error.hint or "")
    return Finding(
        "features", "fine", f"{len(failures)} failures, {len(feature_files)} feature files"
    )
