"""checkov and Trivy: the project is clean before them, and they do not see all that ours sees."""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

import pytest

from benchmarks.judges.ground import keys_made, newest_modules, stacks
from benchmarks.judges.judge import MOST, judge_plans, judge_sources
from benchmarks.judges.matrix import Seen, counts, first_of_each, look, row
from benchmarks.judges.skips import skips, skips_of_templates
from benchmarks.judges.tools import HOME, Judges
from generator.errors import FinbaseError
from generator.proof import Mutation, load_mutations
from generator.prove import rendered_files, select
from generator.workspace import Workspace

ROOT = Path(__file__).resolve().parent.parent
PAGE = (ROOT / "docs" / "judges.md").read_text(encoding="utf-8")
ENVIRONMENTS = sorted(path.stem for path in (ROOT / "environments").glob("*.yaml"))
UNSEEN = ("nat-gateways-absent", "secret-host-empty", "cache-limits-absent")
"""Mutations that neither judge sees. ``python -m benchmarks.judges.matrix`` is for all."""


UNENCRYPTED = 'resource "aws_db_instance" "x" {\n  storage_encrypted = false\n}\n'


@pytest.fixture
def judges(tmp_path: Path) -> Judges:
    return Judges(HOME, tmp_path)


@pytest.mark.terraform
def test_no_failed_check_is_left_unexplained(
    judges: Judges, workspace: Workspace, tmp_path: Path
) -> None:
    sources, explained = judge_sources(ROOT, ENVIRONMENTS, judges, tmp_path)
    assert sources.wrong == ()
    assert [h for h in sources.hearings if h.failed] == []
    plans = judge_plans(ROOT, explained, judges, workspace, tmp_path)
    assert [h for h in plans.hearings if h.failed] == []
    assert len(sources.hearings) == 2 * (1 + len(ENVIRONMENTS))
    assert len(plans.hearings) == 2 * len(ENVIRONMENTS)


def test_the_page_has_every_finding_that_is_taken_back() -> None:
    comments = skips_of_templates(ROOT)
    assert 0 < len(comments) <= MOST
    for comment in comments:
        assert f"| `{comment.check}` |" in PAGE
        assert comment.reason in PAGE


def test_what_is_wrong_is_told(project: Path, judges: Judges, tmp_path: Path) -> None:
    """One run for all that can be wrong: a judge takes seconds to start."""

    def edit(path: Path, find: str, replace: str) -> None:
        text = path.read_text(encoding="utf-8")
        assert text.count(find) == 1
        path.write_text(text.replace(find, replace), encoding="utf-8")

    newest = newest_modules(project, rendered_files(project))
    homes = {path.parts[1]: project / path.parent for path in newest if path.name == "main.tf"}
    idle = "  # checkov:skip=CKV_AWS_7: the key is turned, so this is idle\n"
    key = 'resource "aws_kms_key" "database" {\n'
    edit(homes["kms"] / "main.tf", key, key + idle)
    encrypted = "storage_encrypted     = "
    edit(homes["database"] / "main.tf", f"{encrypted}true", f"{encrypted}false")
    (skip,) = (each for each in skips_of_templates(project) if each.check == "CKV2_AWS_5")
    edit(project / skip.file, f": {skip.reason}", ":")

    verdict, _ = judge_sources(project, ["development"], judges, tmp_path / "ground")
    assert not verdict.clean
    wrong = "\n".join(verdict.wrong)
    assert "CKV_AWS_7 is taken back, but is no finding" in wrong
    assert "CKV2_AWS_5 is taken back without a reason" in wrong
    failed = {(h.judge, f.check) for h in verdict.hearings for f in h.failed}
    assert {("checkov", "CKV_AWS_16"), ("Trivy", "AVD-AWS-0080")} <= failed


@pytest.fixture(scope="module")
def unseen(tmp_path_factory: pytest.TempPathFactory) -> list[Seen]:
    scratch = tmp_path_factory.mktemp("judged")
    return list(look(ROOT, select(ROOT, UNSEEN), Judges(HOME, scratch), scratch))


@pytest.mark.terraform
def test_ours_sees_what_they_miss(unseen: list[Seen]) -> None:
    assert {seen.mutation.id for seen in unseen} == {*UNSEEN}
    for seen in unseen:
        assert seen.mutation.failure in seen.fell
        assert not seen.by("checkov")
        assert not seen.by("Trivy")
        assert row(seen) in PAGE.splitlines()


def test_the_page_has_a_row_for_each_failure() -> None:
    lines = PAGE.splitlines()
    mutations = load_mutations(ROOT / "features")
    for mutation in first_of_each(mutations):
        start = f"| {mutation.failure} | `{mutation.id}` |"
        assert len([line for line in lines if line.startswith(start)]) == 1


def test_what_is_seen_is_counted_by_id() -> None:
    def seen(name: str, failure: str, fell: str, **found: str) -> Seen:
        mutation = Mutation(name, failure, "", "", (), "production")
        ways = {way.replace("_", ", "): (check,) for way, check in found.items()}
        return Seen(mutation, ways, (fell,))

    table = counts(
        [
            seen("one", "F01", "F01"),
            seen("two", "F01", "F01", checkov_plan="CKV_1"),
            seen("three", "F02", "F09", checkov_sources="CKV_2", Trivy_plan="AVD-1"),
        ]
    )
    assert [*table][2:] == [
        "| F01 | 2 | 1 | 0 | 1 | 2 |",
        "| F02 | 1 | 1 | 1 | 1 | 0 |",
        "| **all** | 3 | 2 | 1 | 2 | 2 |",
    ]


def test_comments_are_found_with_their_reasons() -> None:
    text = (
        "# checkov:skip=CKV_AWS_1: because it has to be so\n"
        "  #checkov:skip=CKV2_AWS_2\n"
        "# trivy:ignore:AVD-AWS-0003 for a reason of five words\n"
        "  name = 1 # about checkov:skip=CKV_AWS_4 and no comment of it\n"
    )
    found = list(skips({PurePosixPath("main.tf"): text.encode(), PurePosixPath("x.md"): b""}))
    assert [(each.line, each.check, each.reasoned) for each in found] == [
        (1, "CKV_AWS_1", True),
        (2, "CKV2_AWS_2", False),
        (3, "AVD-AWS-0003", True),
    ]


def test_a_state_holds_the_keys_and_nothing_else() -> None:
    change = {"mode": "managed", "name": "main", "provider_name": "registry.example/aws"}
    change |= {"type": "aws_kms_key", "module_address": "module.kms", "index": "logs"}
    other = {**change, "type": "aws_vpc"}
    planned = {"after": {"description": "logs"}}
    plan = {"resource_changes": [{**change, "change": planned}, {**other, "change": planned}]}
    (resource,) = json.loads(keys_made(json.dumps(plan).encode()))["resources"]
    assert (resource["module"], resource["provider"]) == (
        "module.kms",
        'provider["registry.example/aws"]',
    )
    (instance,) = resource["instances"]
    assert instance["index_key"] == "logs"
    assert instance["attributes"]["description"] == "logs"
    assert instance["attributes"]["arn"].endswith(instance["attributes"]["key_id"])


def test_a_stack_has_the_modules_that_it_pins_without_their_tests() -> None:
    files = rendered_files(ROOT)
    chosen = stacks(files, "development")
    assert {path.parts[1] for path in chosen if path.parts[0] == "environments"} == {"development"}
    assert {path.parts[1] for path in chosen if path.parts[0] == "modules"} == {
        *("access", "cache", "database", "kms", "monitoring", "network", "secret")
    }
    assert not [path for path in chosen if "tests" in path.parts]
    assert len({path.parts[1:3] for path in chosen if path.parts[0] == "modules"}) == 7


def test_judges_that_are_not_there_are_told(tmp_path: Path) -> None:
    with pytest.raises(FinbaseError, match="`make judge` sets them up"):
        Judges(tmp_path, tmp_path)


def test_what_trivy_cannot_read_is_an_error(judges: Judges, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "main.tf").write_text(f'unknown "x" {{\n}}\n\n{UNENCRYPTED}')
    with pytest.raises(FinbaseError, match="could not read"):
        judges.trivy_sources(tmp_path / "sources")


def test_trivy_reads_a_file_with_an_ephemeral_block(judges: Judges, tmp_path: Path) -> None:
    source = f'ephemeral "x" "y" {{\n  a = 1\n\n  b {{\n  }}\n}}\n\n{UNENCRYPTED}'
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "main.tf").write_text(source)
    failed = judges.trivy_sources(tmp_path / "sources").failed
    assert "AVD-AWS-0080" in {finding.check for finding in failed}
