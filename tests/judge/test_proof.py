"""Each failure of the catalogue, put back, is caught by its own scenarios and no others."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
import yaml

from finbase.errors import ComplianceError, TerraformError
from finbase.judge import compliance
from finbase.judge.applicable import lacking
from finbase.judge.catalogue import load_failures
from finbase.judge.edits import Edit, Replace
from finbase.judge.mutations import Mutation, caught, load_mutations, mutate
from finbase.judge.prove import (
    applied_state,
    falls_by_change,
    has_changes,
    rendered_files,
)
from finbase.judge.verdict import Scenario, Verdict
from finbase.plan.document import read_plan
from finbase.project.tree import lay_out
from finbase.terraform.workspace import Workspace
from tests.fuzz.fast_judge import Judge
from tests.judge.grouping import (
    Fell,
    Group,
    Names,
    changed_names,
    decode,
    explained,
    files_of_stack,
    find_problems,
    group_mutations,
    mutate_all,
)
from tests.judge.in_process import ids_of, subjects
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


def in_small_stack(each: Mutation) -> Mutation:
    """A mutation of production for development, if that can show it as well.

    Development pins the same releases and has fewer resources, which each plan costs. ``prove`` and
    the soak put all mutations of production back in production.
    """
    smaller = replace(each, environment="development")
    moves = each.environment == "production" and each.id not in OF_STRICT_DATA
    moves = moves and pins("development") <= pins("production")
    return smaller if moves and not lacking(FILES, smaller) else each


OF_STRICT_DATA = {
    "backups-of-one-day",
    "backups-of-three-days-as-text",
    "connection-secret-gone-at-once",
    "database-key-gone-after-a-week",
    "database-log-lost-with-the-stack",
    "final-snapshot-skipped",
    "keys-gone-after-a-week",
    "no-standby",
    "primary-unprotected",
    "standby-off-by-text",
}
"""Mutations that development passes with: its data are internal."""

NEWER = of_newer_releases()
ALL = [*MUTATIONS, *NEWER]
# Of the newer releases, one mutation of each failure is enough here; the soak proves all.
GROUPED = [*MUTATIONS, *{each.failure: each for each in reversed(NEWER)}.values()]
ENVIRONMENTS = ("production", "staging", "development")

MAIN = b'module "keys" {\n  source = "../../modules/keys/1.1.0"\n}\n'
SMALL = {
    PurePosixPath("environments/production/main.tf"): MAIN,
    PurePosixPath("environments/staging/main.tf"): MAIN,
    PurePosixPath("modules/keys/1.0.0/main.tf"): b"rotate = true\n",
    PurePosixPath("modules/keys/1.1.0/main.tf"): b"rotate = true\nrotate = true\n",
    PurePosixPath("modules/keys/1.1.0/README.md"): b"rotate = true\n",
}


def mutation(**given: Any) -> Mutation:
    edit = Edit("modules/keys/*/main.tf", Replace("rotate = true", "rotate = false"), 2)
    usual = Mutation("keys-not-rotated", "F08", "what", "why", (edit,), "production")
    return replace(usual, **given)


# --- the data ------------------------------------------------------------------------------


def test_mutations_cover_each_failure_twice() -> None:
    failures = [each.failure for each in MUTATIONS]
    assert {each.id for each in FAILURES if failures.count(each.id) < 2} == set()


def test_mutations_cover_newer_releases() -> None:
    modules = {edit.file.split("/")[1] for each in NEWER for edit in each.edits}
    assert {pin.split("/")[1] for pin in pins("staging") - pins("production")} <= modules


# --- mutate ----------------------------------------------------------------


def test_mutate_changes_used_modules_only() -> None:
    changed = mutate(SMALL, mutation())
    assert {path for path in SMALL if changed[path] != SMALL[path]} == {
        PurePosixPath("modules/keys/1.1.0/main.tf")
    }
    assert changed[PurePosixPath("modules/keys/1.1.0/main.tf")] == b"rotate = false\n" * 2


def test_mutate_changes_one_stack_only() -> None:
    edit = Edit("environments/*/main.tf", Replace("keys/1.1.0", "keys/1.0.0"))
    changed = mutate(SMALL, mutation(edits=(edit,)))
    assert {path for path in SMALL if changed[path] != SMALL[path]} == {
        PurePosixPath("environments/production/main.tf")
    }


def test_mutate_applies_edits_in_order() -> None:
    edits = (
        Edit("modules/keys/*/main.tf", Replace("rotate = true\nrotate", "turn")),
        Edit("modules/keys/*/main.tf", Replace("turn = true", "turn = false")),
    )
    changed = mutate(SMALL, mutation(edits=edits))
    assert changed[PurePosixPath("modules/keys/1.1.0/main.tf")] == b"turn = false\n"


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (Edit("modules/keys/*/main.tf", Replace("rotate = true", "")), r"occurs 2 times .* not 1"),
        (
            Edit("modules/keys/*/main.tf", Replace("missing", "")),
            r"occurs 0 times in modules/keys/1\.1\.0/",
        ),
        (
            Edit("modules/else/*/main.tf", Replace("rotate", "")),
            r"occurs 0 times in no file of production",
        ),
    ],
)
def test_mutate_refuses_another_count(edit: Edit, message: str) -> None:
    with pytest.raises(ComplianceError, match=f"keys-not-rotated: the text .* {message}"):
        mutate(SMALL, mutation(edits=(edit,)))


def test_mutate_refuses_an_unknown_environment() -> None:
    with pytest.raises(ComplianceError, match="environment test is not rendered"):
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
def test_caught_compares_what_fell(
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
        (tmp_path / "mutations").mkdir(exist_ok=True)
        (tmp_path / "mutations/own.yaml").write_text(yaml.safe_dump(entries))
        return load_mutations(tmp_path)

    return read


def test_load_mutations_fills_in_defaults(
    read: Callable[[Any], tuple[Mutation, ...]],
) -> None:
    more = {"file": "g", "find": "z", "replace": "", "count": 3}
    (only,) = read([ENTRY | {"edits": [more]}])
    assert only.edits == (Edit("f", Replace("x", "y")), Edit("g", Replace("z", ""), 3))
    assert only.environment == "production"


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ([{k: v for k, v in ENTRY.items() if k != "why"}], "no 'why'"),
        ([{k: v for k, v in ENTRY.items() if k != "find"}], "no 'find'"),
        ([ENTRY, ENTRY], "a is listed twice"),
        ([ENTRY | {"failure": "F99"}], "a: F99 is not in the failure catalogue"),
        ([ENTRY | {"id": "Not an id"}], "'Not an id' is not a valid id"),
        ([ENTRY | {"find": ""}], "changes nothing"),
        ([ENTRY | {"replace": "x"}], "changes nothing"),
        ("text", "not a valid list of mutations"),
        ({"a": ENTRY}, "not a valid list of mutations"),
        (None, "not a valid list of mutations"),
    ],
)
def test_load_mutations_refuses_invalid_entries(
    read: Callable[[Any], tuple[Mutation, ...]], entries: Any, message: str
) -> None:
    with pytest.raises(ComplianceError, match=message):
        read(entries)


def test_load_mutations_refuses_an_empty_folder(tmp_path: Path) -> None:
    """Without the folder, the mutations of finbase itself are read: see test_new_project."""
    (tmp_path / "mutations").mkdir()
    (tmp_path / "failures.yaml").write_text((FEATURES / "failures.yaml").read_text())
    with pytest.raises(ComplianceError, match="mutations contains no mutations"):
        load_mutations(tmp_path)


# --- groups --------------------------------------------------------------------------------


def groups(mutations: Collection[Mutation]) -> list[Group]:
    return [
        group
        for environment in ENVIRONMENTS
        for group in group_mutations(
            [each for each in mutations if each.environment == environment],
            files_of_stack(FILES, environment),
            OVERLAPS,
        )
    ]


def names_of(group: Group) -> Names:
    """What each mutation of a group changes."""
    return changed_names(group, files_of_stack(FILES, group[0].environment))


GROUPS = groups([*map(in_small_stack, GROUPED)])
PAIR = (mutation(id="logs-off", failure="F04d"), mutation(id="one-gateway", failure="F01"))


@pytest.mark.parametrize(
    ("fell", "problems"),
    [
        (["F01", "F04d"], []),
        (["F01", "F04d", "F10"], []),  # F10 overlaps with F01.
        (["F01"], ["missed logs-off (F04d)"]),
        (["F04d", "F10"], ["missed one-gateway (F01)"]),
        (["F01", "F03", "F04d"], ["stray F03"]),
        (["F03", "F04d"], ["missed one-gateway (F01)", "stray F03"]),
        ([], ["missed logs-off (F04d)", "missed one-gateway (F01)"]),
    ],
)
def test_decode_finds_missed_mutations_and_stray_ids(fell: list[str], problems: list[str]) -> None:
    assert decode(PAIR, dict.fromkeys(fell, ()), OVERLAPS, {}) == problems


TWINS = (mutation(id="logs-off", failure="F04d"), mutation(id="logs-lost", failure="F04d"))
NAMES = {"logs-off": {"aws_db_instance.primary"}, "logs-lost": {"local.logs"}}


@pytest.mark.parametrize(
    ("about", "problems"),
    [
        ({"module.database.aws_db_instance.primary", "module.own.local.logs"}, []),
        ({"aws_db_instance.primary", "module.own.local.own_logs"}, ["missed logs-lost (F04d)"]),
        ({"local.logs", "aws_db_instance.primary.id"}, ["missed logs-off (F04d)"]),
        (set(), ["missed logs-off (F04d)", "missed logs-lost (F04d)"]),
    ],
)
def test_decode_separates_mutations_of_one_id(about: set[str], problems: list[str]) -> None:
    assert decode(TWINS, {"F04d": about}, OVERLAPS, NAMES) == problems


def test_groups_hold_each_mutation_and_save_plans() -> None:
    assert sorted(each.id for group in GROUPS for each in group) == sorted(e.id for e in GROUPED)
    assert len(GROUPS) < len(GROUPED) / 9
    assert all(len({each.environment for each in group}) == 1 for group in GROUPS)


@pytest.mark.parametrize(
    ("judged", "problems", "plans"),
    [
        ({"ab": "F01 F04d"}, [], 1),
        ({"ab": "F01", "a": "F04d"}, [], 2),  # Only the other mutation hid it.
        ({"ab": "F01", "a": ""}, ["missed logs-off (F04d)"], 2),
        ({"ab": "F01 F03 F04d", "a": "F04d", "b": "F01"}, [], 3),
        ({"ab": "F01 F03 F04d", "a": "F03 F04d", "b": "F01"}, ["stray F03"], 3),
        ({"ab": "", "a": "F04d", "b": ""}, ["missed one-gateway (F01)"], 3),
        ({"a": "F04d", "b": "F01"}, [], 3),  # They cannot be planned together.
        ({"b": "F01"}, ["logs-off: no plan"], 3),
    ],
)
def test_find_problems_plans_parts(judged: dict[str, str], problems: list[str], plans: int) -> None:
    def judge(group: Group) -> Fell:
        key = "".join("ab"[PAIR.index(each)] for each in group)
        if key not in judged:
            raise TerraformError("no plan")
        return dict.fromkeys(judged[key].split(), ())

    assert find_problems(PAIR, judge, OVERLAPS, {}) == (problems, plans)


def test_groups_find_each_mutation_that_is_missed() -> None:
    for group in GROUPS:
        names = names_of(group)
        for missed in group:
            fell: dict[str, set[str]] = {}
            for each in group:
                for id_ in explained([each], OVERLAPS) if each != missed else ():
                    fell.setdefault(id_, set()).update(names[each.id])
            problems = decode(group, fell, OVERLAPS, names)
            assert f"missed {missed.id} ({missed.failure})" in problems


def test_groups_find_two_of_three_strays() -> None:
    """The others are hidden by mutations of the stray id; ``prove`` and the soak find them."""
    cases = [
        (group, failure.id)
        for group in GROUPS
        for each in group
        for failure in FAILURES
        if failure.id not in explained([each], OVERLAPS)
    ]
    unseen = [id_ for group, id_ in cases if id_ in explained(group, OVERLAPS)]
    assert len(unseen) <= len(cases) * 0.35


# --- the proof, on real plans --------------------------------------------------------------


def groups_for_the_engine() -> list[Group]:
    """Return groups that together hold each failure, for terraform-compliance to judge."""
    chosen: list[Group] = []
    left = {each.failure for each in GROUPED}
    while left:
        chosen.append(max(GROUPS, key=lambda group: len(left & {each.failure for each in group})))
        left -= {each.failure for each in chosen[-1]}
    return chosen


BY_ENGINE = groups_for_the_engine()


def name(group: Group) -> str:
    return f"{group[0].environment}-{group[0].id}"


@contextmanager
def mutated(
    group: Group, workspace: Workspace, folder: Path, state: bytes | None = None
) -> Iterator[tuple[bytes, Path]]:
    """Return the plan of a group's mutations, and the stack that was planned."""
    project = Path(tempfile.mkdtemp(dir=folder))
    environment = group[0].environment
    lay_out(mutate_all(files_of_stack(FILES, environment), group), project)
    stack = project / "environments" / environment
    try:
        yield workspace.plan(stack, project=project, state=state), stack
    finally:
        shutil.rmtree(project)


def judge(plan: bytes, stack: Path, *, by_engine: bool = False) -> dict[str, set[str]]:
    """Return what fell; ``by_engine`` compares terraform-compliance with this process."""
    texts = Judge().messages(read_plan(plan, "the plan"), stack=stack)
    if by_engine:
        verdict = compliance.run(plan, FEATURES, rendered=True, stack=stack)
        assert {scenario.location for scenario in verdict.failed} == texts.keys()
        assert {row.id for row in verdict.by_failure() if row.status == "failed"} == ids_of(texts)
    return subjects(texts)


@pytest.mark.terraform
@pytest.mark.parametrize("group", GROUPS, ids=name)
def test_mutations_are_caught_in_groups(
    group: Group,
    workspace: Workspace,
    tmp_path: Path,
    record_property: Callable[[str, object], None],
) -> None:
    def judge_together(part: Group) -> Fell:
        with mutated(part, workspace, tmp_path) as (plan, stack):
            return judge(plan, stack, by_engine=part in BY_ENGINE)

    problems, plans = find_problems(group, judge_together, OVERLAPS, names_of(group))
    record_property("seen", "decoded" if plans == 1 else f"decoded in {plans} plans")
    assert problems == []


UNCHANGED = {
    "backups-null",
    "standby-null",
    "storage-key-null-by-condition",
    "endpoint-policy-null-by-condition",
    "endpoints-for-every-account",
    "cache-subnet-by-literal",
    "cache-subnet-twice",
    "database-from-a-foreign-snapshot",
    "database-from-foreign-backups",
}
"""Mutations that plan no change of the applied stack: AWS keeps the value, or the module does."""


@pytest.mark.soak
@pytest.mark.terraform
@pytest.mark.parametrize("environment", ENVIRONMENTS)
def test_changes_are_caught_in_groups(
    environment: str, workspace: Workspace, tmp_path: Path
) -> None:
    """The same mutations as changes of the applied stack."""
    state = applied_state(ROOT, environment)

    def judge_together(part: Group) -> Fell:
        with mutated(part, workspace, tmp_path, state) as (plan, stack):
            changes = read_plan(plan, "the plan")
            if len(part) == 1 and not has_changes(changes):
                assert part[0].id in UNCHANGED
                return {part[0].failure: ()}
            others = falls_by_change(changes) - {each.failure for each in part}
            return {id_: about for id_, about in judge(plan, stack).items() if id_ not in others}

    together = groups([each for each in GROUPED if each.environment == environment])
    problems = [
        find_problems(group, judge_together, OVERLAPS, names_of(group))[0] for group in together
    ]
    assert [*filter(None, problems)] == []


@pytest.mark.soak
@pytest.mark.terraform
@pytest.mark.parametrize("each", ALL, ids=lambda each: f"{each.id}-{each.environment}")
def test_mutation_is_caught_alone(each: Mutation, workspace: Workspace, tmp_path: Path) -> None:
    with mutated((each,), workspace, tmp_path) as (plan, stack):
        verdict = compliance.run(plan, FEATURES, rendered=True, stack=stack)
    outcome = caught(verdict, each, OVERLAPS)
    assert outcome.proved, f"fell: {outcome.fell}"
