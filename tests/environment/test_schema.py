"""The schema of environment files: made of the contracts, and agreeing with the command line."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from finbase import codes
from finbase.contract.registry import Registry
from finbase.environment.load import discover, read
from finbase.errors import InputError
from finbase.render.editor_schema import environment_schema, pinnable
from finbase.render.project import SCHEMA, render_schema
from finbase.render.validation import describe_constraint
from finbase.source.document import parse
from tests.support.commands import ROOT, finbase
from tests.support.sample import SAMPLE, changed
from tests.support.strategies import environments

REGISTRY = Registry(ROOT)
MADE = environment_schema(pinnable(REGISTRY))
VALIDATOR = jsonschema_rs.Draft7Validator(MADE)
MODULES = MADE["properties"]["modules"]["properties"]

# What a schema can say: the rest is about several values, or about what AWS has.
SAID = {
    codes.CONSTRAINT,
    codes.FORM,
    codes.KEY_FORM,
    codes.LENGTH,
    codes.MISSING_KEY,
    codes.MISSING_MODULE,
    codes.NOT_ONE_OF,
    codes.RANGE,
    codes.UNKNOWN_KEY,
    codes.UNKNOWN_MODULE,
    codes.UNKNOWN_VERSION,
    codes.WRONG_TYPE,
}


def refused(value: Any) -> set[str]:
    """The codes of what the command line says of a file, so far as a schema can say it."""
    try:
        text = json.dumps(value, ensure_ascii=False)
        read("environments/drawn.yaml", text.encode(), REGISTRY, ROOT)
    except InputError as error:
        return {diagnostic.code for diagnostic in error.diagnostics} & SAID
    return set()


def ways(value: Any, way: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to each value below a value."""
    pairs = value.items() if isinstance(value, dict) else enumerate(value)
    found = [(*way, key) for key, _ in pairs]
    for key in [*found]:
        below = value[key[-1]]
        found += ways(below, key) if isinstance(below, dict | list) else []
    return found


WRITTEN = [parse(path.name, path.read_bytes()).value for path in discover(ROOT)]
SCALARS = st.sampled_from(
    ["", "x", "1.0.0", "1.1.0", "9.9.9", "10.0.0.0/16", "all", 0, 7, 10**6, -1, 1.5, True, None]
)
VALUES = SCALARS | st.lists(SCALARS, max_size=3) | st.dictionaries(st.just("x"), SCALARS)


@st.composite
def mistaken(draw: Any) -> Any:
    """An environment of this project in which one or two things are others, are gone or new."""
    value = copy.deepcopy(draw(st.sampled_from(WRITTEN)))
    for _ in range(draw(st.integers(1, 2))):
        *steps, last = draw(st.sampled_from(ways(value)))
        tree = value
        for step in steps:
            tree = tree[step]
        match draw(st.sampled_from(["other", "gone", "new"])):
            case "other":
                tree[last] = draw(VALUES)
            case "gone":
                del tree[last]
            case "new" if isinstance(tree, dict):
                tree[draw(st.sampled_from(["x", "Name", "version", "kms", "iops"]))] = draw(VALUES)
    return value


@settings(max_examples=20)
@given(environments())
def test_schema_accepts_valid_environments(value: Any) -> None:
    assert list(VALIDATOR.iter_errors(value)) == []
    assert not refused(value)


@settings(max_examples=200)
@given(mistaken())
def test_schema_agrees_with_load(value: Any) -> None:
    said = refused(value)
    assert VALIDATOR.is_valid(value) is not bool(said), said


def test_schema_is_draft_7() -> None:
    assert MADE["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert jsonschema_rs.meta.is_valid(MADE)
    text = json.dumps(MADE)
    # In draft 7 the keywords of later drafts would say nothing, and so would those beside $ref.
    for word in ("$ref", "$defs", "prefixItems", "dependentRequired", "unevaluated", '"rule"'):
        assert word not in text


@pytest.mark.parametrize("name", REGISTRY.names)
def test_schema_describes_every_input(name: str) -> None:
    for version in REGISTRY.versions(name):
        contract = REGISTRY.get(name, version)
        section = MODULES[name]
        for branch in section.get("allOf", ()):
            if str(version) in branch["if"]["properties"]["version"]["enum"]:
                section = branch["then"]
        properties = section["properties"]
        if contract.multiplicity == "many":
            properties = properties["instances"]["additionalProperties"]["properties"]
        assert properties.keys() - {"version", "instances"} == {i.name for i in contract.inputs}
        for each in contract.inputs:
            shown = properties[each.name]
            assert shown["description"].startswith(each.description)
            if rule := describe_constraint(each):
                assert rule[1:] in shown["description"]
                assert "**" in shown["markdownDescription"]
                assert each.schema["type"] == "object" or rule in shown["errorMessage"]
            assert shown.get("default") == each.default
            assert shown.get("enum") == each.schema.get("enum")


def test_schema_describes_versions() -> None:
    versions = [str(version) for version in reversed(REGISTRY.versions("cache"))]
    pin = MODULES["cache"]["properties"]["version"]
    assert pin["enum"] == versions
    first, *others = pin["markdownEnumDescriptions"]
    assert first == "newest release"
    assert all(other.startswith(f"older than {versions[0]}; ") for other in others)


def test_schema_depends_on_version() -> None:
    old = changed({"cache": {"version": "1.0.0"}})
    assert VALIDATOR.is_valid(old)
    new = {"version": "1.1.0", "user_group_id": "ledger-applications"}
    assert VALIDATOR.is_valid(changed({"cache": new}))
    assert not VALIDATOR.is_valid(changed({"cache": {**new, "version": "1.0.0"}}))


def test_schema_marks_draft_and_deprecated(project: Path) -> None:
    path = project / "templates" / "modules" / "cache" / "contract.yaml"
    text = path.read_text()
    text = text.replace("version: 2.1.0", "version: 2.2.0", 1)
    path.write_text(text.replace("  description:\n", "  description:\n    deprecated: true\n", 1))
    assert finbase(project, "render").exit_code == 0
    section = json.loads((project / SCHEMA).read_text())["properties"]["modules"]["properties"]
    pin = section["cache"]["properties"]["version"]
    assert pin["enum"][0] == "2.2.0"
    assert pin["markdownEnumDescriptions"][0] == "draft, not released"
    assert pin["markdownEnumDescriptions"][1] == "newest release"
    draft, *_ = [b["then"] for b in section["cache"]["allOf"] if "2.2.0" in str(b["if"])]
    assert "is deprecated" in draft["properties"]["description"]["deprecationMessage"]
    assert "deprecated" not in json.dumps(MODULES["cache"])


def test_release_and_render_write_schema(project: Path) -> None:
    place = project / SCHEMA
    place.write_text(place.read_text().replace("kms", "kmz"))
    check = finbase(project, "render", "--check")
    assert check.exit_code == 1
    assert f"--- a/{SCHEMA}" in check.output
    result = finbase(project, "render")
    assert result.exit_code == 0
    assert f"  {SCHEMA}: 1 changed" in result.output
    template = project / "templates" / "modules" / "kms" / "main.tf.j2"
    template.write_text(template.read_text() + "\n# Another line.\n")
    assert finbase(project, "release", "kms", "patch", "-m", "A line.").exit_code == 0
    newest = str(Registry(project).current("kms").version)
    pin = json.loads(place.read_text())["properties"]["modules"]["properties"]["kms"]
    assert pin["properties"]["version"]["enum"][0] == newest
    assert finbase(project, "render", "--check").exit_code == 0


def test_release_keeps_foreign_schema(project: Path) -> None:
    place = project / SCHEMA
    place.write_text('{"title": "mine"}\n')
    result = finbase(project, "render")
    assert result.exit_code == 2
    assert f"nothing was written, because these files were not rendered by finbase: {SCHEMA}" in (
        result.output
    )
    assert place.read_text() == '{"title": "mine"}\n'


def test_schema_command(project: Path, tmp_path: Path) -> None:
    committed = (ROOT / SCHEMA).read_bytes()
    assert committed == render_schema(pinnable(REGISTRY))
    assert finbase(project, "schema").output == committed.decode()
    file = tmp_path / "mine.json"
    assert finbase(project, "schema", "--output", str(file)).output == ""
    assert file.read_bytes() == committed
    assert VALIDATOR.is_valid(SAMPLE)
