"""Compare a rendered stack with what its environment file requires.

The templates are files of the project, and a change of one can redirect the state or a module's
account while every control still passes. So the backend, the locals and the arguments of the
modules must be those that finbase composed from the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from finbase.environment.model import Environment
from finbase.render.hcl import attributes, literal
from finbase.render.stack import blocks, local_values
from finbase.source.hcl_scan import Block, code_of, scan


def deviations(environment: Environment, tree: Mapping[PurePosixPath, bytes]) -> Iterator[str]:
    """Yield each difference between the stack in a rendered tree and the environment file."""
    folder = PurePosixPath("environments", environment.name)
    files = [
        scan(content.decode())
        for path, content in tree.items()
        if path.parent == folder and path.suffix == ".tf"
    ]
    found = [block for file in files for block in file.blocks]
    settings = [inner for block in found if block.type == "terraform" for inner in block.blocks]
    backends = [inner for inner in settings if inner.type == "backend"]
    if [_whole(backend) for backend in backends] != [_backend(environment)]:
        yield f"{folder}: the backend is not the one of `state` in {folder}.yaml"
    own = {name: text for b in found if b.type == "locals" for name, text in b.attributes.items()}
    for name, value in local_values(environment).items():
        if _code(own.get(name, "")) != _code(literal(value)):
            yield f"{folder}: local.{name} is not {literal(value)}"
    modules = {block.labels: block for block in found if block.type == "module"}
    for composed in blocks(environment):
        module = modules.get((composed.label,), Block())
        expected = _arguments({"source": composed.source, **composed.inputs, **composed.wiring})
        for name, text in expected.items():
            if _code(module.attributes.get(name, "")) != _code(text):
                yield f"{folder}: {name} of module.{composed.label} is not what {folder}.yaml says"


def _backend(environment: Environment) -> tuple[tuple[str, ...], dict[str, str], int]:
    state = environment.state
    expected = {
        "bucket": state["bucket"],
        "key": f"{environment.project}/{environment.name}/terraform.tfstate",
        "region": environment.region,
        "encrypt": True,
        "kms_key_id": state["kms_key_id"],
        "use_lockfile": True,
    }
    return ("s3",), {name: _code(text) for name, text in _arguments(expected).items()}, 0


def _whole(block: Block) -> tuple[tuple[str, ...], dict[str, str], int]:
    own = {name: _code(text) for name, text in block.attributes.items()}
    return block.labels, own, len(block.blocks)


def _arguments(values: Mapping[str, Any]) -> dict[str, str]:
    """Return the text of each argument as the templates write it."""
    (block,) = scan(f"x {{\n{attributes(values, 2)}\n}}\n").blocks
    return block.attributes


def _code(text: str) -> str:
    return code_of(text, texts=True)
