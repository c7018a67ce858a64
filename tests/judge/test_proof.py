"""Each failure of the catalogue, put back, is caught by its own scenarios and no others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from finbase.errors import ComplianceError
from finbase.judge import compliance
from finbase.judge.catalogue import load_failures
from finbase.judge.mutations import Edit, Mutation, caught, load_mutations, mutate
from finbase.judge.prove import rendered_files
from finbase.judge.verdict import Scenario, Verdict
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT

FEATURES = ROOT / "features"
FAILURES = load_failures(FEATURES)
MUTATIONS = load_mutations(FEATURES)
OVERLAPS = {failure.id: failure.overlaps for failure in FAILURES}
FILES = rendered_files(ROOT)


def pins(environment: str) -> set[str]:
    """The module versions that an environment uses."""
    main = FILES[PurePosixPath("environments", environment, "main.tf")].decode()
    return set(re.findall(r'source = "\.\./\.\./(modules/[^"]+)"', main))


def of_newer_releases() -> list[Mutation]:
    """The mutations of what staging has in another release than production, for staging."""
    others = [PurePosixPath(pin) for pin in sorted(pins("staging") - pins("production"))]
    return [
        replace(each, environment="staging")
        for each in MUTATIONS
        if each.environment == "production"
        and any(f"modules/{pin.parts[1]}/" in edit.file for edit in each.edits for pin in others)
    ]


NEWER = of_newer_releases()

MAIN = b'module "keys" {\n  source = "../../modules/keys/1.1.0"\n}\n'
SMALL = {
    PurePosixPath("environments/production/main.tf"): MAIN,
    PurePosixPath("environments/staging/main.tf"): MAIN,
    PurePosixPath("modules/keys/1.0.0/main.tf"): b"rotate = true\n",
    PurePosixPath("modules/keys/1.1.0/main.tf"): b"rotate = true\nrotate = true\n",
    PurePosixPath("modules/keys/1.1.0/README.md"): b"rotate = true\n",
}


def mutation(**given: Any) -> Mutation:
    edit = Edit("modules/keys/*/main.tf", "rotate = true", "rotate = false", 2)
    usual = Mutation("keys-not-rotated", "F08", "what", "why", (edit,), "production")
    return replace(usual, **given)


# --- the data ------------------------------------------------------------------------------


def test_each_failure_is_put_back_in_at_least_two_ways() -> None:
    ways = [each.failure for each in MUTATIONS]
    assert {each.id for each in FAILURES if ways.count(each.id) < 2} == set()


def test_newer_releases_are_proved_too() -> None:
    modules = {edit.file.split("/")[1] for each in NEWER for edit in each.edits}
    assert {"kms", "cache", "monitoring"} <= modules


@pytest.mark.parametrize("each", MUTATIONS, ids=lambda each: each.id)
def test_each_mutation_fits_the_rendered_tree(each: Mutation) -> None:
    changed = mutate(FILES, each)
    assert changed != FILES
    assert changed.keys() == FILES.keys()


# --- putting a failure back ----------------------------------------------------------------


def test_only_the_modules_that_the_environment_uses_are_changed() -> None:
    changed = mutate(SMALL, mutation())
    assert {path for path in SMALL if changed[path] != SMALL[path]} == {
        PurePosixPath("modules/keys/1.1.0/main.tf")
    }
    assert changed[PurePosixPath("modules/keys/1.1.0/main.tf")] == b"rotate = false\n" * 2


def test_only_the_stack_of_the_environment_is_changed() -> None:
    edit = Edit("environments/*/main.tf", "keys/1.1.0", "keys/1.0.0", 1)
    changed = mutate(SMALL, mutation(edits=(edit,)))
    assert {path for path in SMALL if changed[path] != SMALL[path]} == {
        PurePosixPath("environments/production/main.tf")
    }


def test_later_edits_see_what_earlier_ones_left() -> None:
    edits = (
        Edit("modules/keys/*/main.tf", "rotate = true\nrotate", "turn", 1),
        Edit("modules/keys/*/main.tf", "turn = true", "turn = false", 1),
    )
    changed = mutate(SMALL, mutation(edits=edits))
    assert changed[PurePosixPath("modules/keys/1.1.0/main.tf")] == b"turn = false\n"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit("modules/keys/*/main.tf", "rotate = true", "", 1), r"2 times .* not 1"),
        (Edit("modules/keys/*/main.tf", "missing", "", 1), r"0 times in modules/keys/1\.1\.0/"),
        (Edit("modules/else/*/main.tf", "rotate", "", 1), r"0 times in no file of production"),
    ],
)
def test_a_text_that_does_not_stand_there_as_often_is_an_error(edit: Edit, message: str) -> None:
    with pytest.raises(ComplianceError, match=f"keys-not-rotated: the text .* {message}"):
        mutate(SMALL, mutation(edits=(edit,)))


def test_an_environment_that_is_not_rendered_is_an_error() -> None:
    with pytest.raises(ComplianceError, match="no environment test is rendered"):
        mutate(SMALL, mutation(environment="test"))


# --- what fell -----------------------------------------------------------------------------


def verdict(*fallen: str) -> Verdict:
    def scenario(id_: str) -> Scenario:
        status: Any = "failed" if id_ in fallen else "passed"
        return Scenario("f", "s", (id_,), (id_,), None, (), status, "", f"{id_}:1")

    return Verdict("production", tuple(scenario(each.id) for each in FAILURES), FAILURES)


@pytest.mark.parametrize(
    ("failure", "fallen", "missed", "stray"),
    [
        ("F08", ["F08"], False, ()),
        ("F08", [], True, ()),
        ("F08", ["F03", "F08"], False, ("F03",)),
        ("F08", ["F03"], True, ("F03",)),
        ("F01", ["F01", "F10"], False, ()),
        ("F01", ["F10"], True, ()),
        ("F10", ["F01", "F10"], False, ()),
    ],
)
def test_own_scenarios_fall_and_no_others_but_for_overlaps(
    failure: str, fallen: list[str], missed: bool, stray: tuple[str, ...]
) -> None:
    outcome = caught(verdict(*fallen), mutation(failure=failure), OVERLAPS)
    assert outcome.fell == tuple(fallen)
    assert (outcome.missed, outcome.stray) == (missed, stray)
    assert outcome.proved is (not missed and not stray)


# --- reading -------------------------------------------------------------------------------

ENTRY = {"id": "a", "failure": "F08", "what": "w", "why": "y", "file": "f"} | {
    "find": "x",
    "replace": "y",
}


@pytest.fixture
def read(tmp_path: Path) -> Callable[[Any], tuple[Mutation, ...]]:
    (tmp_path / "failures.yaml").write_text((FEATURES / "failures.yaml").read_text())

    def read(entries: Any) -> tuple[Mutation, ...]:
        (tmp_path / "mutations.yaml").write_text(yaml.safe_dump(entries))
        return load_mutations(tmp_path)

    return read


def test_what_is_not_given_has_its_usual_value(
    read: Callable[[Any], tuple[Mutation, ...]],
) -> None:
    more = {"file": "g", "find": "z", "replace": "", "count": 3}
    (only,) = read([ENTRY | {"further": [more]}])
    assert only.edits == (Edit("f", "x", "y", 1), Edit("g", "z", "", 3))
    assert only.environment == "production"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{k: v for k, v in ENTRY.items() if k != "why"}], "no 'why'"),
        ([{k: v for k, v in ENTRY.items() if k != "find"}], "no 'find'"),
        ([ENTRY, ENTRY], "a is listed twice"),
        ([ENTRY | {"failure": "F99"}], "a: F99 is not in the failure catalogue"),
        ([ENTRY | {"id": "Not an id"}], "'Not an id' is not an id"),
        ([ENTRY | {"find": ""}], "changes nothing"),
        ([ENTRY | {"replace": "x"}], "changes nothing"),
        ("text", "not a list of mutations"),
        ({"a": ENTRY}, "not a list of mutations"),
        (None, "not a list of mutations"),
    ],
)
def test_what_is_no_list_of_mutations_is_an_error(
    read: Callable[[Any], tuple[Mutation, ...]], entries: Any, message: str
) -> None:
    with pytest.raises(ComplianceError, match=message):
        read(entries)


def test_a_missing_list_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "failures.yaml").write_text((FEATURES / "failures.yaml").read_text())
    with pytest.raises(ComplianceError, match=r"mutations\.yaml is missing"):
        load_mutations(tmp_path)


# --- the proof, on real plans --------------------------------------------------------------


@pytest.mark.terraform
@pytest.mark.parametrize(
    "each", [*MUTATIONS, *NEWER], ids=lambda each: f"{each.id}-{each.environment}"
)
def test_a_failure_put_back_is_caught_alone(
    each: Mutation, workspace: Workspace, tmp_path: Path
) -> None:
    lay_out(mutate(FILES, each), tmp_path)
    plan = workspace.plan(tmp_path / "environments" / each.environment, project=tmp_path)
    outcome = caught(compliance.run(plan, FEATURES), each, OVERLAPS)
    assert outcome.proved, f"fell: {outcome.fell}"
