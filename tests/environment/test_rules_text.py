"""The list of all demands, the explanation of each, and the page about them."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from finbase import codes
from finbase.cli import main
from finbase.commands.explain import load_catalogue
from finbase.console.speech import terminal_width
from finbase.contract.registry import Registry
from finbase.environment.load import load
from finbase.environment.rules.handbook import Reading, bounds, readings
from finbase.environment.rules.index import TITLES
from finbase.environment.rules.rule import Change
from finbase.errors import FinbaseError, InputError
from finbase.judge.catalogue import Failure, load_failures
from finbase.judge.frameworks import load_frameworks
from finbase.report.explain import Catalogue, explain
from finbase.report.rules import RulesReport
from finbase.source.document import parse
from tests.support.commands import ROOT
from tests.support.sample import changed, write

REGISTRY = Registry(ROOT)
FAILURES = load_failures(ROOT / "features")
CATALOGUE = load_catalogue(ROOT)
READINGS = {reading.code: reading for reading in readings()}
# These are about the file itself, its size or its neighbours: their examples are in words.
IN_WORDS = {
    *(codes.NOT_UTF8, codes.TOO_LARGE, codes.TOO_DEEP, codes.MISSING_FILE, codes.UNREADABLE),
    *(codes.OUTSIDE, codes.FILE_NAME, codes.OTHER_NAME, codes.TOO_MANY, codes.MISSING_MODULE),
    *(codes.MISSING_SOURCE, codes.MISSING_OUTPUT, codes.CYCLE, codes.NOT_KNOWN_DATA),
    codes.SAME_PLACE,
    *(codes.CONTRACT, codes.LOCK, codes.SAME_STACK, codes.SMALLER_STORAGE, codes.OTHER_VERSION),
    *(codes.NO_IOPS, codes.REPLICAS_STAY_SMALL, codes.SEVERAL_SETTINGS, codes.NO_RESET),
}


def finbase(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["--project", str(ROOT), *arguments])


def test_listing_is_complete() -> None:
    result = finbase("rules")
    assert result.exit_code == 0
    for code, title in TITLES.items():
        assert code in result.output
        assert f"  {code}  {title}" in result.output
    for bound in bounds(REGISTRY):
        assert f"\n  {bound.name} " in result.output
    (line,) = (line for line in result.output.splitlines() if line.startswith("  FB206"))
    assert line.split("  ")[-1] == "network.cidr"


@pytest.mark.parametrize("width", [40, 80, 120])
def test_listing_width(width: int) -> None:
    lines = RulesReport(REGISTRY, width).text().splitlines()
    assert max(map(len, lines)) <= max(width, 120)
    assert all(line == line.rstrip() for line in lines)


def test_explain_codes() -> None:
    for code, title in TITLES.items():
        text = explain(code.lower(), REGISTRY, CATALOGUE, 100)
        assert text.startswith(f"{code}: {title}\n")
        for part in ("why", "accepted", "noted" if code.startswith("FB3") else "refused", "source"):
            assert f"\n  {part}" in text, code


def test_explain_prints_text() -> None:
    for name in ("fb201", "f01"):
        result = finbase("explain", name)
        assert result.exit_code == 0
        assert result.output == f"{explain(name, REGISTRY, CATALOGUE, terminal_width())}\n"


def test_explain_bounds() -> None:
    for bound in bounds(REGISTRY):
        text = explain(bound.name.upper(), REGISTRY, Catalogue(), 100)
        assert text.startswith(f"{bound.name}: ")
        assert bound.source in text, bound.name
        assert "must" in text, bound.name
        assert bound.codes, bound.name
        assert all(code in text and code in TITLES for code in bound.codes), bound.name
        assert bound.source.startswith("https://"), bound.name
        assert bound.why.endswith("."), bound.name
        assert bound.accepted, bound.name
        assert bound.refused, bound.name


@pytest.mark.parametrize("failure", FAILURES, ids=lambda failure: failure.id)
def test_explain_failure(failure: Failure) -> None:
    head, empty, *lines = explain(failure.id.swapcase(), REGISTRY, CATALOGUE, 100).splitlines()
    assert (head, empty) == (f"{failure.id}: {failure.title}", "")
    told = " ".join(" ".join(lines).split())
    supported = [", ".join(each.of(failure.id)) for each in load_frameworks(ROOT / "features")]
    for part in (failure.requirement, failure.severity, *supported):
        assert part in told
    assert "docs/explanation/failures.md" in told
    places = re.findall(r"(features/\w+\.feature):(\d+) ", told)
    assert places
    for path, number in places:
        tags, title = (ROOT / path).read_text().splitlines()[int(number) - 2 : int(number)]
        assert f"@{failure.id}" in tags.split()
        assert title.partition(": ")[2] in told


def test_explain_failure_of_project(tmp_path: Path) -> None:
    for folder in ("templates", "environments", "features"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    for path in (tmp_path / "features").glob("*.feature"):
        path.unlink()
    (tmp_path / "features" / "a.feature").write_text(
        "@F01\nFeature: A\n\n  @F02\n  @high\n  Scenario: One\n\n  Scenario: Two\n"
    )
    registry = Registry(tmp_path)
    catalogue = load_catalogue(tmp_path)
    text = explain("F02", registry, catalogue, 100)
    assert "features/a.feature:6 One" in text
    assert "Two" not in text
    assert "docs/" not in text
    assert "none, so no scenario detects it" in explain("F01", registry, catalogue, 100)
    (tmp_path / "features" / "failures.yaml").unlink()
    with pytest.raises(FinbaseError, match="not a code, an input"):
        explain("F01", registry, load_catalogue(tmp_path), 100)


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("F99", "did you mean `F"),
        ("F03a", "did you mean `F03`?"),
        ("f03A", "did you mean `F03`?"),
        ("F04", "explain one of F04a, F04b, F04c, F04d, F04e"),
        ("port", "explain one of database.port, replica.port"),
        ("FB2007", "did you mean `FB207`?"),
        ("fb2O7", "did you mean `FB2"),
        ("database.prot", "did you mean `database.port`?"),
        ("zebra", "`finbase rules` lists codes and inputs"),
        ("", "`finbase rules` lists codes and inputs"),
        ("a\x1b[31m", "`finbase rules` lists codes and inputs"),
        ("x" * 10_000, "`finbase rules` lists codes and inputs"),
    ],
)
def test_explain_unknown_name(name: str, near: str) -> None:
    result = finbase("explain", name)
    assert result.exit_code == 2
    assert near in result.output
    assert all(line.isprintable() and len(line) < 200 for line in result.output.splitlines())
    with pytest.raises(FinbaseError, match="not a code, an input"):
        explain(name, REGISTRY, Catalogue(), 100)


def test_explain_shows_tab() -> None:
    assert "<tab>owner" in explain("FB106", REGISTRY, Catalogue(), 100)


def test_readings_cover_codes() -> None:
    assert list(READINGS) == sorted(codes.TITLES)
    assert all(reading.why.endswith(".") and reading.refused for reading in READINGS.values())


def test_reading_examples(tmp_path: Path) -> None:
    for code in codes.TITLES.keys() - IN_WORDS:
        assert code not in told(READINGS[code].accepted, tmp_path)
        assert code in told(READINGS[code].refused, tmp_path)


def told(example: str | Change, root: Path) -> set[str]:
    try:
        if isinstance(example, str):
            return {d.code for d in parse("x.yaml", example.encode()).problems}
        load(write(root, changed(example)), REGISTRY, root)
    except InputError as error:
        return {diagnostic.code for diagnostic in error.diagnostics}
    return set()


def test_reading_descriptions() -> None:
    for code in IN_WORDS:
        reading: Reading = READINGS[code]
        assert isinstance(reading.accepted, str)
        assert "\n" not in str(reading.refused)


def test_render_reports_notes(tmp_path: Path) -> None:
    for folder in ("templates", "modules"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    write(tmp_path, changed({"environment": "drawn", "database.engine_version": "19"}))
    first = CliRunner().invoke(main, ["--project", str(tmp_path), "render"])
    second = CliRunner().invoke(main, ["--project", str(tmp_path), "render", "--check"])
    assert (first.exit_code, second.exit_code) == (0, 0)
    for result in (first, second):
        assert "environments/drawn.yaml:1:" in result.stderr
        assert "note: unknown major version 19 of postgres [FB303]" in (result.stderr)
        assert "note" not in result.stdout


def test_mistakes_page_names_checks() -> None:
    text = (ROOT / "docs" / "evidence" / "rules-not-applied.md").read_text()
    rows = re.findall(r"^\| (\d+) \| .+ \| (.+) \|$", text, re.M)
    assert [int(number) for number, _ in rows] == list(range(1, 61))
    named = {bound.name for bound in bounds(REGISTRY)}
    for _, held in rows:
        known = set(re.findall(r"FB[0-9]{3}", held)) | set(re.findall(r"`([a-z_.]+)`", held))
        assert known <= TITLES.keys() | named
        assert known or "not applied" in held
