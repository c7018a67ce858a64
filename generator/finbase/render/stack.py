"""Render the root stack of an environment: its module blocks, locals and outputs.

Values that the environment file sets are written unchanged; wiring becomes references. A value of
type ``Hcl`` is a reference, everything else is data.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from finbase.contract.contract import Output, Wire
from finbase.environment.model import Environment, Instance, ModuleUse, tag_key
from finbase.errors import Diagnostic, InputError
from finbase.project.files import MARK
from finbase.project.terraform_files import LOCK_FILE
from finbase.render.hcl import Hcl
from finbase.render.pins import load_pins
from finbase.render.provider_lock import FILE_NAME, ProviderPin, other_file
from finbase.render.templating import SUFFIX, files_below, is_partial, render_file

_LOCALS: Final = {
    "name": "stack_name",
    "project": "project",
    "environment": "name",
    "region": "region",
    "account_id": "account_id",
}
"""The local values of a stack, and the attributes of the environment that they have."""
_ORIGIN = "templates/stack/{}. Do not edit: run finbase provider {}."


@dataclass(frozen=True)
class Guard:
    """A resource that Terraform refuses to destroy, and would have to if it replaced a database.

    Only the stack can have it: ``prevent_destroy`` is a literal, and environments with and without
    protection share a module.
    """

    name: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True)
class Block:
    """A ``module`` block: ``inputs`` set by the file, in the order of the contract, and wiring.

    A database with ``deletion_protection`` has a ``guard``.
    """

    label: str
    summary: str
    source: str
    inputs: Mapping[str, Any]
    wiring: Mapping[str, Any]
    guard: Guard | None = None


def render_stacks(environments: Iterable[Environment], root: Path) -> dict[PurePosixPath, bytes]:
    """Render the stacks of the environments to ``environments/<name>/``.

    Raises:
        InputError: a template, or a file of versions beside it, is broken.

    """
    templates = root / "templates"
    folder = templates / "stack"
    # Read once: a project can have a thousand environments.
    choose = ProviderChoice(templates)
    files = [file for file in files_below(folder) if file.endswith(SUFFIX) and not is_partial(file)]
    tree: dict[PurePosixPath, bytes] = {}
    problems: list[Diagnostic] = []
    for environment in environments:
        try:
            pins, provider, origin = choose(environment)
        except InputError as error:
            problems += error.diagnostics
            continue
        tree |= _stack(environment, templates, pins, files)
        path = PurePosixPath("environments", environment.name, LOCK_FILE)
        tree[path] = provider.lock_file(
            f"{MARK}{origin}",
            constraints(
                [pins["providers"], *(use.contract.providers for use in environment.modules)],
                provider.source,
            ),
        )
    if problems:
        raise InputError(problems)
    return tree


class ProviderChoice:
    """What each stack of a project requires; raises ``InputError`` for broken files."""

    def __init__(self, templates: Path) -> None:
        self._templates = templates
        self._pins = load_pins(templates / "stack" / "stack.yaml")
        self._default = ProviderPin.load(templates, self._pins)
        self._others: dict[str, ProviderPin] = {}

    def __call__(self, environment: Environment) -> tuple[Mapping[str, Any], ProviderPin, str]:
        """Return the pins of a stack, its provider, and where that is pinned, for a header.

        Raises ``InputError`` if the file names a version without checksums.
        """
        version = environment.provider or self._default.version
        if version == self._default.version:
            return self._pins, self._default, _ORIGIN.format(FILE_NAME, "pin")
        if version not in self._others:
            self._others[version] = ProviderPin.load_other(
                self._templates, version, environment.document.path
            )
        other = self._others[version]
        providers = {
            name: {**pinned, "version": f"= {version}"}
            if pinned["source"] == other.source
            else pinned
            for name, pinned in self._pins["providers"].items()
        }
        origin = _ORIGIN.format(other_file(version), "add")
        return {**self._pins, "providers": providers}, other, origin


def _stack(
    environment: Environment, templates: Path, pins: Any, files: Iterable[str]
) -> dict[PurePosixPath, bytes]:
    source = f"environments/{environment.name}.yaml"
    header = f"{MARK}{source}. Do not edit: change that file and run make render."
    context = {
        "environment": environment,
        "pins": pins,
        "locals": local_values(environment),
        "default_tags": default_tags(environment),
        "blocks": list(blocks(environment)),
        "exports": list(exports(environment)),
    }
    rendered: dict[str, bytes] = {}
    for file in files:
        rendered |= render_file(templates, f"stack/{file}", file, context, header)
    target = PurePosixPath("environments", environment.name)
    return {target / file: rendered[file] for file in sorted(rendered)}


def constraints(required: Iterable[Mapping[str, Any]], source: str) -> list[str]:
    """Return the versions of a provider that some blocks of required providers allow."""
    return [
        provider["version"]
        for providers in required
        for provider in providers.values()
        if provider["source"] == source and "version" in provider
    ]


def local_values(environment: Environment) -> dict[str, str]:
    """Return the ``locals`` of the stack, which wires from ``environment`` refer to."""
    return {name: getattr(environment, attribute) for name, attribute in _LOCALS.items()}


def default_tags(environment: Environment) -> dict[str, Any]:
    """Return the tags of every resource: ``cost_centre`` in the file becomes ``CostCentre``."""
    own = {tag_key(name): value for name, value in environment.tags.items()}
    return {
        "Project": Hcl("local.project"),
        "Environment": Hcl("local.environment"),
        **own,
        "ManagedBy": "finbase",
    }


def blocks(environment: Environment) -> Iterator[Block]:
    """Yield the module blocks, in dependency order.

    Raises:
        ValueError: a required wire has no source. Validation rules this out.

    """
    for use in environment.modules:
        contract = use.contract
        for instance in use.instances:
            wires = {
                wire.name: source
                for wire in contract.wiring
                if (source := _wire_source(wire, use, instance, environment)) is not None
            }
            yield Block(
                label=use.label(instance),
                summary=contract.summary,
                source=f"../../modules/{use.name}/{use.version}",
                inputs={
                    declared.name: instance.inputs[declared.name]
                    for declared in contract.inputs
                    if declared.name in instance.inputs
                },
                wiring=wires,
                guard=_guard(use, instance),
            )


def _guard(use: ModuleUse, instance: Instance) -> Guard | None:
    """Return the guard of a protected database.

    An update leaves the ARN of an instance alone. It becomes unknown if the instance is replaced,
    or created in place of one that is gone.
    """
    if use.name != "database" or use.value(instance, "deletion_protection") is not True:
        return None
    name = use.label(instance)
    return Guard(f"keep_{name}", {"triggers_replace": Hcl(f"module.{name}.arn")})


def exports(environment: Environment) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the outputs of the stack: the name and the attributes of each block."""
    for use in environment.modules:
        yield from exports_of(use)


def exports_of(use: ModuleUse) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the outputs of the stack that are those of a module; no input changes them."""
    exported = [output for output in use.contract.outputs if output.export]
    if use.contract.multiplicity == "many":
        for output in exported:
            yield f"{use.name}_{output.name}", _export(use, output)
        return
    for instance in use.instances:
        for output in exported:
            yield f"{use.label(instance)}_{output.name}", _export(use, output, instance.key)


def _export(use: ModuleUse, output: Output, key: str = "") -> dict[str, Any]:
    description = output.description.strip()
    if use.contract.multiplicity == "many":
        description = f"{description.rstrip('.')}, keyed by instance."
    elif key:
        description = f"{description.rstrip('.')}, for the database {key}."
    export = {"description": description, "value": _reference(use, output.name, key)}
    return {**export, "sensitive": True} if output.sensitive else export


def _wire_source(wire: Wire, use: ModuleUse, instance: Instance, environment: Environment) -> Any:
    """Return the value of a wire, or None to leave the variable at its default.

    The modules of a further database are wired to each other. They share the modules that are
    not of a database, but only as far as they must: replicas and the cache are of the first one.
    """
    further = instance.key if use.contract.repeats else ""
    if wire.source == "environment.name" and further:
        return Hcl(f'"${{local.name}}-{further}"')
    module, _, output = wire.source.partition(".")
    if module == "environment" and output in _LOCALS:
        return Hcl(f"local.{output}")
    if wire.source == "instance.name":
        return instance.key
    source = environment.in_place(module)
    if further and not wire.required and not (source and source.has(further)):
        return None
    if source is not None and (source.instances or wire.required):
        reference = _reference(source, output, further)
        return {source.name: reference} if wire.keyed else reference
    if wire.required:
        raise ValueError(f"{wire.name} is wired from {wire.source}, which the stack does not have")
    return None


def _reference(use: ModuleUse, output: str, key: str = "") -> Hcl | dict[str, Hcl]:
    """Return a reference to an output; for a ``many`` module, a map of them by instance.

    Of another module, it is the instance of a further database, if the module repeats.
    """
    references = {
        instance.key: Hcl(f"module.{use.label(instance)}.{output}") for instance in use.instances
    }
    if use.contract.multiplicity == "many":
        return references
    return references[key if use.contract.repeats else ""]
