"""Complete names of the project in a shell: environments, modules, versions, codes and failures.

Completion must be fast: it loads click and reads YAML from the cache of parsed texts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from pathlib import Path
from typing import Any, TypeAlias

import click
from click.shell_completion import CompletionItem

_Names: TypeAlias = Callable[[Path, click.Context, str], Iterable[str | tuple[str, str]]]
_Completer: TypeAlias = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completer(find: _Names) -> _Completer:
    """Turn a function that returns names, or pairs of name and help, into a completer."""

    @wraps(find)
    def complete(
        ctx: click.Context,
        parameter: click.Parameter,
        incomplete: str,
    ) -> list[CompletionItem]:
        from finbase.project.find import find_project

        try:
            names = list(find(find_project(ctx.find_root().params.get("project")), ctx, incomplete))
        except Exception:  # Outside a project or in a broken one; a message would spoil the prompt.
            return []
        pairs = [(name, "") if isinstance(name, str) else name for name in names]
        chosen = ctx.params.get(parameter.name or "") or ()
        return [
            CompletionItem(name, help=description or None)
            for name, description in pairs
            if name.startswith(incomplete) and not (parameter.nargs == -1 and name in chosen)
        ]

    return complete


@_completer
def environments(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Return the environments that have a file."""
    return sorted(path.stem for path in (root / "environments").glob("*.yaml"))


@_completer
def frameworks(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Return the standards and laws that have a file."""
    return sorted(path.stem for path in (root / "features" / "frameworks").glob("*.yaml"))


@_completer
def modules(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Return the modules that have templates."""
    return _modules(root)


@_completer
def pinned_modules(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Return the modules in the file of the environment that precedes on the command line."""
    modules_: Iterable[str] = _read(root / "environments" / f"{ctx.params['environment']}.yaml")[
        "modules"
    ]
    return modules_


@_completer
def releases(root: Path, ctx: click.Context, incomplete: str) -> Iterable[str]:  # noqa: ARG001
    """Complete a module's name; after ``MODULE@``, its released versions, newest first."""
    from finbase.contract.lock import Lock

    module, at, _ = incomplete.partition("@")
    if not at:
        return _modules(root)
    versions = reversed(Lock.load(root).released(module))
    return [f"{module}@{version}" for version in versions]


@_completer
def codes(root: Path, ctx: click.Context, incomplete: str) -> Iterable[tuple[str, str]]:  # noqa: ARG001
    """Return rule codes and failure ids with their titles, or after ``MODULE.`` its inputs."""
    from finbase.environment.rules.index import TITLES

    module, dot, _ = incomplete.partition(".")
    if dot:
        from finbase.contract.registry import Registry

        return [(f"{module}.{value.name}", "") for value in Registry(root).current(module).inputs]
    names = [(f"{name}.", "an input of the module") for name in _modules(root)]
    return [*TITLES.items(), *_entries(root, "failures", "title"), *names]


@_completer
def failures(root: Path, ctx: click.Context, incomplete: str) -> Iterable[tuple[str, str]]:  # noqa: ARG001
    """Return the ids of failures with their titles, and of mutations with their failure."""
    return [*_entries(root, "failures", "title"), *_entries(root, "mutations/*", "failure")]


def _entries(root: Path, name: str, key: str) -> list[tuple[str, str]]:
    """Return the id and another field of each entry in the files ``features/[own/]NAME.yaml``."""
    folders = (root / "features", root / "features" / "own")
    files = [file for folder in folders for file in sorted(folder.glob(f"{name}.yaml"))]
    return [(entry["id"], entry[key]) for file in files for entry in _read(file)]


def _read(path: Path) -> Any:
    from finbase.source.cache import YamlCache

    return YamlCache().load(path.read_bytes())


def _modules(root: Path) -> list[str]:
    names = (path.parent.name for path in (root / "templates/modules").glob("*/contract.yaml"))
    return sorted(name for name in names if not name.startswith("."))
