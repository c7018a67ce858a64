"""What an editor shows of an environment file, by the language server that most of them run."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from finbase.contract.registry import Registry
from finbase.environment.load import discover, read
from finbase.environment.schema import TOP_VALUES
from finbase.errors import InputError
from finbase.render.editor_schema import pinnable
from finbase.render.project import SCHEMA, render_schema
from tests.support.commands import ROOT
from tests.support.language_server import LanguageServer, language_server

SMALL = ROOT / "tests" / "fixtures" / "small"
CORPUS = ROOT / "tests" / "corpus"
ENVIRONMENTS = ROOT / "environments"
NAMED = "# yaml-language-server: $schema=environment.schema.json\n"

# What the schema finds; the rules across values are the command line's alone.
FOUND = {*(f"FB{number}" for number in range(130, 139)), "FB140", "FB141", "FB142"}
# The command line names the key of an empty value, a mapping or a list; the server, the value.
AT_THE_VALUE = {
    "contains",
    "module-empty",
    "modules-empty",
    "not-unique",
    "tags-too-many",
    "type-empty",
    "type-list-for-mapping",
    "type-null-for-optional",
}
# The command line names a misspelt key, and not also that the right one is missing.
MISSPELT = {"path-in-module", "unknown-key-nested", "unknown-key-top", "unknown-module"}
# Numbers to YAML 1.2, in a form that the command line takes for text and the server does not.
OTHER_NUMBERS = {"exponent", "hexadecimal", "not-a-number", "octal-old", "type-decimal"}


@pytest.fixture(scope="module")
def server() -> Iterator[LanguageServer]:
    with language_server() as server:
        yield server


def completed(server: LanguageServer, text: str) -> set[str]:
    labels = server.complete(ENVIRONMENTS, NAMED + text)
    return {label for label in labels if not label.startswith("object")}


# Completion.


def test_completion_of_keys(server: LanguageServer) -> None:
    top = {"environment", *TOP_VALUES, "modules"}
    assert completed(server, "|") == top
    assert completed(server, "modules:\n  |\n") == set(Registry(ROOT).names)
    given = "tags:\n  owner: a\n  cost|\n"
    assert "cost_centre" in completed(server, given)


def test_completion_depends_on_version(server: LanguageServer) -> None:
    registry = Registry(ROOT)
    for name in ("database", "cache", "network"):
        for version in registry.versions(name):
            contract = registry.get(name, version)
            inputs = {each.name for each in contract.inputs}
            text = f"modules:\n  {name}:\n    version: {version}\n    "
            further = {"instances"} if contract.repeats else set()
            assert completed(server, f"{text}|\n") == inputs | further
            if further:
                assert completed(server, f"{text}instances:\n      a:\n        |\n") == inputs
    replica = "modules:\n  replica:\n    version: 1.0.0\n    instances:\n      a:\n        |\n"
    assert "instance_class" in completed(server, replica)


def test_completion_of_values(server: LanguageServer) -> None:
    pin = "modules:\n  cache:\n    version: |\n"
    items = server.complete(ENVIRONMENTS, NAMED + pin)
    assert list(items)[:3] == ["2.1.0", "2.0.0", "1.2.0"]
    assert items["2.1.0"]["documentation"]["value"] == "newest release"
    for older in ("2.0.0", "1.2.0", "1.1.0", "1.0.0"):
        assert items[older]["documentation"]["value"].startswith("older than 2.1.0; ")
    text = "modules:\n  database:\n    version: 1.0.0\n    log_statement: |\n"
    assert completed(server, text) == {"all", "ddl", "mod"}
    assert "confidential" in completed(server, "tags:\n  data_classification: |\n")


# Hover.


def test_hover(server: LanguageServer) -> None:
    text = "modules:\n  network:\n    version: 1.0.0\n    ci|dr: 10.0.0.0/16\n"
    shown = server.hover(ENVIRONMENTS, NAMED + text)
    assert shown.startswith("IPv4 range of the VPC.\n\n**Must be a private IPv4 range (10/8, ")
    assert "Example:\n\n```yaml\n10.20.0.0/16\n```" in shown
    text = "modules:\n  cache:\n    version: 1.0.0\n    snapshot_|retention_limit: 8\n"
    shown = server.hover(ENVIRONMENTS, NAMED + text)
    assert "Default: `7`" in shown
    assert "**Must be a whole number between 1 and 35.**" in shown
    text = "modules:\n  cache:\n    version: 1.|0.0\n"
    assert "`1.0.0`: older than 2.1.0" in server.hover(ENVIRONMENTS, NAMED + text)
    text = "modules:\n  mon|itoring:\n    version: 1.0.0\n"
    shown = server.hover(ENVIRONMENTS, NAMED + text)
    assert shown.startswith(Registry(ROOT).current("monitoring").summary)


# What is wrong.


@pytest.fixture
def small(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    shutil.copytree(SMALL, root)
    (root / SCHEMA).write_bytes(render_schema(pinnable(Registry(root))))
    return root


def test_own_file_has_no_problem(
    server: LanguageServer,
) -> None:
    for path in discover(ROOT):
        text = path.read_text()
        assert text.startswith(NAMED)
        assert server.problems(server.open(ENVIRONMENTS, text)) == []


def test_error_message_is_rule(small: Path, server: LanguageServer) -> None:
    text = NAMED + (CORPUS / "account-id-short.yaml").read_text()
    ((line, column, message),) = server.problems(server.open(small / "environments", text))
    assert text.splitlines()[line - 1][column - 1 :].startswith('"')
    assert message.startswith("`account_id` must be the 12 digits of an AWS account ID, in quotes")


def test_errors_agree_with_load(small: Path, server: LanguageServer) -> None:
    """On every file of the corpus that the schema alone refuses."""
    registry = Registry(small)
    named: dict[str, set[tuple[int, int]]] = {}
    for path in sorted(CORPUS.glob("*.yaml")):
        try:
            data = NAMED.encode() + path.read_bytes()
            read("environments/production.yaml", data, registry, small)
        except InputError as error:
            if all(each.code in FOUND for each in error.diagnostics):
                named[path.stem] = {(each.line, each.column) for each in error.diagnostics}
    texts = {name: NAMED + (CORPUS / f"{name}.yaml").read_text() for name in named}
    opened = {n: server.open(small / "environments", text) for n, text in texts.items()}
    shown = {n: {each[:2] for each in server.problems(uri)} for n, uri in opened.items()}
    elsewhere = {name for name in named if named[name] != shown[name]}
    assert elsewhere == AT_THE_VALUE | OTHER_NUMBERS | MISSPELT
    assert all(named[name] < shown[name] for name in MISSPELT)
    assert len(named) - len(elsewhere) >= 50
    assert not any(shown[name] for name in OTHER_NUMBERS)
    for name in AT_THE_VALUE - {"tags-too-many"}:
        assert {line for line, _ in named[name]} == {line for line, _ in shown[name]}
