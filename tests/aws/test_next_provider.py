"""What the templates use exists in provider 6: its schema is known here, its binary is not."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from benchmarks.provider_schema import OUT, used
from finbase.contract.registry import Registry
from finbase.source.hcl_scan import Block, scan
from tests.support.commands import ROOT

SCHEMA: Final[dict[str, Any]] = json.loads(OUT.read_bytes())
OF_TERRAFORM: Final = {"count", "depends_on", "for_each", "lifecycle", "provider", "timeouts"}


def missing(block: Block, arguments: Mapping[str, Any], path: str) -> Iterator[str]:
    """Yield the path of each argument of a block that the schema lacks."""
    named = {name.replace("_", ""): inner for name, inner in arguments.items()}
    for name in block.attributes:
        if name not in OF_TERRAFORM and name.replace("_", "") not in named:
            yield f"{path}.{name}"
    for inner in block.blocks:
        dynamic = inner.type == "dynamic"
        name = inner.labels[0] if dynamic else inner.type
        if name in OF_TERRAFORM:
            continue
        content = next(b for b in inner.blocks if b.type == "content") if dynamic else inner
        if named.get(name.replace("_", "")) is None:
            yield f"{path}.{name}"
        else:
            yield from missing(content, named[name.replace("_", "")], f"{path}.{name}")


def newest() -> Iterator[tuple[str, Block]]:
    """Yield each block of the newest releases, with the file's name."""
    registry = Registry(ROOT)
    for module in registry.names:
        folder = ROOT / "modules" / module / str(registry.versions(module)[-1])
        for path in sorted(folder.glob("*.tf")):
            for block in scan(path.read_text()).blocks:
                if block.type in ("resource", "data", "ephemeral"):
                    yield str(path.relative_to(ROOT)), block


@pytest.mark.parametrize("module", Registry(ROOT).names)
def test_arguments_exist_in_the_next_provider(module: str) -> None:
    blocks = [found for found in newest() if found[0].startswith(f"modules/{module}/")]
    assert blocks
    for file, block in blocks:
        if not block.labels[0].startswith("aws_"):
            continue
        schema = SCHEMA["types"][f"{block.type} {block.labels[0]}"]
        assert list(missing(block, schema, f"{file}: {block.labels[0]}")) == []


def test_schema_has_the_types_of_the_templates() -> None:
    assert {f"{kind} {type_}" for kind, type_ in used()} == SCHEMA["types"].keys()
    assert SCHEMA["provider"].startswith("6.")


def test_missing_finds_what_a_schema_lacks() -> None:
    text = """
    resource "aws_x" "a" {
      old = 1
      kept_wo = 2
      inner {
        gone = 3
      }
      dynamic "more" {
        for_each = []
        content { fine = 1, worse = 2 }
      }
      dropped { a = 1 }
    }
    """.replace("fine = 1, worse = 2", "\n fine = 1\n worse = 2\n")
    schema = {"kept_wo": None, "inner": {"kept": None}, "more": {"fine": None}}
    (block,) = scan(text).blocks
    assert list(missing(block, schema, "x")) == [
        "x.old",
        "x.inner.gone",
        "x.more.worse",
        "x.dropped",
    ]
