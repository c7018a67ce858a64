"""checkov and Trivy: the project is clean before them, and they do not see all that ours sees."""

from __future__ import annotations

import json
import re
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import date
from pathlib import Path, PurePosixPath

import pytest

from benchmarks.judges import __main__ as judging
from benchmarks.judges import matrix, public
from benchmarks.judges.judge import judge_plans, judge_sources
from benchmarks.judges.matrix import look
from benchmarks.judges.skips import Skip, skips, skips_of_templates, uncounted, without_skips
from benchmarks.judges.stacks import keys_made, newest_modules, place, stacks
from benchmarks.judges.tables import (
    COUNTS,
    FIRST,
    FURTHER,
    SHORT,
    WAYS,
    Seen,
    by_id,
    cells,
    counts,
    filled,
    first_of_each,
    row,
    tables,
)
from benchmarks.judges.tools import HOME, Finding, Judgement, Judges, fill_references
from finbase.errors import FinbaseError
from finbase.judge.catalogue import load_failures
from finbase.judge.mutations import Mutation
from finbase.judge.prove import rendered_files, select
from finbase.terraform.workspace import Workspace
from tests.support.commands import ROOT

PAGE = (ROOT / "docs" / "evidence" / "judges.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
BESIDE = "| sources | checkov: passed, found | by id | Trivy: passed, found | by id |"
SHORT_BESIDE = "| staging's sources, judged on 2026-11-25 | checkov 3.3.30 | Trivy 0.59.1 |"
ENVIRONMENTS = sorted(path.stem for path in (ROOT / "environments").glob("*.yaml"))
UNSEEN = ("nat-gateways-absent", "secret-host-empty", "cache-limits-absent")
"""Mutations that neither judge sees. ``python -m benchmarks.judges.matrix`` is for all."""
BOTH = "primary-insights-absent"
"""A mutation that both see."""


def test_unknown_reference_by_key_is_a_value_and_null_is_none() -> None:
    def filled_in(references: list[str], unknown: bool) -> dict[str, str]:
        after: dict[str, str] = {}
        resource = {
            "address": "a.b",
            "expressions": {"source_arn": {"references": references}, "block": [{}]},
        }
        change = {
            "module_address": "module.m",
            "type": "a",
            "name": "b",
            "change": {"after": after, "after_unknown": {"source_arn": unknown, "block": []}},
        }
        calls = {"m": {"module": {"resources": [resource]}}}
        configuration = {"root_module": {"module_calls": calls}}
        fill_references({"configuration": configuration, "resource_changes": [change]})
        return after

    assert filled_in(["c.d", "each.key"], True) == {"source_arn": "c.d"}
    assert filled_in(["c.d", "each.key"], False) == {}
    assert filled_in(["c.d.arn", "c.d"], True) == {}


class KnownJudges(Judges):
    """Judges that judge each tree and each plan once, whichever tests ask for it."""

    def __init__(self, scratch: Path) -> None:
        super().__init__(HOME, scratch)
        self._known: dict[tuple[object, ...], Judgement] = {}

    def checkov_sources(self, folders: Sequence[Path]) -> list[Judgement]:
        return self._once(folders, super().checkov_sources)

    def checkov_plans(self, plans: Sequence[Path]) -> list[Judgement]:
        return self._once(plans, super().checkov_plans)

    def trivy_sources(self, folders: Sequence[Path]) -> list[Judgement]:
        return self._once(folders, super().trivy_sources)

    def trivy_plans(self, plans: Sequence[Path]) -> list[Judgement]:
        return self._once(plans, super().trivy_plans)

    def _once(
        self, paths: Sequence[Path], judge: Callable[[Sequence[Path]], list[Judgement]]
    ) -> list[Judgement]:
        keys = [(judge.__name__, *contents(path)) for path in paths]
        new = {key: path for key, path in zip(keys, paths, strict=True) if key not in self._known}
        if new:
            self._known |= zip(new, judge([*new.values()]), strict=True)
        return [self._known[key] for key in keys]


def contents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yield the relative path and the content of a file, or of each file below a folder."""
    for file in [path] if path.is_file() else sorted(path.rglob("*")):
        if file.is_file():
            yield str(file.relative_to(path)), file.read_bytes()


@pytest.fixture(scope="module")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Judges:
    """The judges for all tests, because checkov takes five seconds to start."""
    return KnownJudges(tmp_path_factory.mktemp("judges"))


class FixedJudges(Judges):
    """Judges that return the same judgement for all input."""

    def __init__(self, said: Judgement) -> None:
        self._said = said

    def checkov_sources(self, folders: Sequence[Path]) -> list[Judgement]:
        assert all(folder.is_dir() for folder in folders)
        return [self._said] * len(folders)

    trivy_sources = checkov_sources


@pytest.mark.terraform
@pytest.mark.parametrize(
    "environments",
    [["staging"], pytest.param(ENVIRONMENTS, marks=pytest.mark.soak)],
    ids=["staging", "all"],
)
def test_judges_agree_with_the_pages(
    environments: list[str], judges: Judges, workspace: Workspace, tmp_path: Path
) -> None:
    sources, explained = judge_sources(ROOT, environments, judges, tmp_path)
    assert sources.wrong == ()
    assert [h for h in sources.hearings if h.failed] == []
    plans = judge_plans(ROOT, explained, judges, workspace, tmp_path)
    assert [h for h in plans.hearings if h.failed] == []
    assert plans.wrong == ()
    assert len(sources.hearings) == 2 * (1 + len(environments))
    assert len(plans.hearings) == 2 * len(environments)

    printed = [str(hearing) for hearing in (*sources.hearings, *plans.hearings)]
    printed.append(f"{len(sources.comments)} findings suppressed, each beside its resource:")
    assert {*printed} <= {*PAGE.splitlines()}
    if environments == ENVIRONMENTS:
        assert "\n".join(printed) in PAGE
    staging = {h.judge: h for h in sources.hearings if h.what == "staging, sources"}
    checkov, trivy = staging["checkov"], staging["Trivy"]
    by_trivy = [each.check for each in sources.comments if each.check.startswith("AVD-")]
    assert len(trivy.explained) == len(by_trivy)  # It tells no more of them than how many.
    assert cells(PAGE, BESIDE)[0] == [
        "finbase, staging",
        f"{checkov.passed}, {len(checkov.explained)}",
        by_id(checkov.explained),
        f"{trivy.passed}, {len(trivy.explained)}",
        ", ".join(by_trivy),
    ]


def test_readme_has_the_counts_of_the_page() -> None:
    long, short = cells(PAGE, BESIDE), cells(README, SHORT_BESIDE)
    assert len(long) == len(short) == 3
    for (_, checkov, of_checkov, trivy, of_trivy), (_, *told) in zip(long, short, strict=True):
        said = ((checkov, of_checkov, told[0]), (trivy, of_trivy, told[1]))
        for numbers, ids, text in said:
            found = sum(int([*each.split(" × "), "1"][1]) for each in ids.split(", "))
            assert numbers.endswith(f", {found}")
            assert re.fullmatch(rf"{found} found(, [^:]*)?: {re.escape(ids)}", text)
    assert cells(README, SHORT) == cells(PAGE, SHORT) != []


def test_page_lists_every_skip() -> None:
    comments = skips_of_templates(ROOT)
    assert 0 < len(comments) <= 10
    for comment in comments:
        assert f"| `{comment.check}` |" in PAGE
        assert comment.reason in PAGE


def test_failed_check_is_reported(project: Path, judges: Judges, tmp_path: Path) -> None:
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
    upgrade = "auto_minor_version_upgrade = "
    trailing = "false # checkov:skip=CKV_AWS_226: a reason that has words enough"
    edit(homes["database"] / "main.tf", f"{upgrade}true", f"{upgrade}{trailing}")
    (skip,) = (each for each in skips_of_templates(project) if each.check == "CKV_AWS_157")
    edit(project / skip.file, f": {skip.reason}", ":")
    for name in homes.keys() - {"kms", "database"}:
        shutil.rmtree(homes[name])

    verdict, _ = judge_sources(project, [], judges, tmp_path / "ground")
    assert not verdict.clean
    wrong = "\n".join(verdict.wrong)
    assert "CKV_AWS_7 is suppressed, but no judge reports it" in wrong
    assert "CKV_AWS_157 is suppressed without a reason" in wrong
    assert "CKV_AWS_226 is suppressed, but the templates have no such comment" in wrong
    failed = {(h.judge, f.check) for h in verdict.hearings for f in h.failed}
    assert {("checkov", "CKV_AWS_16"), ("Trivy", "AVD-AWS-0080")} <= failed


def test_new_skip_is_refused(project: Path, tmp_path: Path) -> None:
    judges = FixedJudges(Judgement(1, ()))
    template = project / "templates" / "modules" / "kms" / "main.tf.j2"
    text = template.read_text(encoding="utf-8")

    def wrong_with(*more: str) -> str:
        template.write_text("\n".join([text, *more, ""]), encoding="utf-8")
        folder = tmp_path / f"ground-{len(more)}-{sum(map(len, more))}"
        return "\n".join(judge_sources(project, [], judges, folder)[0].wrong)

    assert len(skips_of_templates(project)) == 10
    message = "the templates suppress 11 findings; at most 10 are allowed"
    assert message not in wrong_with()
    assert message in wrong_with("# checkov:skip=CKV_AWS_7: a reason that has words enough")
    assert message in wrong_with("a = 1 // tfsec:ignore:AVD-AWS-0065 a reason of five words")


@pytest.mark.parametrize("what", ["modules", "development"])
def test_skip_without_comment_is_refused(project: Path, tmp_path: Path, what: str) -> None:
    hidden = Finding("CKV_AWS_226", "aws_db_instance.main", "/main.tf")
    judges = FixedJudges(Judgement(1, (), (hidden,)))
    verdict, _ = judge_sources(project, ["development"], judges, tmp_path / "ground")
    for judge in ("checkov", "Trivy"):
        message = f"{what}: {judge} leaves {hidden} out, but no counted comment suppresses it"
        assert message in verdict.wrong


LookAt = Callable[[Sequence[Mutation]], list[Seen]]


@pytest.fixture
def look_at(
    judges: Judges, workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> LookAt:
    """Look at mutations with the judges and the plans of the other tests."""
    monkeypatch.setattr(matrix, "Workspace", lambda *_: nullcontext(workspace))
    return lambda mutations: list(look(ROOT, mutations, judges, tmp_path))


@pytest.mark.terraform
def test_features_find_what_judges_miss(look_at: LookAt) -> None:
    """One tree with all mutations: what the judges find in it are the findings of one of them."""
    mutations = {each.id: each for each in select(ROOT, [*UNSEEN, BOTH], "staging")}
    edits = tuple(edit for each in mutations.values() for edit in each.edits)
    (seen,) = look_at([replace(mutations[BOTH], edits=edits)])
    assert seen.by("checkov")
    assert seen.by("Trivy")
    nothing = dict.fromkeys(seen.found, ())
    overlaps = {each.id: (each.id, *each.overlaps) for each in load_failures(ROOT / "features")}
    for each in mutations.values():
        fell = tuple(id_ for id_ in seen.fell if id_ in overlaps[each.failure])
        alone = Seen(each, seen.found if each.id == BOTH else nothing, fell)
        assert alone.caught
        assert row(alone) in PAGE.splitlines()


@pytest.mark.soak
@pytest.mark.terraform
def test_features_find_each_mutation_that_judges_miss(look_at: LookAt) -> None:
    looked = look_at(select(ROOT, [*UNSEEN, BOTH]))
    assert {seen.mutation.id for seen in looked} == {*UNSEEN, BOTH}
    for seen in looked:
        assert seen.caught
        assert (seen.by("checkov"), seen.by("Trivy")) == ((seen.mutation.id == BOTH),) * 2
        assert row(seen) in PAGE.splitlines()


def test_page_lists_first_mutations() -> None:
    first = first_of_each(matrix.of_the_review(ROOT))
    table = cells(PAGE, FIRST)
    assert [line[:2] for line in table] == [[m.failure, f"`{m.id}`"] for m in first]
    checkov = [{*line[2:4]} != {"–"} for line in table]
    trivy = [{*line[4:6]} != {"–"} for line in table]
    either = [a or b for a, b in zip(checkov, trivy, strict=True)]
    ours = [line[0] in line[6].split(", ") for line in table]
    assert cells(PAGE, SHORT)[0] == [
        f"the first mutation of each of the {len(first)} failures",
        *(str(sum(each)) for each in (checkov, trivy, either, ours)),
    ]


def test_page_counts_every_mutation() -> None:
    """Where this fails, ``python -m benchmarks.judges.matrix --write`` makes the tables anew."""
    mutations = matrix.of_the_review(ROOT)
    *table, (name, *total) = cells(PAGE, COUNTS)
    known = Counter(mutation.failure for mutation in mutations)
    assert [line[:2] for line in table] == [[failure, str(n)] for failure, n in known.items()]
    assert name == "**all**"
    sums = [sum(map(int, column)) for column in zip(*(line[1:] for line in table), strict=True)]
    assert [int(each) for each in total] == sums
    assert cells(PAGE, SHORT)[1] == [f"all {len(mutations)} mutations of the review", *total[1:]]

    failures = {f"`{mutation.id}`": mutation.failure for mutation in mutations}
    seen = [*cells(PAGE, FIRST), *cells(PAGE, FURTHER)]
    assert len({line[1] for line in seen}) == len(seen)
    assert all(failures[line[1]] == line[0] for line in seen)
    for failure, _, *numbers in table:
        of_it = [line for line in seen if line[0] == failure]
        by_checkov = {line[1] for line in of_it if {*line[2:4]} != {"–"}}
        by_trivy = {line[1] for line in of_it if {*line[4:6]} != {"–"}}
        told = [len(by_checkov), len(by_trivy), len(by_checkov | by_trivy)]
        assert [int(each) for each in numbers[:3]] == told


SAMPLE = "| sampled | checkov | Trivy | either | finbase |"
SAMPLED = f"| id | detected mutation | {' | '.join(WAYS)} |"


def test_page_counts_the_sample() -> None:
    failures = {f"`{mutation.id}`": mutation.failure for mutation in select(ROOT, ())}
    rows = cells(PAGE, SAMPLED)
    assert all(failures[row[1]] == row[0] for row in rows)
    text = PAGE[PAGE.index("Neither detected") : PAGE.index("## The other direction")]
    others = re.findall(r"`[a-z0-9-]+`", text)
    assert {*others} <= failures.keys()
    names = {*others, *(row[1] for row in rows)}
    by = [[row for row in rows if {*row[at : at + 2]} != {"–"}] for at in (2, 4)]
    numbers = [str(len(part)) for part in (*by, rows, names)]
    label = f"{len(names)} mutations of the design and the baseline"
    assert cells(PAGE, SAMPLE) == [[label, *numbers]]
    checkov, trivy, _, ours = numbers
    sentence = f"Of {ours} sampled mutations of the design and the baseline, "
    sentence += f"checkov finds {checkov}, Trivy {trivy}, and finbase {ours}."
    assert sentence in README


def seen(name: str, failure: str, fell: str, **found: str) -> Seen:
    mutation = Mutation(name, failure, "", "", (), "production")
    ways: dict[str, tuple[str, ...]] = dict.fromkeys(WAYS, ())
    ways |= {way.replace("_", ", "): (check,) for way, check in found.items()}
    return Seen(mutation, ways, (fell,))


THREE = (
    seen("one", "F01", "F01"),
    seen("two", "F01", "F01", checkov_plan="CKV_1"),
    seen("three", "F02", "F09", checkov_sources="CKV_2", Trivy_plan="AVD-1"),
)


def test_counts_by_id() -> None:
    assert [*counts(THREE)] == [
        "| F01 | 2 | 1 | 0 | 1 | 2 |",
        "| F02 | 1 | 1 | 1 | 1 | 0 |",
        "| **all** | 3 | 2 | 1 | 2 | 2 |",
    ]


def test_tables_of_mutations() -> None:
    made = tables(THREE)
    assert made[SHORT] == [
        "| the first mutation of each of the 2 failures | 1 | 1 | 1 | 1 |",
        "| all 3 mutations of the review | 2 | 1 | 2 | 2 |",
    ]
    assert made[FIRST] == [row(THREE[0]), row(THREE[2])]
    assert made[FURTHER] == [row(THREE[1])] == ["| F01 | `two` | – | CKV_1 | – | – | F01 |"]


def test_fill_replaces_rows_and_date() -> None:
    page = f"Last run in full on\n2026-01-02; a\n\n{SHORT}\n|---|\n| old |\n\n| other |\n"
    text = filled(page, {SHORT: ["| 1 | 2 | 3 | 4 | 5 |"], COUNTS: ["| 6 |"]}, date(2026, 3, 4))
    assert text == (
        f"Last run in full on\n2026-03-04; a\n\n{SHORT}\n|---|---|---|---|---|\n"
        "| 1 | 2 | 3 | 4 | 5 |\n\n| other |\n"
    )
    assert cells(text, SHORT) == [["1", "2", "3", "4", "5"]]
    assert cells(text, COUNTS) == []
    with pytest.raises(FinbaseError, match="none of the tables"):
        filled("nothing\n", {SHORT: []}, date(2026, 3, 4))


def test_page_has_a_place_for_every_table() -> None:
    for head in (SHORT, FIRST, FURTHER, COUNTS, BESIDE):
        assert PAGE.splitlines().count(head) == 1
    assert README.splitlines().count(SHORT) == 1
    assert "Last run in full on" in PAGE


def test_comments_have_reasons() -> None:
    text = (
        "# checkov:skip=CKV_AWS_1: because it has to be so\n"
        "  #checkov:skip=CKV2_AWS_2\n"
        "# trivy:ignore:AVD-AWS-0003 for a reason of five words\n"
        "  name = 1 # about checkov:skip=CKV_AWS_4 and no reason that checkov takes\n"
        "/* bridgecrew:skip=CKV_AWS_5,CKV_AWS_6: one reason for two checks */\n"
        "# tfsec:ignore:AVD-AWS-0007 trivy:ignore:* only the last has these words\n"
        "x = 2 // trivy:exp:2030-01-01:ignore:AVD-AWS-0008:ws:dev\n"
        "# checkov:skip=: no check at all is named\n"
        "# nothing of checkov or trivy: ignore this\n"
    )
    found = list(skips({PurePosixPath("main.tf"): text.encode(), PurePosixPath("x.md"): b""}))
    assert [(each.line, each.check, each.reasoned) for each in found] == [
        (1, "CKV_AWS_1", True),
        (2, "CKV2_AWS_2", False),
        (3, "AVD-AWS-0003", True),
        (4, "CKV_AWS_4", False),
        (5, "CKV_AWS_5", True),
        (5, "CKV_AWS_6", True),
        (6, "AVD-AWS-0007", False),
        (6, "*", True),
        (7, "AVD-AWS-0008", False),
        (8, "(no check)", True),
    ]
    assert found[4].reason == "one reason for two checks"


FORMS = {
    "checkov": (
        "false # checkov:skip=CKV_AWS_16: why",
        "false // checkov:skip=CKV_AWS_16",
        "false /* checkov:skip=CKV_AWS_16 */",
        "false #words before checkov:skip= CKV_AWS_16 and after",
        "false # checkov:skip=CKV_AWS_7,CKV_AWS_16: why",
        "false # bridgecrew:skip=CKV_AWS_16: why",
        "false # cortex:skip=CKV_AWS_16: why",
        'false\n  identifier = "checkov:skip=CKV_AWS_16"',
        "false\n  # checkov:skip=CKV_AWS_16: why",
        "false\n  /*\n  checkov:skip=CKV_AWS_16\n  */",
    ),
    "Trivy": (
        "false #trivy:ignore:AVD-AWS-0080",
        "false // trivy:ignore:AVD-AWS-0080",
        "false /* trivy:ignore:AVD-AWS-0080 */",
        "false # words before trivy:ignore:AVD-AWS-0080 and after",
        "false # tfsec:ignore:AVD-AWS-0080",
        "false # tfsec:ignore:aws-rds-encrypt-instance-storage-data",
        "false # trivy:ignore:*",
        "false # trivy:ignore:aws-rds-*",
        "false # trivy:ignore:AVD-AWS-0080:exp:2090-01-01",
        "false # trivy:exp:2090-01-01:ignore:AVD-AWS-0080",
        "false # trivy:ignore:AVD-AWS-0080[storage_encrypted=false]",
        "false # trivy:ignore:AVD-AWS-0104 trivy:ignore:AVD-AWS-0080",
    ),
}
"""Forms of a comment that suppress a finding, after ``storage_encrypted =``."""


@pytest.mark.parametrize(("judge", "check"), [("checkov", "CKV_AWS_16"), ("Trivy", "AVD-AWS-0080")])
def test_comments_of_every_form_are_disabled(
    judges: Judges, tmp_path: Path, judge: str, check: str
) -> None:
    tree = {
        PurePosixPath(f"form-{number}.tf"): (
            f'resource "aws_db_instance" "form_{number}" {{\n  storage_encrypted = {form}\n}}\n'
        ).encode()
        for number, form in enumerate(FORMS[judge])
    }
    judged = judges.checkov_sources if judge == "checkov" else judges.trivy_sources
    names = {str(path) for path in tree}
    files = {"with": tree, "without": without_skips(tree)}
    wanted, bare = judged([place(each, tmp_path / name) for name, each in files.items()])
    assert {each.file.lstrip("/") for each in wanted.skipped} == names
    assert {str(each.file) for each in skips(tree)} == names
    assert bare.skipped == ()
    assert {each.file.lstrip("/") for each in bare.failed if each.check == check} == names


def test_comments_match_the_templates() -> None:
    def skip(path: str, check: str = "CKV_1") -> Skip:
        return Skip(PurePosixPath(path), 1, check, "")

    counted = [skip("templates/modules/kms/main.tf.j2"), skip("templates/stack/main.tf.j2")]
    fine = [skip("modules/kms/1.0.1/main.tf"), skip("environments/staging/main.tf")]
    assert [*uncounted(fine, counted)] == []
    wrong = [
        skip("modules/kms/1.0.1/main.tf", "CKV_2"),
        skip("modules/kms/1.0.1/other.tf"),
        skip("environments/staging/outputs.tf"),
        skip("modules/kms/1.0.1/main.tf"),  # A second one, where the template has one.
    ]
    assert [*uncounted([*fine, *wrong], counted)] == wrong


@pytest.mark.parametrize("main", [judging.main, matrix.main, public.main])
def test_commands_have_help(
    main: Callable[[Sequence[str]], int], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--help"])
    assert ended.value.code == 0
    assert "usage: python -m benchmarks.judges" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("main", "arguments", "message"),
    [
        (public.main, [], "the following arguments are required: folder"),
        (public.main, ["no/such/folder"], "no cloudwatch, elasticache, kms"),
        (matrix.main, ["F99"], "no such failure or mutation: F99"),
        (matrix.main, ["F01", "--write"], "remove the ids"),
        (judging.main, ["F01"], "unrecognized arguments: F01"),
    ],
)
def test_wrong_use_is_reported(
    main: Callable[[Sequence[str]], int],
    arguments: list[str],
    message: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_page_has_tags_of_public_modules() -> None:
    brought = dict(re.findall(r"^tag ([a-z-]+) ([0-9.]+)$", PAGE, re.MULTILINE))
    assert brought.keys() == public.modules_needed()
    head = " ".join(public.STACK.read_text(encoding="utf-8").split("locals {")[0].split("\n# "))
    for name, version in brought.items():
        assert f"{name} {version}" in head


def test_rotation_stays_without_its_function() -> None:
    files = stacks(rendered_files(ROOT), "staging")
    left = public.without_function(files)
    (path,) = (path for path in files if path.name == "rotation.tf")
    roles = {each for each in files if each.parts[:2] == ("modules", "roles")}
    assert files.keys() - left.keys() == roles != set()
    stack = {PurePosixPath("environments", "staging", name) for name in ("main.tf", "outputs.tf")}
    assert {each for each in left if files[each] != left[each]} == {path, *stack}
    assert not [each for each in stack if b"roles" in left[each]]
    blocks = re.findall(rb'^(?:resource|data) "(\w+)"', left[path], re.MULTILINE)
    assert blocks == [b"aws_secretsmanager_secret_rotation"]


def test_state_holds_only_keys() -> None:
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


def test_stack_has_pinned_modules_without_tests() -> None:
    files = rendered_files(ROOT)
    chosen = stacks(files, "development")
    assert {path.parts[1] for path in chosen if path.parts[0] == "environments"} == {"development"}
    assert {path.parts[1] for path in chosen if path.parts[0] == "modules"} == {
        *("access", "cache", "database", "kms", "monitoring", "network", "roles", "secret")
    }
    assert not [path for path in chosen if "tests" in path.parts]
    assert len({path.parts[1:3] for path in chosen if path.parts[0] == "modules"}) == 8


def test_missing_judges_are_reported(tmp_path: Path) -> None:
    with pytest.raises(FinbaseError, match="run `make judge`"):
        Judges(tmp_path, tmp_path)


def test_trivy_unreadable_source_is_an_error(judges: Judges, tmp_path: Path) -> None:
    (tmp_path / "sources").mkdir()
    (tmp_path / "sources" / "main.tf").write_text('unknown "x" {\n}\n')
    with pytest.raises(FinbaseError, match="could not read"):
        judges.trivy_sources([tmp_path / "sources"])
