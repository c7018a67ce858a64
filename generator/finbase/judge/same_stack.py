"""Compare the HCL beside a plan with the configuration in the plan: it may be of another version.

A plan contains every block, literal and reference of its stack, but no locals, functions or
``lifecycle``. What it contains must be in the HCL, and the other way round.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from finbase.project.files import is_real_file
from finbase.source.hcl_scan import Block, code_of, scan, string_value

_META = {
    *("count", "for_each", "provider", "providers", "depends_on", "lifecycle", "provisioner"),
    *("connection", "source", "version", "iterator"),
}
"""Arguments and blocks that the plan has elsewhere, or not at all."""
_REFERENCE = re.compile(r"(?<![\w.-])(?:(?:var|local)\.[\w-]+|module\.[\w-]+\.[\w-]+)")
_PATH = re.compile(r"[\w.-]+")
_LABELS = {"resource": 2, "data": 2, "module": 1, "output": 1}
"""How many labels a block of each kind has."""
_Written = list[tuple[str, Block]]


def difference(configuration: Mapping[str, Any], folder: Path) -> str:
    """Return where the HCL of a folder differs from a module in a plan; empty if nowhere.

    Raises ``OSError`` or ``ValueError`` for a file that cannot be read.
    """
    return next(_differences(configuration, folder), "")


def _differences(configuration: Mapping[str, Any], folder: Path) -> Iterator[str]:
    if any(folder.glob("*.tf.json")):
        return  # D01 refuses it, because nobody reads it.
    blocks = _read(folder)
    kinds = {"managed": "resource", "data": "data"}
    planned: dict[tuple[str, ...], Mapping[str, Any]] = {
        (kinds[r["mode"]], r["type"], r["name"]): r
        for r in configuration.get("resources", ())
        if r["mode"] in kinds
    }
    calls = configuration.get("module_calls", {})
    planned |= {("module", name): call for name, call in calls.items()}
    planned |= {
        ("output", name): {"expressions": {"value": output.get("expression", {})}}
        for name, output in configuration.get("outputs", {}).items()
    }
    written = {key for key in blocks if len(key) == _LABELS[key[0]] + 1}
    for key in sorted(planned.keys() - written):
        yield f"{folder}: {'.'.join(key)} is only in the plan"
    for key in sorted(written - planned.keys()):
        yield f"{blocks[key][0][0]}: {'.'.join(key)} is not in the plan"
    for key, block in planned.items():
        file, _ = blocks[key][0]
        for name in _of_block(block, blocks[key], values_only=key[0] == "output"):
            yield f"{file}: {'.'.join(key)}: {name} differs"
    for call in calls.values():
        source = call.get("source", "")
        if source.startswith("."):
            yield from _differences(call.get("module", {}), (folder / source).resolve())


def _read(folder: Path) -> dict[tuple[str, ...], _Written]:
    """Return the blocks of one folder, with their files, by type and labels."""
    blocks: dict[tuple[str, ...], _Written] = {}
    for file in sorted(filter(is_real_file, folder.glob("*.tf"))):
        content = scan(file.read_text(encoding="utf-8"))
        for kind in _LABELS:
            for block in content.walk(kind):
                blocks.setdefault((kind, *block.labels), []).append((str(file), block))
    return blocks


def _of_block(planned: Mapping[str, Any], written: _Written, *, values_only: bool) -> Iterator[str]:
    """Yield the arguments of a block that differ, at any depth."""
    blocks = [block for _, block in written]
    yield from _of_arguments(planned.get("expressions", {}), blocks, both=not values_only)
    for argument in ("for_each", "count"):
        texts = [b.attributes[argument] for b in blocks if argument in b.attributes]
        expression = planned.get(f"{argument}_expression")
        if bool(texts) != (expression is not None) or not _agrees(expression or {}, texts):
            yield argument
    waits = {n for b in blocks for n in _PATH.findall(_code(b.attributes.get("depends_on", "")))}
    if waits != {*planned.get("depends_on", ())}:
        yield "depends_on"
    if "source" in planned:
        sources = {string_value(b.attributes.get("source", "")) for b in blocks}
        if planned["source"] not in sources:
            yield "source"


def _of_arguments(
    expressions: Mapping[str, Any], blocks: Sequence[Block], *, both: bool = True
) -> Iterator[str]:
    """Yield the arguments that differ; those that the plan lacks, too, if ``both``."""
    for name, expression in expressions.items():
        inner = [b for block in blocks for b in block.blocks if name in (b.type, *b.labels[:1])]
        texts = [block.attributes[name] for block in blocks if name in block.attributes]
        texts += [block.text for block in inner]
        if not texts:
            yield name
        elif _is_leaf(expression):
            if not _agrees(expression, texts):
                yield name
        elif inner:
            parts = expression if isinstance(expression, list) else [expression]
            static = [block for block in inner if block.type == name]
            if len(parts) == len(static):
                pairs = [_of_arguments(p, [b]) for p, b in zip(parts, static, strict=True)]
            else:  # An override file has one of them, too.
                pairs = [_of_arguments(part, inner, both=False) for part in parts]
                if len(blocks) == 1:
                    yield name
            yield from (f"{name}.{below}" for pair in pairs for below in pair)
    for block in blocks if both else ():
        for name, text in block.attributes.items():
            if name not in expressions and name not in _META and text != "null":
                yield name


def _is_leaf(expression: Any) -> bool:
    return isinstance(expression, Mapping) and (
        not expression or "references" in expression or "constant_value" in expression
    )


def _agrees(expression: Mapping[str, Any], texts: Sequence[str]) -> bool:
    """Return whether texts have the literals and the references of an expression."""
    if "constant_value" in expression:
        return any(_is_literal(expression["constant_value"], text) for text in texts)
    code = " ".join(_code(text, texts=True) for text in texts)
    references = list(map(str, expression.get("references", ())))
    named = {reference for text in texts for reference in _references(text)}
    return all(_prefix(r) in code for r in references) and all(
        any(r == name or r.startswith((f"{name}.", f"{name}[")) for r in references)
        for name in named
    )


def _references(text: str) -> Iterator[str]:
    yield from _REFERENCE.findall(_code(text))


def _prefix(reference: str) -> str:
    match = _PATH.match(reference)
    return match[0] if match else reference


def _code(text: str, *, texts: bool = False) -> str:
    """Return a text without comments, and without spaces around dots."""
    return re.sub(r"\s*\.\s*", ".", code_of(text, texts=texts))


def _is_literal(value: Any, text: str) -> bool:
    """Return whether a text is a literal; of a list or a block, whether its parts are in it.

    >>> _is_literal(35, "35"), _is_literal("a", '"b"'), _is_literal(["a"], '["b", "a"]')
    (True, False, True)
    """
    if any(_references(text)):
        return False
    if isinstance(value, bool):
        return text not in ("true", "false") or text == str(value).lower()
    if isinstance(value, int | float):
        try:
            return float(text) == value
        except ValueError:
            return True  # An operation on numbers.
    if isinstance(value, str):
        plain = string_value(text)
        return plain == value if plain is not None else _holds(text, value)
    if isinstance(value, Mapping):
        return all(_holds(text, str(key)) and _part(item, text) for key, item in value.items())
    return not isinstance(value, list) or all(_part(item, text) for item in value)


def _part(value: Any, text: str) -> bool:
    if isinstance(value, str):
        return _holds(text, value)
    return _is_literal(value, text) if isinstance(value, Mapping | list) else True


def _holds(text: str, value: str) -> bool:
    """Return whether a text has the lines of a value, with or without their escapes."""
    for line in map(str.strip, value.splitlines()):
        escaped = json.dumps(line, ensure_ascii=False)[1:-1]
        escaped = escaped.replace("${", "$${").replace("%{", "%%{")
        if line not in text and escaped not in text:
            return False
    return True
