"""The JSON Schema of a whole environment file, for editors: completion, hover text, mistakes.

It is draft 7, which every editor's YAML support reads, and it bears the annotations of the YAML
language server beside the standard ones: ``markdownDescription``, ``errorMessage`` and their
like. What ``schema.py`` refuses of a file, it refuses; the rules across values it cannot say.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from finbase.contract.contract import Contract, Schema
from finbase.contract.registry import Registry
from finbase.contract.version import Version
from finbase.environment.schema import TOP
from finbase.render.validation import words

__all__ = ["DRAFT", "ModuleVersions", "environment_schema", "pinnable"]

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

_MANY: Final = ("properties",)
_LISTS: Final = ("allOf", "anyOf", "oneOf")
_ONES: Final = ("items", "additionalProperties", "propertyNames")


@dataclass(frozen=True)
class ModuleVersions:
    """What can be pinned of a module: its releases, oldest first, and its draft, if it has one."""

    releases: tuple[Contract, ...]
    draft: Contract | None

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """All of it, oldest first."""
        return (*self.releases, self.draft) if self.draft else self.releases

    @property
    def newest(self) -> Contract:
        """The newest release, or the draft of a module that has none."""
        return self.releases[-1] if self.releases else self.contracts[-1]

    def with_release(self, contract: Contract) -> ModuleVersions:
        """Give what can be pinned once this is released, which takes the place of any draft."""
        return ModuleVersions((*self.releases, contract), None)


def pinnable(registry: Registry) -> dict[str, ModuleVersions]:
    """Read every version of every module; raises ``InputError`` for a broken contract or lock."""
    return {name: _pinnable(registry, name) for name in registry.names}


def environment_schema(modules: Mapping[str, ModuleVersions]) -> dict[str, Any]:
    """Make the schema of an environment that is composed of these modules."""
    top = _properties(TOP.schema, {name: given.rule for name, given in TOP.inputs.items()})
    sections = {name: _section(name, versions) for name, versions in modules.items()}
    top["properties"]["modules"] |= {
        "properties": sections,
        "required": [n for n, each in modules.items() if each.newest.multiplicity == "one"],
        "additionalProperties": False,
    }
    return {"$schema": DRAFT, "description": "An environment of finbase.", **top}


def _pinnable(registry: Registry, name: str) -> ModuleVersions:
    *before, last = (registry.get(name, version) for version in registry.versions(name))
    if (name, last.version) in registry.lock:
        return ModuleVersions((*before, last), None)
    return ModuleVersions(tuple(before), last)


def _section(name: str, versions: ModuleVersions) -> dict[str, Any]:
    """Make the schema of a module's section; the version that it pins decides which one holds."""
    newest = versions.newest
    pin = {
        "enum": [str(contract.version) for contract in reversed(versions.contracts)],
        "markdownEnumDescriptions": [
            _standing(name, contract.version, versions) for contract in reversed(versions.contracts)
        ],
        "description": "The released version of the module.",
    }
    shapes: list[tuple[list[str], dict[str, Any]]] = []
    for shape, group in groupby(versions.contracts, _shape):
        shapes.append(([str(contract.version) for contract in group], shape))
    if len(shapes) == 1:
        (_, shape) = shapes[0]
        return {**shape, "properties": {**shape["properties"], "version": pin}}
    return {
        "type": "object",
        "description": newest.summary,
        "properties": {"version": pin},
        "required": ["version"],
        "allOf": [
            {
                "if": {"properties": {"version": {"enum": pins}}, "required": ["version"]},
                "then": shape,
            }
            for pins, shape in shapes
        ],
    }


def _standing(name: str, version: Version, versions: ModuleVersions) -> str:
    newest = versions.newest.version
    if versions.draft and version == versions.draft.version:
        return "a draft, which is not released"
    if version == newest:
        return "the newest release"
    return f"followed by {newest}; `finbase upgrade ENV {name}` shows what that changes"


def _shape(contract: Contract) -> dict[str, Any]:
    """The schema of the section of one version, whatever the version is called."""
    section = contract.section_schema()
    rules = {given.name: words(given) for given in contract.inputs}
    if contract.multiplicity == "many":
        instances = section["properties"]["instances"]
        each = _properties(instances["additionalProperties"], rules)
        named = {**instances["propertyNames"], "title": "name"}
        section["properties"] = {
            "version": {},
            "instances": {**instances, "additionalProperties": each, "propertyNames": named},
        }
        return section
    del section["properties"]["version"]
    shape = _properties(section, rules)
    shape["properties"] = {"version": {}, **shape["properties"]}
    return shape


def _properties(schema: Schema, rules: Mapping[str, str | None]) -> dict[str, Any]:
    """Annotate every property of an object, each with the rule that it has, if any."""
    return {
        **schema,
        "properties": {
            name: _annotated({**each, "rule": rules.get(name)}, name)
            for name, each in schema["properties"].items()
        },
    }


def _annotated(schema: Schema, name: str, inherited: str | None = None) -> dict[str, Any]:
    """Say in the words of the contract what a value is, and what is wrong with one.

    A part without a rule of its own, such as an item of a list, is told by that of the whole.
    """
    rule = schema.get("rule") or inherited
    result = {key: value for key, value in schema.items() if key != "rule"}
    if result.get("default", ...) is None:  # optional, and unset
        del result["default"]
    if description := schema.get("description"):
        result["description"] = " ".join(_sentences(schema))
        result["markdownDescription"] = "\n\n".join(_paragraphs(description, schema))
    if rule and schema.get("type") != "object":  # there it would stand for a missing key, too
        result["errorMessage"] = f"`{name}` {rule}"
    if result.pop("deprecated", False):
        result["deprecationMessage"] = f"`{name}` is deprecated: a later release will not have it"
    for key in _MANY:
        if key in schema:
            result[key] = {n: _annotated(part, n, rule) for n, part in schema[key].items()}
    for key in _LISTS:
        if key in schema:
            result[key] = [_annotated(part, name, rule) for part in schema[key]]
    for key in _ONES:
        if isinstance(schema.get(key), dict):
            result[key] = _annotated(schema[key], name, rule)
    return result


def _sentences(schema: Schema) -> Iterator[str]:
    yield str(schema["description"])
    if rule := schema.get("rule"):
        yield f"{_capital(rule)}."


def _paragraphs(description: str, schema: Schema) -> Iterator[str]:
    """Give the hover text; examples and the values of an ``enum`` are added by the editor."""
    import json

    yield _escaped(description)
    if rule := schema.get("rule"):
        yield f"**{_escaped(_capital(rule))}.**"
    default = schema.get("default")
    if default is not None:
        yield f"Default: `{json.dumps(default, ensure_ascii=False)}`"
    elif "default" in schema:
        yield "Not set by default."


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _escaped(text: str) -> str:
    """Escape what Markdown would take for markup, but for the code between backticks."""
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_<\[])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)
