"""Whether a mutation is about something that a stack has."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final, TypeAlias

from finbase.judge.edits import Edit
from finbase.judge.mutations import Files, Mutation
from finbase.source.hcl_scan import Block, scan, string_value

Place: TypeAlias = tuple[PurePosixPath, str]
"""The folder of a module or a stack, and the identity of a resource in it."""

_OPTIONAL: Final = {
    "cache": "cache",
    "replica": "replica",
    "roles": "roles in the database",
    "existing_network": "network of others",
}
"""Modules that a stack may lack, and what it has none of then."""
_CALLED: Final = re.compile(r"\bmodule\.([a-z]\w*)")
_WRITTEN: Final = re.compile(r'\bmodule "([a-z]\w*)"')
_LOCAL: Final = re.compile(r"\blocal\.([\w-]+)")


def lacking(files: Files, mutation: Mutation) -> str:
    """Return what a mutation is about and its stack lacks; empty if it lacks nothing of it.

    A stack may lack a module or a resource of its own. What a module holds depends on its version.
    """
    main = PurePosixPath("environments", mutation.environment, "main.tf")
    stack = scan(files.get(main, b"").decode())
    calls = {block.labels[0]: _module_of(block) for block in stack.blocks if block.type == "module"}
    own = {block.labels for block in stack.blocks if block.type == "resource"}
    if mutation.part and mutation.part not in calls.values():
        return _none_of(mutation.part)
    brought = {label for edit in mutation.edits for label in _WRITTEN.findall(_brought(edit))}
    for edit in mutation.edits:
        folder = re.match(r"modules/(\w+)/", edit.file)
        if folder and folder[1] not in calls.values():
            return _none_of(folder[1])
        if not edit.file.startswith("environments/"):
            continue
        header = getattr(edit.change, "block", "").partition(">")[0]
        find = getattr(edit.change, "find", "")
        labels = [*_WRITTEN.findall(header + find), *_CALLED.findall(find + _brought(edit))]
        for label in labels:
            if label not in {*calls, *brought}:
                module = next((m for m in _OPTIONAL if label.startswith(f"{m}_")), label)
                return _none_of(label if module in calls.values() else module)
        block = next(iter(scan(f"{header} {{}}").blocks), Block())
        if block.type == "resource" and block.labels not in own:
            return f"the stack has no {'.'.join(block.labels)}"
    return ""


def without_instances(files: Files, mutated: Files, planned: Collection[Place]) -> str:
    """Return the resources that a mutation changes if none of them is planned.

    Empty if one of them is, or if something else is changed.
    """
    changed = {*_changed(files, mutated)}
    of_else = any(not name for _, name in changed)
    if not changed or of_else or not changed.isdisjoint(planned):
        return ""
    return f"the stack has no {', '.join(sorted(name for _, name in changed))}"


def instances(plan: Mapping[str, Any], environment: str) -> frozenset[Place]:
    """Return the place of each resource that a plan has an instance of."""
    calls = plan["configuration"]["root_module"].get("module_calls", {})
    root = plan["planned_values"]["root_module"]
    stack = PurePosixPath("environments", environment)
    places = [(stack, resource) for resource in root.get("resources", ())]
    for module in root.get("child_modules", ()):
        label = re.split(r"[.\[]", module["address"])[1]
        folder = PurePosixPath(calls[label]["source"].removeprefix("../../"))
        places += [(folder, resource) for resource in module.get("resources", ())]
    return frozenset((folder, f"{r['type']}.{r['name']}") for folder, r in places)


def _none_of(module: str) -> str:
    return f"the stack has no {_OPTIONAL.get(module, f'module {module}')}"


def _module_of(call: Block) -> str:
    source = string_value(call.attributes.get("source", "")) or ""
    return PurePosixPath(source).parent.name


def _brought(edit: Edit) -> str:
    """Return the text that an edit adds."""
    names = ("replace", "lines", "value", "text")
    return "\n".join(str(getattr(edit.change, name, "")) for name in names)


def _changed(files: Files, mutated: Files) -> Iterator[Place]:
    """Yield the place of each resource that is another one; without a name, that of all else."""
    for folder in {p.parent for p in {*files, *mutated} if files.get(p) != mutated.get(p)}:
        before, after = (_units(tree, folder) for tree in (files, mutated))
        names = {name for name in {*before, *after} if before.get(name) != after.get(name)}
        while more := {
            name
            for units in (before, after)
            for name, text in units.items()
            if name not in names and any(f"local.{n}" in names for n in _LOCAL.findall(text))
        }:
            names |= more
        for name in names or {""}:
            if not name.startswith("local."):
                yield folder, name.removeprefix("resource ") if " " in name else ""


def _units(files: Files, folder: PurePosixPath) -> dict[str, str]:
    """Return the texts of a folder that Terraform reads: its locals, resources and other blocks."""
    units: dict[str, str] = {}
    for path, content in files.items():
        if path.parent != folder:
            continue
        if path.suffix != ".tf":
            units[path.name] = content.decode(errors="replace")
            continue
        text = content.decode()
        for block in scan(text).blocks:
            if block.type == "locals":
                units |= {f"local.{n}": text[slice(*span)] for n, span in block.spans.items()}
            elif block.type == "resource":
                units[f"resource {'.'.join(block.labels)}"] = text[block.start : block.end]
            else:
                units[f"{block.type}.{'.'.join(block.labels)}"] = text[block.start : block.end]
    return units
