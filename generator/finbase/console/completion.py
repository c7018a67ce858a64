"""What a shell completes: names that lie in the project, found without loading much.

Nothing here fails: outside of a project, or in a broken one, there is nothing to complete.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import TypeAlias

import click
from click.shell_completion import CompletionItem

__all__ = ["codes", "environments", "failures", "modules", "pinned_modules", "releases"]

_Names: TypeAlias = Callable[[Path, click.Context, str], Iterable[str | tuple[str, str]]]
_Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(find: _Names) -> _Completer:
    """Make a completer of a function that gives names, or names with what is said of them."""

    @wraps(find)
    def complete(
        ctx: click.Context,
        parameter: click.Parameter,
        incomplete: str,
    ) -> list[CompletionItem]:
        from finbase.project.find import find_project

        try:
            names = list(find(find_project(ctx.find_root().params.get("project")), ctx, incomplete))
        except Exception:  # A shell has no place for any message.
            return []
        pairs = [(name, "") if isinstance(name, str) else name for name in names]
        given = ctx.params.get(parameter.name or "") or ()
        return [
            CompletionItem(name, help=said or None)
            for name, said in pairs
            if name.startswith(incomplete) and not (parameter.nargs == -1 and name in given)
        ]

    return complete


@_completer
def environments(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """The environments that have a file."""
    return sorted(path.stem for path in (root / "environments").glob("*.yaml"))


@_completer
def modules(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """The modules that have templates."""
    return _modules(root)


@_completer
def pinned_modules(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """The modules that the environment named before has, as they are called in its file."""
    file = root / "environments" / f"{ctx.params['environment']}.yaml"
    _, _, section = file.read_text(encoding="utf-8").partition("\nmodules:")
    return re.findall(r"^  ([a-z][a-z0-9_]*):", section, re.MULTILINE)


@_completer
def releases(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """The modules; after an ``@``, the versions of one, newest first."""
    name, at, _ = incomplete.partition("@")
    if not at:
        return _modules(root)
    lock = (root / "modules" / "releases.lock").read_text(encoding="utf-8")
    found = re.findall(rf"^{re.escape(name)} (\d+)\.(\d+)\.(\d+) ", lock, re.MULTILINE)
    versions = sorted((tuple(map(int, version)) for version in found), reverse=True)
    return [f"{name}@{'.'.join(map(str, version))}" for version in versions]


@_completer
def codes(root: Path, ctx: click.Context, incomplete: str) -> Iterable[tuple[str, str]]:  # noqa: ARG001
    """The codes of rules and the failures, with their titles; after a module and a dot, inputs."""
    from finbase.environment.rules.index import TITLES

    module, dot, _ = incomplete.partition(".")
    if dot:
        from finbase.contract.registry import Registry

        inputs = Registry(root).current(module).inputs
        return [(f"{module}.{each.name}", "") for each in inputs]
    names = [(f"{name}.", "an input of the module") for name in _modules(root)]
    return [*TITLES.items(), *_entries(root, "failures", "title"), *names]


@_completer
def failures(root: Path, ctx: click.Context, incomplete: str) -> Iterable[tuple[str, str]]:  # noqa: ARG001
    """The ids of the failure catalogue, and of the mutations that put its failures back."""
    return [*_entries(root, "failures", "title"), *_entries(root, "mutations", "failure")]


def _entries(root: Path, name: str, key: str) -> list[tuple[str, str]]:
    """The ids in a file of ``features/``, with another field of each; none without the file."""
    file = root / "features" / f"{name}.yaml"
    text = file.read_text(encoding="utf-8") if file.is_file() else ""
    entries = re.split(r"^- ", text, flags=re.MULTILINE)
    fields = [dict(re.findall(r"^ *(\w+): *(.+)$", entry, re.MULTILINE)) for entry in entries[1:]]
    return [(each["id"], each.get(key, "")) for each in fields]


def _modules(root: Path) -> list[str]:
    found = (path.parent.name for path in (root / "templates/modules").glob("*/contract.yaml"))
    return sorted(name for name in found if not name.startswith("."))
