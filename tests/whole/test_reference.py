"""The reference pages are what the project says today: ``FINBASE_UPDATE_DOCS=1`` writes them."""

from __future__ import annotations

import os
from pathlib import Path

import click
import pytest

from docs.generate import MARK, commands, pages
from docs.generate.markdown import escaped
from finbase.contract.registry import Registry
from finbase.environment import rules
from finbase.judge.catalogue import load_failures
from finbase.judge.features import read_feature
from tests.support.commands import ROOT
from tests.support.options import faults

JOINED = {"finbase report merge"}
"""Commands that write the document of another one."""

FOLDER = ROOT / "docs" / "reference"
PAGES = pages(ROOT)


def written() -> set[str]:
    found = (path for path in FOLDER.rglob("*.md") if path.read_text().startswith(MARK))
    return {path.relative_to(FOLDER).as_posix() for path in found}


def test_no_page_is_left_of_what_is_gone() -> None:
    if os.environ.get("FINBASE_UPDATE_DOCS"):
        for path in written() - PAGES.keys():
            (FOLDER / path).unlink()
    assert written() <= PAGES.keys()


@pytest.mark.parametrize("path", PAGES)
def test_a_page_is_as_written(path: str) -> None:
    file = FOLDER / path
    if os.environ.get("FINBASE_UPDATE_DOCS"):
        file.parent.mkdir(exist_ok=True)
        file.write_text(PAGES[path])
    assert file.read_text() == PAGES[path], (
        "run: FINBASE_UPDATE_DOCS=1 pytest tests/whole/test_reference.py"
    )


def test_every_command_has_its_options_and_examples() -> None:
    text = PAGES["commands.md"]
    for context in commands.walk():
        assert f"\n## {context.command_path}\n" in text
        part = text.partition(f"\n## {context.command_path}\n")[2].partition("\n## ")[0]
        for parameter in context.command.get_params(context):
            if isinstance(parameter, click.Option) and not parameter.hidden:
                assert all(option in part for option in parameter.opts), context.command_path


def test_every_command_that_writes_json_has_its_document() -> None:
    options = {
        context.command_path
        for context in commands.walk()
        if any("--json" in parameter.opts for parameter in context.command.params)
    }
    sections = PAGES["json.md"].split("\n## ")[1:]
    assert {section.partition("\n")[0] for section in sections} == options - JOINED
    for section in sections:
        assert "\n| `schema_version` | `" in section


EXAMPLES = [line for context in commands.walk() for line in commands.examples(context.command)]


@pytest.mark.parametrize("line", EXAMPLES)
def test_the_examples_of_a_command_are_commands(line: str) -> None:
    assert list(faults(line)) == []


def test_every_input_and_output_of_every_version_is_named() -> None:
    registry = Registry(ROOT)
    for name in registry.names:
        text = PAGES[f"modules/{name}.md"]
        for version in registry.versions(name):
            contract = registry.get(name, version)
            names = [*(each.name for each in contract.variables)]
            names += [each.name for each in contract.outputs]
            part = text.partition(f"\n## {name} {version}\n")[2].partition(f"\n## {name} ")[0]
            missing = [each for each in names if f"\n| `{each}` |" not in part]
            assert missing == [], f"{name} {version}"


def test_every_code_failure_and_scenario_is_named() -> None:
    assert all(f"[`{code}`]" in PAGES["codes.md"] for code in rules.TITLES)
    text = PAGES["features.md"]
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


def test_a_feature_is_read_with_its_words_tags_and_steps(tmp_path: Path) -> None:
    path = tmp_path / "a.feature"
    path.write_text(
        "Feature: A\n\n  Words of it.\n\n"
        "  @F01 @high\n  Scenario: One\n    Given x\n      | a |\n\n"
        "  @F02\n  Scenario Outline: Two\n    Given <y>\n\n    Examples:\n      | y |\n"
    )
    feature = read_feature(path)
    assert (feature.title, feature.words) == ("A", "Words of it.")
    one, two = feature.scenarios
    assert (one.title, one.tags, one.text) == ("One", ("F01", "high"), "Given x\n  | a |")
    assert (two.title, two.tags) == ("Two", ("F02",))
    assert two.text == "Given <y>\n\nExamples:\n  | y |"


def test_tags_are_of_the_scenario_that_they_stand_above(tmp_path: Path) -> None:
    path = tmp_path / "a.feature"
    path.write_text(
        "@all\nFeature: A\n\n  @F01 @high\n  @noskip\n  Scenario: One\n    Given x\n\n"
        "  Scenario: Two\n    Given y\n"
    )
    one, two = read_feature(path).scenarios
    assert one.tags == ("F01", "high", "noskip")
    assert (two.tags, two.text) == ((), "Given y")
