"""Check that the reference pages are up to date and complete; ``make reference`` writes them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path

import click
import pytest

from docs.generate import FOLDER, is_generated, pages, write
from docs.generate.markdown import escaped
from finbase.contract.registry import Registry
from finbase.environment.rules.index import TITLES
from finbase.judge.catalogue import load_failures
from finbase.judge.features import read_feature
from tests.support.command_tree import examples, walk
from tests.support.commands import ROOT
from tests.support.options import faults

JOINED = {"finbase report merge"}
"""Commands that write the document of another one."""

BUNDLED = {"finbase evidence"}
"""Commands that write their document into an archive."""


@pytest.fixture(scope="module")
def made() -> Mapping[str, str]:
    return pages(ROOT)


def test_reference_has_no_page_without_subject(made: Mapping[str, str]) -> None:
    generated = {path for path in (ROOT / FOLDER).rglob("*.md") if is_generated(path)}
    assert {path.relative_to(ROOT / FOLDER).as_posix() for path in generated} < made.keys()


def test_reference_pages_are_up_to_date(made: Mapping[str, str]) -> None:
    folder = ROOT / FOLDER
    old = [path for path, text in made.items() if (folder / path).read_text() != text]
    assert old == [], "out of date; run: make reference"


def test_write_reference_restores_and_removes_pages(project: Path, made: Mapping[str, str]) -> None:
    folder = project / FOLDER
    (folder / "modules").mkdir(parents=True)
    rules_page = (ROOT / FOLDER / "rules.md").read_text()
    (folder / "rules.md").write_text(rules_page[:-100])
    (folder / "modules" / "gone.md").write_text(made["codes.md"])
    (folder / "files.md").write_text("by hand\n")
    write(project)
    assert {
        path.relative_to(folder).as_posix(): path.read_text() for path in folder.rglob("*.md")
    } == {**made, "files.md": "by hand\n"}


def test_json_page_has_every_command_with_json(made: Mapping[str, str]) -> None:
    options = {
        context.command_path
        for context in walk()
        if any("--json" in parameter.opts for parameter in context.command.params)
    }
    sections = made["json.md"].split("\n## ")[1:]
    assert {section.partition("\n")[0] for section in sections} == options - JOINED | BUNDLED
    for section in sections:
        assert "\n| `schema_version` | `" in section


def test_every_command_has_examples() -> None:
    paths = {context.command_path for context in walk() if not examples(context.command)}
    assert paths == {"finbase"}


EXAMPLES = [(context, line) for context in walk() for line in examples(context.command)]


@pytest.mark.parametrize(("context", "line"), EXAMPLES, ids=[line for _, line in EXAMPLES])
def test_help_example_is_valid(
    context: click.Context, line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(faults(line)) == []
    call = re.search(r"finbase ([^|>#)]*)", line)
    assert call, line
    arguments = shlex.split(re.sub(r"\$\w+", "2", call[1]))
    path = context.command_path.split()[1:]
    assert arguments[: len(path)] == path
    monkeypatch.chdir(tmp_path)
    for argument in arguments:
        if re.search(r"\.(json|pem|tfplan|zip)$", argument):
            (tmp_path / argument).touch()
    context.command.make_context(path[-1], arguments[len(path) :], parent=context.parent)


def test_module_pages_name_all_inputs_and_outputs(made: Mapping[str, str]) -> None:
    registry = Registry(ROOT)
    for module in registry.names:
        text = made[f"modules/{module}.md"]
        for version in registry.versions(module):
            contract = registry.get(module, version)
            starts = [f"- **`{value.name}`**: " for value in contract.variables]
            starts += [f"| `{value.name}` |" for value in contract.outputs]
            part = text.partition(f"\n## {module} {version}\n")[2].partition(f"\n## {module} ")[0]
            missing = [start for start in starts if f"\n{start}" not in part]
            assert missing == [], f"{module} {version}"


def test_pages_name_all_codes_failures_and_scenarios(made: Mapping[str, str]) -> None:
    assert all(f"[`{code}`]" in made["codes.md"] for code in TITLES)
    text = made["features.md"]
    for failure in load_failures(ROOT / "features"):
        assert f"| `{failure.id}` |" in text
    for path in (ROOT / "features").glob("*.feature"):
        titles = [
            line.partition(":")[2].strip()
            for line in path.read_text().splitlines()
            if line.strip().startswith("Scenario")
        ]
        assert [scenario.title for scenario in read_feature(path).scenarios] == titles
        assert all(f"\n### {escaped(title)}\n" in text for title in titles)


def test_read_feature_returns_text_tags_and_steps(tmp_path: Path) -> None:
    path = tmp_path / "a.feature"
    path.write_text(
        "Feature: A\n\n  Words of it.\n\n"
        "  @F01 @high\n  Scenario: One\n    Given x\n      | a |\n\n"
        "  @F02\n  Scenario Outline: Two\n    Given <y>\n\n    Examples:\n      | y |\n"
    )
    feature = read_feature(path)
    assert (feature.title, feature.description) == ("A", "Words of it.")
    one, two = feature.scenarios
    assert (one.title, one.tags, one.text) == ("One", ("F01", "high"), "Given x\n  | a |")
    assert (two.title, two.tags) == ("Two", ("F02",))
    assert two.text == "Given <y>\n\nExamples:\n  | y |"


def test_read_feature_assigns_tags_to_next_scenario(tmp_path: Path) -> None:
    path = tmp_path / "a.feature"
    path.write_text(
        "@all\nFeature: A\n\n  @F01 @high\n  @noskip\n  Scenario: One\n    Given x\n\n"
        "  Scenario: Two\n    Given y\n"
    )
    one, two = read_feature(path).scenarios
    assert one.tags == ("F01", "high", "noskip")
    assert (two.tags, two.text) == ((), "Given y")
