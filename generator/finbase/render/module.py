"""Render a version of a module from its contract and templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from finbase import codes
from finbase.contract.contract import Archive, Contract, Input, Output, Wire
from finbase.errors import Diagnostic, InputError
from finbase.project import checksums
from finbase.project.files import MARK
from finbase.render import archive
from finbase.render.hcl import Hcl, attributes, inline, type_constraint
from finbase.render.templating import SUFFIX, files_below, is_partial, render_file
from finbase.render.validation import describe_constraint, validations
from finbase.source.syntax import refuse_conflict


@dataclass(frozen=True)
class Variable:
    """An input or a wire, prepared for the templates of ``variables.tf`` and the README.

    ``declaration`` holds the attributes of the ``variable`` block, ``validations`` those of its
    ``validation`` blocks. ``default`` is empty for a required variable, ``rule`` for one without
    a rule.
    """

    name: str
    description: str
    source: str
    type: str
    default: str
    rule: str
    declaration: Mapping[str, Any]
    validations: tuple[Mapping[str, Any], ...]


def render_module(contract: Contract, templates: Path) -> dict[PurePosixPath, bytes]:
    """Render one version of a module to ``modules/<name>/<version>/``.

    ``templates`` is the project's folder of that name. A template of the module overrides the
    shared one of the same name. A template whose name starts with ``_`` makes no file: others
    include it.

    Raises:
        InputError: the contract or a template is broken.

    """
    folder = f"modules/{contract.name}"
    name_and_version = f"{contract.name} {contract.version}"
    advice = f"({name_and_version}). Do not edit: change the template and release."
    context = {"contract": contract, **_interface(contract)}
    files: dict[str, bytes] = {}
    header = f"{MARK}templates/{folder}/contract.yaml {advice}"
    for file in files_below(templates / "module"):
        if not is_partial(file):
            files |= render_file(templates, f"module/{file}", file, context, header)
    for file in files_below(templates / folder):
        if not file.endswith(SUFFIX):
            files[file] = _read(templates / folder / file)
        elif not is_partial(file):
            header = f"{MARK}templates/{folder}/{file} {advice}"
            own_context = {"contract": contract}
            files |= render_file(templates, f"{folder}/{file}", file, own_context, header)
    files["contract.yaml"] = contract.source
    for spec in contract.archives:
        archived = _matching(templates / folder, spec.folder, spec.include, contract)
        for file, content in _shared_files(spec, templates, contract).items():
            beside = f"{spec.folder}/{file}"
            if beside in files:
                raise _broken(contract, f"{beside!r} is a file of the module and a shared one")
            archived[file] = files[beside] = content
        files[spec.name] = archive.pack(archived)
    header = f"# {MARK}templates/{folder}/contract.yaml {advice}\n"
    digests = {name: checksums.digest(content) for name, content in files.items()}
    files[checksums.FILE_NAME] = (header + checksums.listing(digests)).encode()
    target = PurePosixPath("modules", contract.name, str(contract.version))
    return {target / file: files[file] for file in sorted(files)}


def _shared_files(spec: Archive, templates: Path, contract: Contract) -> dict[str, bytes]:
    """Read the files that an archive has from another module, by their paths inside it."""
    if spec.shared is None:
        return {}
    return _matching(templates / "modules", spec.shared.folder, spec.shared.include, contract)


def _matching(
    parent: Path, folder: str, include: Sequence[str], contract: Contract
) -> dict[str, bytes]:
    """Read the files of a folder that match a glob, by their paths inside the folder."""
    source = parent / folder
    # glob alone would also match hidden and compiled files.
    available = {PurePosixPath(file) for file in files_below(source)}
    contents: dict[str, bytes] = {}
    for pattern in include:
        matches = {PurePosixPath(p.relative_to(source).as_posix()) for p in source.glob(pattern)}
        if not matches & available:
            raise _broken(contract, f"no file in {folder!r} matches {pattern!r}")
        contents |= {str(file): _read(source / file) for file in matches & available}
    return contents


def _read(path: Path) -> bytes:
    content = path.read_bytes()
    refuse_conflict(str(path), content, codes.CONTRACT)
    return content


def _interface(contract: Contract) -> dict[str, Any]:
    """Return what the templates shared by all modules use."""
    for output in contract.outputs:
        if output.export and output.ephemeral:
            raise _broken(
                contract,
                f"output {output.name!r} is ephemeral, and a stack cannot export such an output",
            )
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
        rule = describe_constraint(variable)
    except ValueError as error:
        raise _broken(contract, f"input {variable.name!r}: {error}") from error
    return Variable(
        name=variable.name,
        description=variable.description,
        source=variable.source if isinstance(variable, Wire) else "",
        type=type_constraint(variable.schema, on_one_line=True),
        default="" if variable.required else inline(variable.default),
        rule=rule,
        declaration=declaration | _optional_attributes(variable),
        validations=tuple(
            {"condition": condition, "error_message": message} for condition, message in blocks
        ),
    )


def _optional_attributes(variable: Input) -> dict[str, Any]:
    """Return the attributes that only some ``variable`` blocks have."""
    attributes: dict[str, Any] = {}
    if not variable.required:
        attributes["default"] = variable.default
    if variable.required or variable.default is not None:
        attributes["nullable"] = False
    return attributes | {k: True for k in ("sensitive", "ephemeral") if getattr(variable, k)}


def _output(output: Output) -> dict[str, Any]:
    """Return the attributes of an ``output`` block."""
    declaration = {"description": output.description.strip(), "value": Hcl(output.value.strip())}
    return declaration | {k: True for k in ("sensitive", "ephemeral") if getattr(output, k)}


def _usage(contract: Contract) -> Iterator[Hcl]:
    """Yield an example of every required argument: first the inputs, then the wiring."""
    yield attributes(
        {
            variable.name: variable.schema["examples"][0]
            if variable.schema.get("examples")
            else Hcl(f"var.{variable.name}")
            for variable in contract.inputs
            if variable.required
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


def _broken(contract: Contract, message: str) -> InputError:
    return InputError([Diagnostic(str(contract.path), 1, 1, codes.CONTRACT, message)])
