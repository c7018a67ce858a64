"""Compare a rendered stack with what its environment file requires.

The templates are files of the project, and a change of one can redirect the state, weaken a
module or replace an account while every control still passes. So the backend, the provider, the
locals, the modules and the outputs must be those that finbase composed from the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from pathlib import PurePosixPath
from typing import Any, Final

from finbase.contract.contract import Contract
from finbase.environment.model import Environment, Instance, ModuleUse
from finbase.project.terraform_files import is_code
from finbase.render.hcl import Hcl, expressions, shift
from finbase.render.stack import blocks, default_tags, exports_of, local_values
from finbase.source.hcl_scan import Block, code_of, scan_parts

_REPEATED: Final = ("terraform", "import", "moved", "removed")
_ADDABLE: Final = (*_REPEATED, "output")
"""Blocks that a template may add, because the controls or `refused_code` judge them."""


def unfaithful(
    environments: Iterable[Environment], tree: Mapping[PurePosixPath, bytes]
) -> Iterator[str]:
    """Yield each difference between the stacks in a rendered tree and their environment files."""
    texts: dict[PurePosixPath, list[str]] = {}
    for path, content in tree.items():
        if is_code(path.name):
            texts.setdefault(path.parent, []).append(content.decode())
    for environment in environments:
        folder = PurePosixPath("environments", environment.name)
        parts = (part for text in texts.get(folder, ()) for part in scan_parts(text))
        yield from _deviations(environment, folder, [b for part in parts for b in part.blocks])


def _deviations(
    environment: Environment, folder: PurePosixPath, found: list[Block]
) -> Iterator[str]:
    settings = [inner for block in found if block.type == "terraform" for inner in block.blocks]
    backends = [inner for inner in settings if inner.type == "backend"]
    required = _block("backend", "s3", values=_backend(environment))
    if [_address(b) for b in backends] != ["backend.s3"] or any(_different(backends[0], required)):
        yield f"{folder}: the backend is not the one of `state` in {folder}.yaml"
    composed = {_address(block): block for block in _composed(environment)}
    own: dict[str, Block] = {}
    for block in found:
        address = _address(block)
        if address not in composed and block.type not in _ADDABLE:
            yield f"{folder}: {address} does not come from {folder}.yaml"
        elif address in own and block.type not in _REPEATED:
            yield f"{folder}: {address} is there twice"
        own[address] = block
    for address, block in composed.items():
        for name in _different(own.get(address, Block()), block):
            what = f"local.{name}" if address == "locals" else f"{name} of {address}"
            yield f"{folder}: {what} is not what {folder}.yaml says"


def _composed(environment: Environment) -> Iterator[Block]:
    """Yield the blocks of the stack that finbase composes, beside its settings."""
    yield _block("locals", values=local_values(environment))
    tags = _block("default_tags", values={"tags": default_tags(environment)})
    provider = {"region": Hcl("local.region"), "allowed_account_ids": [Hcl("local.account_id")]}
    yield _block("provider", "aws", values=provider, inner=[tags])
    for block in blocks(environment):
        arguments = {"source": block.source, **block.inputs, **block.wiring}
        yield _block("module", block.label, values=arguments)
        if guard := block.guard:
            lifecycle = _block("lifecycle", values={"prevent_destroy": True})
            labels = ("resource", "terraform_data", guard.name)
            yield _block(*labels, values=guard.arguments, inner=[lifecycle])
    for use in environment.modules:
        yield from _outputs(use.contract, tuple(instance.key for instance in use.instances))


@lru_cache(maxsize=1024)
def _outputs(contract: Contract, keys: tuple[str, ...]) -> tuple[Block, ...]:
    use = ModuleUse(contract, tuple(Instance(key, {}) for key in keys))
    return tuple(_block("output", name, values=export) for name, export in exports_of(use))


def _backend(environment: Environment) -> dict[str, Any]:
    state = environment.state
    return {
        "bucket": state["bucket"],
        "key": f"{environment.project}/{environment.name}/terraform.tfstate",
        "region": environment.region,
        "encrypt": True,
        "kms_key_id": state["kms_key_id"],
        "use_lockfile": True,
    }


def _address(block: Block) -> str:
    return ".".join((block.type, *block.labels))


def _different(own: Block, composed: Block) -> Iterator[str]:
    """Yield the name of each argument and type of nested block that differs."""
    alike = own.attributes == composed.attributes
    for name in () if alike else {**composed.attributes, **own.attributes}:
        ours, theirs = own.attributes.get(name), composed.attributes.get(name)
        if ours != theirs and (ours is None or theirs is None or _code(ours) != _code(theirs)):
            yield name
    for type_ in {inner.type: None for inner in (*composed.blocks, *own.blocks)}:
        if _nested(own, type_) != _nested(composed, type_):
            yield type_


def _nested(block: Block, type_: str) -> list[Any]:
    return [_whole(inner) for inner in block.blocks if inner.type == type_]


def _whole(block: Block) -> tuple[Any, ...]:
    return block.type, block.labels, _arguments(block), [_whole(inner) for inner in block.blocks]


def _arguments(block: Block) -> dict[str, str]:
    return {name: _code(text) for name, text in block.attributes.items()}


def _code(text: str) -> str:
    return code_of(text, texts=True)


def _block(
    type_: str, *labels: str, values: Mapping[str, Any], inner: Iterable[Block] = ()
) -> Block:
    """Return a block with arguments as the templates write them."""
    attributes = dict(expressions(values, 2))
    attributes |= {name: shift(text, 2) for name, text in attributes.items() if "\n" in text}
    return Block(type_, labels, attributes, list(inner))
