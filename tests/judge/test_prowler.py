"""Prowler: each of its findings on the applied stack is explained, and it can find something.

It takes minutes to apply production, so the runs themselves are a long campaign. Every run reads
what the last one recorded.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.judges import prowler
from benchmarks.judges.prowler import Explanation, Explanations, Recording, Said, explanations
from benchmarks.judges.tools import Finding
from finbase.errors import FinbaseError
from finbase.judge.prove import rendered_files
from finbase.sandbox.client import client
from finbase.sandbox.server import Sandbox
from tests.support.commands import ROOT

PAGE = (ROOT / "docs" / "evidence" / "judges.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## Prowler, on what runs") : PAGE.index("## Comparison with public")]


@pytest.fixture(scope="module")
def recorded() -> Recording:
    return prowler.recording()


def test_recorded_findings_are_explained(recorded: Recording) -> None:
    assert [*explanations().problems(recorded.said)] == []
    assert len(recorded.said.passed) > 80
    assert recorded.version == prowler.installed()


def test_page_contains_the_recording(recorded: Recording) -> None:
    """Where this fails after a run with ``--write``, write its date, line and findings here."""
    assert prowler.summary(recorded.said, []) in SECTION.splitlines()
    assert f"recorded on {recorded.date}" in " ".join(SECTION.split())
    rows = [line.split(" | ") for line in SECTION.splitlines() if line.startswith("| `")]
    read = explanations()
    for kind, known in (("findings", read.findings), ("errors", read.errors)):
        for each in known:
            told = [", ".join(f"`{check}`" for check in each.checks), each.reason]
            assert [row for row in rows if [row[0][2:], row[-1][:-2]] == told], (kind, told)
    assert len(rows) == len(read.findings) + len(read.errors)


def test_page_names_unjudged_modules(recorded: Recording) -> None:
    """A released module is judged by the next run; until then the page must say that it was not.

    ``python -m benchmarks.judges.prowler --write`` judges; else name the module and version here.
    """
    told = re.search(r"Not judged yet:\s([^.]*(?:\d\.[^.]*)*)\.\s", SECTION)
    names = re.findall(r"[a-z]+ \d+\.\d+\.\d+", told[1]) if told else []
    assert sorted(names) == recorded.old(rendered_files(ROOT))


def test_newer_module_is_noticed(recorded: Recording) -> None:
    files = dict(rendered_files(ROOT))
    current = replace(recorded, modules=prowler.judged_modules(files))
    assert current.old(files) == []
    path = next(
        path
        for path in files
        if path.match("modules/database/*/main.tf") and " ".join(path.parts[1:3]) in current.modules
    )
    files[path] += b"\n"
    assert current.old(files) == [" ".join(path.parts[1:3])]


FINDING = Finding("rds_instance_multi_az", "db:x-reporting", "no standby")


@pytest.mark.parametrize(
    ("known", "problem"),
    [
        ((), "unexplained finding: rds_instance_multi_az db:x-reporting no standby"),
        (Explanation(("rds_*",), "db:x", ""), "unexplained finding"),
        (Explanation(("rds_*", "ec2_*"), "db:*", ""), "there is no such finding: ec2_* db:*"),
    ],
)
def test_explanations_must_fit(known: Explanation | tuple[()], problem: str) -> None:
    read = Explanations((known,) if isinstance(known, Explanation) else (), ())
    assert problem in "\n".join(read.problems(Said({}, (FINDING,), ())))
    assert [*read.problems(Said({}, (), ()))] == [] or known


def test_unanswered_questions_must_be_explained() -> None:
    heard = Said({}, (), ("LookupEvents",))
    assert [*Explanations((), ()).problems(heard)] == ["unexplained error: LookupEvents"]
    known = Explanation(("Lookup*",), "*", "")
    assert [*Explanations((), (known,)).problems(heard)] == []


def test_output_is_read() -> None:
    def finding(status: str, uid: str) -> dict[str, object]:
        return {
            "metadata": {"event_code": "check"},
            "status_code": status,
            "status_detail": f"{status} of sg-2f1f49d1fa5f6ff64",
            "resources": [{"uid": f"arn:aws:ec2:eu-west-1:111122223333:{uid}"}],
        }

    log = [
        f'{{"level": "ERROR", "message": "{text}"}}'
        for text in ("x -- when calling the LookupEvents operation: no", 'KeyError[61]: no "key"')
    ]
    heard = prowler.said([finding("PASS", "a"), finding("FAIL", "b"), finding("MANUAL", "c")], log)
    assert heard.passed == {"check": 1}
    assert [(f.resource, f.file) for f in heard.failed] == [
        ("b", "FAIL of sg-*"),
        ("c", "MANUAL of sg-*"),
    ]
    assert heard.errors == ('KeyError: no "key"', "LookupEvents")


def test_missing_prowler_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prowler, "HOME", tmp_path)
    sandbox = Sandbox("http://127.0.0.1:9", "key", 0, tmp_path)
    with pytest.raises(FinbaseError, match="run `make judge`"):
        prowler.ask(sandbox, tmp_path)


@pytest.mark.soak
@pytest.mark.terraform
def test_prowler_agrees_with_the_recording(recorded: Recording, tmp_path: Path) -> None:
    """Then one protection is switched off, which Prowler must find."""
    for name in ("intact", "weak"):
        (tmp_path / name).mkdir()
    with prowler.applied() as sandbox:
        heard = prowler.ask(sandbox, tmp_path / "intact")
        rds = client("rds", sandbox, prowler.REGION)
        names = [
            each["DBInstanceIdentifier"] for each in rds.describe_db_instances()["DBInstances"]
        ]
        rds.modify_db_instance(DBInstanceIdentifier=min(names), DeletionProtection=False)
        weak = prowler.ask(sandbox, tmp_path / "weak", ["rds"])
    assert [*explanations().problems(heard)] == []
    assert heard == recorded.said
    before = {finding for finding in heard.failed if finding.check.startswith("rds_")}
    assert [(f.check, f.resource) for f in set(weak.failed) - before] == [
        ("rds_instance_deletion_protection", f"db:{min(names)}")
    ]
