"""Build the JSON Schema with which editors complete and check a whole environment file.

It is draft 7, which the YAML support of every editor reads, with the annotations of the YAML
language server, such as ``markdownDescription`` and ``errorMessage``. It rejects what the schemas
of ``finbase.environment.schema`` reject; it cannot express the rules across values.
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
from finbase.render.validation import describe_constraint

DRAFT: Final = "http://json-schema.org/draft-07/schema#"

_MANY: Final = ("properties",)
_LISTS: Final = ("allOf", "anyOf", "oneOf")
_ONES: Final = ("items", "additionalProperties", "propertyNames")


@dataclass(frozen=True)
class ModuleVersions:
    """The versions of a module that can be pinned: its releases, oldest first, and its draft."""

    releases: tuple[Contract, ...]
    draft: Contract | None

    @property
    def contracts(self) -> tuple[Contract, ...]:
        """Return all versions, oldest first."""
        return (*self.releases, self.draft) if self.draft else self.releases

    @property
    def newest(self) -> Contract:
        """Return the newest release, or the draft of a module without releases."""
        return self.releases[-1] if self.releases else self.contracts[-1]

    def with_release(self, contract: Contract) -> ModuleVersions:
        """Return the versions after this release, which replaces the draft."""
        return ModuleVersions((*self.releases, contract), None)


def pinnable(registry: Registry) -> dict[str, ModuleVersions]:
    """Read every version of every module; raises ``InputError`` for a broken contract or lock."""
    return {name: _pinnable(registry, name) for name in registry.names}


def environment_schema(modules: Mapping[str, ModuleVersions]) -> dict[str, Any]:
    """Return the schema of an environment that can use these modules."""
    top = _properties(TOP.schema, {name: field.rule for name, field in TOP.inputs.items()})
    sections = {name: _section(name, versions) for name, versions in modules.items()}
    places: dict[str, list[str]] = {}
    for name, versions in modules.items():
        places.setdefault(versions.newest.place, []).append(name)
    needed = [n for n, v in modules.items() if v.newest.multiplicity == "one"]
    either = [places[name] for name in needed if len(places[name]) > 1]
    top["properties"]["modules"] |= {
        "properties": sections,
        "required": [name for name in needed if len(places[name]) == 1],
        "additionalProperties": False,
    }
    if either:
        top["properties"]["modules"]["allOf"] = [
            {"oneOf": [{"required": [name]} for name in names]} for names in either
        ]
    return {"$schema": DRAFT, "description": "A finbase environment.", **top}


def _pinnable(registry: Registry, name: str) -> ModuleVersions:
    *before, last = (registry.get(name, version) for version in registry.versions(name))
    if (name, last.version) in registry.lock:
        return ModuleVersions((*before, last), None)
    return ModuleVersions(tuple(before), last)


def _section(name: str, versions: ModuleVersions) -> dict[str, Any]:
    """Return the schema of a module's section, which depends on the pinned version."""
    newest = versions.newest
    pin = {
        "enum": [str(contract.version) for contract in reversed(versions.contracts)],
        "markdownEnumDescriptions": [
            _version_description(name, contract.version, versions)
            for contract in reversed(versions.contracts)
        ],
        "description": "Version of the module.",
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


def _version_description(name: str, version: Version, versions: ModuleVersions) -> str:
    newest = versions.newest.version
    if versions.draft and version == versions.draft.version:
        return "draft, not released"
    if version == newest:
        return "newest release"
    return f"older than {newest}; `finbase upgrade ENV {name}` shows what an upgrade changes"


def _shape(contract: Contract) -> dict[str, Any]:
    """Return the schema of the section for one version, without the version itself."""
    section = contract.section_schema()
    rules = {declared.name: describe_constraint(declared) for declared in contract.inputs}
    del section["properties"]["version"]
    many = contract.multiplicity == "many"
    instances = section["properties"].pop("instances") if many or contract.repeats else None
    shape = _properties(section, rules)
    shape["properties"] = {"version": {}, **shape["properties"]}
    if instances:
        shape["properties"]["instances"] = {
            **instances,
            "additionalProperties": _properties(instances["additionalProperties"], rules),
            "propertyNames": {**instances["propertyNames"], "title": "name"},
        }
    return shape


def _properties(schema: Schema, rules: Mapping[str, str | None]) -> dict[str, Any]:
    """Annotate every property of an object, with its rule if it has one."""
    return {
        **schema,
        "properties": {
            name: _annotated({**part, "rule": rules.get(name)}, name)
            for name, part in schema["properties"].items()
        },
    }


def _annotated(schema: Schema, name: str, inherited: str | None = None) -> dict[str, Any]:
    """Add the contract's description to a schema, and its rule as the error message.

    A part without its own rule, such as an item of a list, uses the rule of the whole.
    """
    rule = schema.get("rule") or inherited
    result = {key: value for key, value in schema.items() if key != "rule"}
    if result.get("default", ...) is None:  # Optional, and not set.
        del result["default"]
    if description := schema.get("description"):
        result["description"] = " ".join(_sentences(schema))
        result["markdownDescription"] = "\n\n".join(_paragraphs(description, schema))
    if rule and schema.get("type") != "object":  # For an object, a missing key would show it too.
        result["errorMessage"] = f"`{name}` {rule}"
    if result.pop("deprecated", False):
        result["deprecationMessage"] = f"`{name}` is deprecated; a later release will remove it"
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
    """Yield the hover text; the editor itself adds examples and the values of an ``enum``."""
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
    """Escape the markup characters of Markdown, except in code between backticks.

    >>> _escaped("a_b `c_d`")
    'a\\\\_b `c_d`'
    """
    parts = text.split("`")
    parts[::2] = [re.sub(r"([\\*_<\[])", r"\\\1", part) for part in parts[::2]]
    return "`".join(parts)
