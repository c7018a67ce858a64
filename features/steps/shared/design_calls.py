"""Find the module calls of a plan's configuration, and the modules of the design among them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from databases import module_of
from design_profile import Profile, design, project_profile, with_additions
from sources import Sources
from stack_graph import Resource, Stack, once


class Call(NamedTuple):
    """One module of the configuration: its folder name, its version and its own blocks."""

    path: tuple[str, ...]
    module: str
    version: str
    configuration: Mapping[str, Any]
    call: Mapping[str, Any]


def profile_of(stack: Stack) -> Profile:
    """Return the design, with the profiles that modules of the project itself bring."""
    paths: dict[str, Path] = {}
    for call in calls_of(stack):
        if call.module and call.module not in design().modules:
            places = [project_profile(call.module, call.version)]
            if sources := sources_of(stack):
                folder = sources.folder(call.path)
                places = [folder / "design.yaml"] if folder else []
            for path in places:
                if path.is_file():
                    paths[call.module] = path
    return with_additions(tuple(sorted(paths.items())))


def is_of_design(stack: Stack, resource: Resource) -> bool:
    """Return whether a resource is in a module of the design, whose profile compares it."""
    return is_module_of_design(stack, resource.calls)


def is_module_of_design(stack: Stack, path: tuple[str, ...]) -> bool:
    """Return whether the module at a path of calls is one of the design."""
    return _modules(stack).get(path) in design().modules


@once
def _modules(stack: Stack) -> dict[tuple[str, ...], str]:
    return {call.path: call.module for call in calls_of(stack)}


@once
def sources_of(stack: Stack) -> Sources | None:
    """Return the HCL beside the plan; None if it is not available."""
    sources = Sources(stack.folder) if stack.folder else None
    return sources if sources and sources.available else None


def from_elsewhere(stack: Stack) -> list[str]:
    """Return the modules whose source is not a folder of the project, and their sources."""
    return [
        f"module {call.path[-1]} (from {call.call['source']})"
        for call in calls_of(stack)
        if call.path and not call.call.get("source", ".").startswith(".")
    ]


@once
def calls_of(stack: Stack) -> list[Call]:
    """Return every call of a module."""
    return list(_walk(stack.configuration, (), {}))


def _walk(
    configuration: Mapping[str, Any], path: tuple[str, ...], call: Mapping[str, Any]
) -> Iterator[Call]:
    module, version = module_of(call.get("source")) if len(path) == 1 else ("", "")
    yield Call(path, module, version, configuration, call)
    for name, child in configuration.get("module_calls", {}).items():
        yield from _walk(child.get("module", {}), (*path, name), child)
