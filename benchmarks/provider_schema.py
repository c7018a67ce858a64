"""Write the arguments of the AWS provider's next major version, as its bindings list them.

``python -m benchmarks.provider_schema WHEEL`` reads a wheel of cdktn-provider-aws and writes
``tests/fixtures/provider_6.json`` again: for each type that a template uses, its arguments and
blocks. ``tests/aws/test_next_provider.py`` compares the templates with it. The bindings name
arguments in snake case made from camel case, so underscores do not count.
"""

from __future__ import annotations

import ast
import hashlib
import json
import re
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
OUT: Final = ROOT / "tests" / "fixtures" / "provider_6.json"

_BLOCK: Final = re.compile(r'^(resource|data|ephemeral) "(aws_[a-z0-9_]+)"', re.MULTILINE)
_PACKAGE: Final = {"resource": "", "data": "data_", "ephemeral": "ephemeral_"}
# Arguments of the bindings' own, and those of Terraform for every block.
_OF_BINDINGS: Final = {
    *("self", "scope", "id_", "connection", "count", "depends_on", "for_each", "lifecycle"),
    *("provider", "provisioners"),
}


def used() -> list[tuple[str, str]]:
    """Return the kinds and types of all blocks in the templates, such as ("data", "aws_vpc")."""
    texts = [path.read_text() for path in sorted((ROOT / "templates").rglob("*.tf.j2"))]
    return sorted({match for text in texts for match in _BLOCK.findall(text)})


def _package(kind: str, type_: str) -> str:
    name = type_ if kind in ("data", "ephemeral") else type_.removeprefix("aws_")
    return f"{_PACKAGE[kind]}{name}"


def arguments(source: str, kind: str, type_: str) -> dict[str, Any]:
    """Return the arguments of a type: None for a value, a mapping for a block."""
    classes = {node.name: node for node in ast.parse(source).body if isinstance(node, ast.ClassDef)}
    pascal = "".join(part.capitalize() for part in _package(kind, type_).split("_"))
    (config,) = [node for name, node in classes.items() if name == f"{pascal}Config"]
    return _arguments(config, classes)


def _arguments(node: ast.ClassDef, classes: dict[str, ast.ClassDef]) -> dict[str, Any]:
    (init,) = [
        part for part in node.body if isinstance(part, ast.FunctionDef) and part.name == "__init__"
    ]
    found: dict[str, Any] = {}
    for argument in [*init.args.args, *init.args.kwonlyargs]:
        if argument.arg in _OF_BINDINGS:
            continue
        text = ast.unparse(argument.annotation) if argument.annotation else ""
        inner = [name for name in re.findall(r"[A-Z]\w+", text) if name in classes]
        found[argument.arg] = _arguments(classes[inner[0]], classes) if inner else None
    return found


def _documents(wheel: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    with zipfile.ZipFile(wheel) as archive:
        for kind, type_ in used():
            name = f"cdktn_provider_aws/{_package(kind, type_)}/__init__.py"
            yield f"{kind} {type_}", arguments(archive.read(name).decode(), kind, type_)


def main(wheel: Path) -> None:
    """Write the file."""
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [n for n in archive.namelist() if n.endswith(".dist-info/METADATA")]
        metadata = archive.read(name).decode()
    version = re.search(r"hashicorp/aws provider version ([0-9.]+)", metadata)
    assert version, "the wheel names no version of the provider"
    document = {
        "provider": version[1],
        "wheel": wheel.name,
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(),
        "types": dict(_documents(wheel)),
    }
    OUT.write_text(json.dumps(document, indent=1) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
