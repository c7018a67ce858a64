"""Contracts, templates and environments → the files of a project.

Nothing here reads what was rendered before, and nothing depends on the time, the machine or
the place of the project: the same sources give the same bytes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from finbase import codes
from finbase.contract.contract import Archive, Contract, Input, Output, Wire
from finbase.contract.registry import Registry
from finbase.environment.model import Environment
from finbase.errors import Diagnostic, InputError
from finbase.project import checksums
from finbase.project.files import MARK
from finbase.render import archive, stack
from finbase.render.editor_schema import ModuleVersions, environment_schema, pinnable
from finbase.render.hcl import Hcl, attributes, inline, type_constraint
from finbase.render.templating import hcl_templates, markdown_templates
from finbase.render.validation import validations, words

__all__ = [
    "SCHEMA",
    "render_module",
    "render_project",
    "render_schema",
    "render_stack",
    "render_stacks",
]


SCHEMA = PurePosixPath("environments/environment.schema.json")
"""The schema that editors hold environment files to."""

_TEMPLATE = ".j2"


@dataclass(frozen=True)
class Variable:
    """An input or a wire, as the templates of ``variables.tf`` and the README need it.

    ``declaration`` and each of ``validations`` are the attributes of a block. ``default`` is
    empty for what must be given; ``rule`` is empty where there is none.
    """

    name: str
    description: str
    source: str
    type: str
    default: str
    rule: str
    declaration: Mapping[str, Any]
    validations: tuple[Mapping[str, Any], ...]


def render_project(
    environments: Iterable[Environment], registry: Registry, root: Path
) -> dict[PurePosixPath, bytes]:
    """Render modules at the version of their templates, the stacks, and the schema for editors.

    An older version that an environment pins is released and stays as it is in ``modules/``.
    Raises ``InputError`` for a contract or a template that is broken.
    """
    templates = root / "templates"
    tree: dict[PurePosixPath, bytes] = {}
    for name in registry.names:
        tree |= render_module(registry.current(name), templates)
    return tree | {SCHEMA: render_schema(pinnable(registry))} | render_stacks(environments, root)


def render_stacks(environments: Iterable[Environment], root: Path) -> dict[PurePosixPath, bytes]:
    """Render the stacks of ``environments`` alone; errors as for ``render_project``."""
    folder = root / "templates" / "stack"
    pins, files = _pins(folder / "stack.yaml"), _stack_templates(folder)
    tree: dict[PurePosixPath, bytes] = {}
    for environment in environments:
        tree |= _stack(environment, root / "templates", pins, files)
    return tree


def render_module(contract: Contract, templates: Path) -> dict[PurePosixPath, bytes]:
    """Render one version of a module, to ``modules/<name>/<version>/``.

    ``templates`` is the project's folder of that name. A template of the module takes the
    place of a shared one of the same name; one whose name begins with ``_`` is only there to
    be included. Errors as for ``render_project``.
    """
    home = f"modules/{contract.name}"
    name_and_version = f"{contract.name} {contract.version}"
    advice = f"({name_and_version}). Do not edit: change the template and release."
    context = {"contract": contract, **_interface(contract)}
    files: dict[str, bytes] = {}
    header = f"{MARK}templates/{home}/contract.yaml {advice}"
    for file in filter(_renders, _files(templates / "module")):
        files |= _rendered(templates, f"module/{file}", file, context, header)
    for file in _files(templates / home):
        if not file.endswith(_TEMPLATE):
            files[file] = (templates / home / file).read_bytes()
        elif _renders(file):
            header = f"{MARK}templates/{home}/{file} {advice}"
            files |= _rendered(templates, f"{home}/{file}", file, {"contract": contract}, header)
    files["contract.yaml"] = contract.source
    for spec in contract.archives:
        files[spec.name] = archive.pack(_packed(spec, templates / home, contract))
    header = f"# {MARK}templates/{home}/contract.yaml {advice}\n"
    digests = {name: checksums.digest(content) for name, content in files.items()}
    files[checksums.FILE_NAME] = (header + checksums.listing(digests)).encode()
    target = PurePosixPath("modules", contract.name, str(contract.version))
    return {target / file: files[file] for file in sorted(files)}


def render_stack(environment: Environment, templates: Path) -> dict[PurePosixPath, bytes]:
    """Render the root stack of an environment, to ``environments/<name>/``.

    ``templates`` and errors are as for ``render_module``.
    """
    folder = templates / "stack"
    return _stack(environment, templates, _pins(folder / "stack.yaml"), _stack_templates(folder))


def _stack(
    environment: Environment, templates: Path, pins: Any, files: Iterable[str]
) -> dict[PurePosixPath, bytes]:
    """Render a stack with what is read once for all of them."""
    source = f"environments/{environment.name}.yaml"
    header = f"{MARK}{source}. Do not edit: change that file and run make render."
    context = {
        "environment": environment,
        "pins": pins,
        "locals": stack.local_values(environment),
        "default_tags": stack.default_tags(environment),
        "blocks": list(stack.blocks(environment)),
        "exports": list(stack.exports(environment)),
    }
    rendered: dict[str, bytes] = {}
    for file in files:
        rendered |= _rendered(templates, f"stack/{file}", file, context, header)
    target = PurePosixPath("environments", environment.name)
    return {target / file: rendered[file] for file in sorted(rendered)}


def _stack_templates(folder: Path) -> list[str]:
    return [file for file in _files(folder) if file.endswith(_TEMPLATE) and file[0] != "_"]


def render_schema(modules: Mapping[str, ModuleVersions]) -> bytes:
    """Render the schema of environment files that are composed of these modules."""
    header = f"{MARK}templates/modules/*/contract.yaml. Do not edit: run make render."
    text = json.dumps(environment_schema(modules), indent=2, ensure_ascii=False)
    return f'{{"$comment": {json.dumps(header)},{text.removeprefix("{")}\n'.encode()


def _rendered(
    templates: Path, template: str, file: str, context: Mapping[str, Any], header: str
) -> dict[str, bytes]:
    """Render one template, with the header as its first line where that can be a comment."""
    name = file.removesuffix(_TEMPLATE)
    if name.endswith(".md"):
        text = markdown_templates(templates).render(template, context)
        header = f"<!-- {header} -->"
    else:
        text = hcl_templates(templates).render(template, context)
        header = f"# {header}" if name.endswith((".tf", ".hcl")) else ""
    return {name: "\n\n".join(filter(None, (header, text))).rstrip("\n").encode() + b"\n"}


def _renders(file: str) -> bool:
    """Whether a template gives a file of its own, and is not just included by others."""
    return not PurePosixPath(file).name.startswith("_")


def _files(folder: Path) -> list[str]:
    """List the files below a folder, sorted; nothing hidden and nothing compiled."""
    files = []
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if name[0] != "." and name != "__pycache__"]
        home = PurePosixPath(Path(parent).relative_to(folder).as_posix())
        files += [str(home / name) for name in names if name[0] != "."]
    return sorted(files)


def _packed(spec: Archive, home: Path, contract: Contract) -> dict[str, bytes]:
    """Read what goes into an archive, by its path below the archive's folder."""
    folder = home / spec.folder
    available = {PurePosixPath(file) for file in _files(folder)}
    packed: dict[str, bytes] = {}
    for pattern in spec.include:
        found = {PurePosixPath(p.relative_to(folder).as_posix()) for p in folder.glob(pattern)}
        if not found & available:
            raise _broken(contract, f"no file of {spec.folder!r} matches {pattern!r}")
        packed |= {str(file): (folder / file).read_bytes() for file in found & available}
    return packed


def _interface(contract: Contract) -> dict[str, Any]:
    """Prepare what the shared templates of every module say."""
    for output in contract.outputs:
        if output.export and output.ephemeral:
            raise _broken(contract, f"output {output.name!r}: a stack has no ephemeral outputs")
    return {
        "inputs": [_variable(variable, contract) for variable in contract.inputs],
        "wiring": [_variable(variable, contract) for variable in contract.wiring],
        "outputs": [(output, _output(output)) for output in contract.outputs],
        "usage": [group for group in _usage(contract) if group],
    }


def _variable(variable: Input, contract: Contract) -> Variable:
    declaration: dict[str, Any] = {"description": variable.description.strip()}
    try:
        declaration["type"] = type_constraint(variable.schema)
        blocks = validations(variable, contract.checks)
        rule = words(variable)
    except ValueError as error:
        raise _broken(contract, f"input {variable.name!r}: {error}") from error
    return Variable(
        name=variable.name,
        description=variable.description,
        source=variable.source if isinstance(variable, Wire) else "",
        type=type_constraint(variable.schema, on_one_line=True),
        default="" if variable.required else inline(variable.default),
        rule=rule,
        declaration=declaration | _nature(variable),
        validations=tuple(
            {"condition": condition, "error_message": message} for condition, message in blocks
        ),
    )


def _nature(variable: Input) -> dict[str, Any]:
    """Write the attributes that only some variables have."""
    nature: dict[str, Any] = {}
    if not variable.required:
        nature["default"] = variable.default
    if variable.required or variable.default is not None:
        nature["nullable"] = False
    return nature | {kind: True for kind in ("sensitive", "ephemeral") if getattr(variable, kind)}


def _output(output: Output) -> dict[str, Any]:
    declaration = {"description": output.description.strip(), "value": Hcl(output.value.strip())}
    return declaration | {k: True for k in ("sensitive", "ephemeral") if getattr(output, k)}


def _usage(contract: Contract) -> Iterator[Hcl]:
    """Write an example of everything that must be given: inputs, then wiring."""
    yield attributes(
        {
            given.name: given.schema["examples"][0]
            if given.schema.get("examples")
            else Hcl(f"var.{given.name}")
            for given in contract.inputs
            if given.required
        },
        2,
    )
    wires: dict[str, Any] = {}
    for wire in contract.wiring:
        if wire.module == "environment":
            wires[wire.name] = Hcl(f"local.{wire.output}")
        elif wire.module == "instance":
            wires[wire.name] = "example"
        elif wire.required:
            wires[wire.name] = Hcl(f"module.{wire.source}")
    yield attributes(wires, 2)


def _pins(path: Path) -> Any:
    """Read the versions of Terraform and its providers that every stack requires."""
    import yaml

    return yaml.load(path.read_bytes(), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506


def _broken(contract: Contract, message: str) -> InputError:
    return InputError([Diagnostic(str(contract.path), 1, 1, codes.CONTRACT, message)])
