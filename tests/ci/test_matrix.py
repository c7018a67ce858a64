"""Environments over CI jobs, and the verdicts of the jobs back into one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.ci.merge import Part, merge
from finbase.ci.shards import read_shards, shards
from finbase.errors import FinbaseError
from finbase.judge import compliance
from finbase.judge.verdict import Verdict
from finbase.report import verdict_json
from finbase.report.verdict_json import read_part
from finbase.terraform.workspace import Workspace
from tests.support.commands import finbase
from tests.support.evidence import FAILURES, verdict

Check: TypeAlias = Callable[[Path, list[str], Path], None]
COSTS = st.dictionaries(st.text("abcdef-", min_size=1, max_size=9), st.integers(100, 400))


# Shards.


@given(COSTS, st.integers(1, 12))
def test_shards_partition(costs: Mapping[str, int], most: int) -> None:
    found = shards(costs, most)
    assert len(found) == min(most, len(costs))
    assert sorted(name for shard in found for name in shard.environments) == sorted(costs)
    assert [shard.number for shard in found] == list(range(1, len(found) + 1))
    for shard in found:
        assert shard.environments
        assert shard.cost == sum(costs[name] for name in shard.environments)
    backwards = dict(sorted(costs.items(), reverse=True))
    assert shards(backwards, most) == found


@given(COSTS.filter(bool), st.integers(1, 6))
def test_shards_balance(costs: Mapping[str, int], most: int) -> None:
    """The known bound of this way to distribute: 4/3 of what is best at least."""
    dearest = max(shard.cost for shard in shards(costs, most))
    best = max(max(costs.values()), -(-sum(costs.values()) // most))
    by_cost = sorted(costs.values(), reverse=True)
    if len(by_cost) > most:
        best = max(best, by_cost[most - 1] + by_cost[most])
    assert 3 * dearest <= 4 * best


def test_shards_without_limit() -> None:
    assert [each.environments for each in shards({"a": 1, "b": 2})] == [("b",), ("a",)]
    assert shards({}) == shards({}, 4) == ()


def include(project: Path, *arguments: str) -> list[dict[str, Any]]:
    result = finbase(project, "matrix", *arguments)
    assert result.exit_code == 0, result.output
    assert result.output.count("\n") == 1
    document = json.loads(result.output)
    assert document.keys() == {"include"}
    entries: list[dict[str, Any]] = document["include"]
    return entries


def test_matrix_since(committed: Path) -> None:
    assert include(committed, "--affected-since", "HEAD") == []
    assert finbase(committed, "matrix", "--affected-since", "HEAD", "--shards", "2", "--shard", "1")
    path = committed / "environments" / "staging.yaml"
    path.write_text(path.read_text().replace("_mib: 1024", "_mib: 2048"))
    assert finbase(committed, "render").exit_code == 0
    (entry,) = include(committed, "--affected-since", "HEAD", "--shards", "4")
    assert (entry["shard"], entry["environments"]) == (1, "staging")
    assert len(include(committed)) == 3


@pytest.mark.parametrize(
    "name", ["features/network.feature", "requirements/all.lock", "requirements.txt"]
)
def test_matrix_since_with_changed_judge(committed: Path, name: str) -> None:
    path = committed / name
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{path.read_text() if path.exists() else ''}\n")
    assert len(include(committed, "--affected-since", "HEAD")) == 3


def test_matrix_shard_for_shell(project: Path) -> None:
    entries = include(project, "--shards", "2")
    for entry in entries:
        result = finbase(project, "matrix", "--shards", "2", "--shard", str(entry["shard"]))
        assert result.output == f"{entry['environments']}\n"
    assert finbase(project, "matrix", "--shards", "9", "--shard", "9").output == "\n"
    for wrong in (["--shard", "1"], ["--shards", "2", "--shard", "3"]):
        assert finbase(project, "matrix", *wrong).exit_code == 2


# The verdicts of all.


def part(*verdicts: Verdict, path: str = "a.json", **changes: object) -> Part:
    document = {"schema_version": 1, **verdict_json.document(verdicts), **changes}
    return read_part(json.dumps(document).encode(), path)


def refused(*parts: Part, expected: tuple[str, ...] | None = None) -> str:
    with pytest.raises(FinbaseError) as caught:
        merge(parts, expected)
    assert caught.value.hint
    return caught.value.message


def test_merge_equals_one_job() -> None:
    names = [f"team-{number:02}" for number in range(9)]
    all_of_them = [verdict(n, ("F01", "F04a")) if "4" in n else verdict(n) for n in names]
    parts = [part(*all_of_them[start::4], path=f"{start}.json") for start in range(4)]
    merged = merge(parts, names)
    assert verdict_json.document(merged) == verdict_json.document(all_of_them)
    assert merge(list(reversed(parts))) == merged
    assert [each.environment for each in merged if not each.passed] == ["team-04"]


def test_merge_refuses_mismatched_parts() -> None:
    a, b = part(verdict("one"), path="a.json"), part(verdict("two"), path="b.json")
    again = part(verdict("one"), path="c.json")
    assert refused(a, b, again).startswith("both a.json and c.json have a verdict on one")
    assert refused(a, part(verdict("one", ("F01",)), path="d.json")).startswith(
        "both a.json and d.json"
    )
    other = part(verdict("two"), path="e.json", finbase_version="9.9.9")
    assert refused(a, other).startswith("e.json was written by finbase 9.9.9, a.json by ")
    fewer = Verdict("two", verdict("two").scenarios, FAILURES[1:])
    assert refused(a, part(fewer, path="f.json")).startswith("f.json was checked with another")
    assert refused(a, b, expected=("one", "three", "two", "four")) == ("no verdict on four, three")
    assert refused(a, b, expected=("two",)) == ("a.json has an unexpected verdict on one")


def test_merge_refuses_invalid_part() -> None:
    whole = {"schema_version": 1} | verdict_json.document([verdict("one", ("F01",))])
    for wrong in (
        b"",
        b"\xff",
        b"[]",
        b"{}",
        json.dumps({**whole, "schema_version": 2}).encode(),
        json.dumps({**whole, "environments": [{"name": "one"}]}).encode(),
        json.dumps(whole).replace('"passed": false', '"passed": true').encode(),
        json.dumps({**whole, "passed": True}).encode(),
        json.dumps(whole).replace('"status": "failed"', '"status": "fine"').encode(),
        json.dumps({**whole, "environments": [], "passed": True}).encode(),
        json.dumps(verdict_json.document([Verdict("one", (), FAILURES)])).encode(),
        b"[" * 100_000,
        b" " * (64 * 1024**2 + 1),
    ):
        with pytest.raises(FinbaseError, match=r"part\.json"):
            read_part(wrong, "part.json")
    for wrong in (b"", b"{}", b'{"include": [{"shard": 1}]}', b'{"include": 3}'):
        with pytest.raises(FinbaseError, match=r"matrix\.json is not a matrix"):
            read_shards(wrong, "matrix.json")


def test_merge_requires_the_released_controls() -> None:
    whole = part(verdict("one"))
    assert merge([whole], catalogue=FAILURES)
    fewer = part(Verdict("one", verdict("one").scenarios, FAILURES[1:]))
    assert merge([fewer])
    milder = (replace(FAILURES[0], severity="low"), *FAILURES[1:])
    for wrong in (fewer, part(Verdict("one", verdict("one").scenarios, milder))):
        with pytest.raises(FinbaseError, match=f"a.json does not judge {FAILURES[0].id} as"):
            merge([wrong], catalogue=FAILURES)


# Twelve environments over four shards.


@pytest.fixture
def dozen(project: Path) -> Path:
    """Twelve environments as small as they come, and one of them with a failure put back."""
    for name in ("production", "staging"):
        (project / "environments" / f"{name}.yaml").unlink()
        shutil.rmtree(project / "environments" / name)
    for number in range(11):
        result = finbase(project, "new", "environment", f"team-{number:02}")
        assert result.exit_code == 0, result.output
    assert finbase(project, "render").exit_code == 0
    main = project / "environments" / "team-05" / "main.tf"
    text, key = main.read_text(), "database_key_arn    = module.kms."
    assert text.count(f"{key}database_key_arn") == 1
    main.write_text(text.replace(f"{key}database_key_arn", f"{key}cache_key_arn"))
    return project


def check_one_by_one(project: Path, names: list[str], file: Path) -> None:
    """Let a job check its environments as a pipeline does."""
    result = finbase(project, "check", *names, "--no-cache", "--json", str(file))
    assert result.exit_code == ("team-05" in names), result.output


@pytest.fixture
def check_alike(workspace: Workspace) -> Check:
    """Let a job check its environments with one plan for all: eleven differ in names only.

    In the plan of the other one, the module call has the reference that its HCL has.
    """
    known: dict[bool, Verdict] = {}

    def check(project: Path, names: list[str], file: Path) -> None:
        found = []
        for name in names:
            failing = name == "team-05"
            if failing not in known:
                folder = project / "environments" / "development"
                plan = workspace.plan(folder, project=project)
                if failing:
                    document = json.loads(plan)
                    database = document["configuration"]["root_module"]["module_calls"]["database"]
                    wrong = {"references": ["module.kms.cache_key_arn", "module.kms"]}
                    assert database["expressions"]["database_key_arn"] != wrong
                    database["expressions"]["database_key_arn"] = wrong
                    plan = json.dumps(document).encode()
                known[failing] = compliance.run(plan, project / "features", environment=name)
            found.append(replace(known[failing], environment=name))
        file.write_bytes(verdict_json.render(found))

    return check


@pytest.mark.terraform
def test_twelve_environments(dozen: Path, tmp_path: Path, check_alike: Check) -> None:
    over_four_shards(dozen, tmp_path, check_alike)


@pytest.mark.soak
@pytest.mark.terraform
def test_twelve_environments_with_terraform(dozen: Path, tmp_path: Path) -> None:
    over_four_shards(dozen, tmp_path, check_one_by_one)


def over_four_shards(project: Path, scratch: Path, check: Check) -> None:
    matrix = scratch / "matrix.json"
    matrix.write_text(finbase(project, "matrix", "--shards", "4").output)
    shards_of_it = [
        each["environments"].split() for each in json.loads(matrix.read_text())["include"]
    ]
    assert [len(names) for names in shards_of_it] == [3, 3, 3, 3]
    files = []
    for number, names in enumerate(shards_of_it, 1):
        files.append(str(scratch / f"verdict-{number}.json"))
        check(project, names, Path(files[-1]))
    merge = ("report", "merge", *files)
    whole, junit, sarif = (scratch / f"all.{kind}" for kind in ("json", "xml", "sarif"))
    written = ("--json", str(whole), "--junit", str(junit), "--sarif", str(sarif))
    result = finbase(project, *merge, "--matrix", str(matrix), *written)
    assert result.exit_code == 1, result.output
    assert "11 of 12 environments pass; failing: team-05\n" in result.output
    document = json.loads(whole.read_text())
    teams = [f"team-{number:02}" for number in range(11)]
    assert [each["name"] for each in document["environments"]] == ["development", *teams]
    assert [e["name"] for e in document["environments"] if not e["passed"]] == ["team-05"]
    assert len(ET.parse(junit).findall("testsuite")) == 12
    runs = json.loads(sarif.read_text())["runs"]
    failed = {
        (each["automationDetails"]["id"], result["ruleId"])
        for each in runs
        for result in each["results"]
        if result.get("kind") != "notApplicable"  # Parts that an environment leaves out.
    }
    assert failed == {("finbase/team-05/", "F04a"), ("finbase/team-05/", "B01")}

    # A job that is lost is not a job that found nothing.
    lost = finbase(project, "report", "merge", *files[1:], "--matrix", str(matrix))
    assert lost.exit_code == 2
    assert f"no verdict on {', '.join(shards_of_it[0])}\n" in lost.output
    assert finbase(project, "report", "merge", *files[1:], "--all").exit_code == 2
    assert finbase(project, *merge, files[0]).exit_code == 2
    assert finbase(project, *merge, "--all").exit_code == 1
