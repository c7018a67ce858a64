"""Compare a rendered stack with what its environment file requires.

The templates are files of the project, and a change of one can redirect the state, weaken a
module or replace an account while every control still passes. So the backend, the provider, the
locals, the modules and the outputs must be those that finbase composed from the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from finbase.environment.model import Environment
from finbase.project.terraform_files import is_code
from finbase.render.hcl import attributes
from finbase.render.stack import blocks, default_tags, exports, local_values
from finbase.source.hcl_scan import Block, code_of, scan

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
        yield from _deviations(environment, folder, map(scan, texts.get(folder, ())))


def _deviations(
    environment: Environment, folder: PurePosixPath, files: Iterable[Block]
) -> Iterator[str]:
    found = [block for file in files for block in file.blocks]
    settings = [inner for block in found if block.type == "terraform" for inner in block.blocks]
    backends = [_whole(inner) for inner in settings if inner.type == "backend"]
    if backends != [_whole(_block('backend "s3"', _backend(environment)))]:
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
    yield _block("locals", local_values(environment))
    tags = f"default_tags {{\ntags = {{\n{attributes(default_tags(environment), 0)}\n}}\n}}"
    provider = f"region = local.region\nallowed_account_ids = [local.account_id]\n{tags}"
    yield _parsed('provider "aws"', provider)
    for block in blocks(environment):
        arguments = {"source": block.source, **block.inputs, **block.wiring}
        yield _block(f'module "{block.label}"', arguments)
        if guard := block.guard:
            body = attributes(guard.arguments, 0)
            header = f'resource "terraform_data" "{guard.name}"'
            yield _parsed(header, f"{body}\nlifecycle {{\nprevent_destroy = true\n}}")
    for name, export in exports(environment):
        yield _block(f'output "{name}"', export)


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
    for name in {**composed.attributes, **own.attributes}:
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


def _block(header: str, values: Mapping[str, Any]) -> Block:
    """Return a block with arguments as the templates write them."""
    return _parsed(header, attributes(values, 2))


def _parsed(header: str, body: str) -> Block:
    (block,) = scan(f"{header} {{\n{body}\n}}\n").blocks
    return block
