"""Findings as SARIF: valid by the schema, and at the lines that are behind them."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from finbase.commands._evidence import read_sources
from finbase.judge.verdict import Verdict
from finbase.report import sarif
from finbase.report.forge import hosted_files
from tests.support.commands import ROOT, finbase
from tests.support.evidence import FAILURES, HOSTILE, SEEN, verdict
from tests.support.language_server import PACKAGES

SOURCES = read_sources(ROOT, ["production", "staging"])
SCHEMA = PACKAGES / "@microsoft" / "jest-sarif" / "lib" / "schemas" / "sarif-2.1.0-rtm.5.json"


@cache
def validator() -> jsonschema_rs.Draft4Validator:
    text = SCHEMA.read_text()
    assert text.count("{2}]?$") == 2  # Of a language, which we do not say: a bracket too many.
    schema = json.loads(text.replace("{2}]?$", "{2}$"))
    return jsonschema_rs.Draft4Validator(schema, validate_formats=True)


def runs(content: bytes) -> list[dict[str, Any]]:
    document = json.loads(content)
    assert [error.message for error in validator().iter_errors(document)] == []
    found: list[dict[str, Any]] = document["runs"]
    for run in found:  # GitHub shows these, and takes no rule without them.
        for rule in run["tool"]["driver"]["rules"]:
            for part in ("shortDescription", "fullDescription", "help"):
                assert rule[part]["text"]
    return found


def sarif_of(verdicts: list[Verdict], files_url: str = "") -> bytes:
    return sarif.render(verdicts, SOURCES, files_url)


def place(location: dict[str, Any]) -> tuple[str, int]:
    physical = location["physicalLocation"]
    return physical["artifactLocation"]["uri"], physical["region"]["startLine"]


def test_sarif_schema_refuses_invalid_documents() -> None:
    document = json.loads(sarif_of([verdict("production", ("F01",))]))
    document["runs"][0]["results"][0]["level"] = "high"
    assert not validator().is_valid(document)
    del document["runs"][0]["tool"]
    assert len(list(validator().iter_errors(document))) == 2


def test_sarif_of_a_passed_verdict() -> None:
    (run,) = runs(sarif_of([verdict("production")]))
    assert run["results"] == []
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == [failure.id for failure in FAILURES]
    assert run["automationDetails"]["id"] == "finbase/production/"


def test_sarif_result_has_locations() -> None:
    found = runs(
        sarif_of(
            [
                verdict(
                    "production",
                    (
                        "F01",
                        "F03",
                    ),
                ),
                verdict("staging", ("F01",)),
            ],
        )
    )
    assert [run["automationDetails"]["id"] for run in found] == [
        "finbase/production/",
        "finbase/staging/",
    ]
    first, second = found[0]["results"]
    assert (first["ruleId"], second["ruleId"]) == ("F01", "F03")
    for result in (first, second):
        rule = found[0]["tool"]["driver"]["rules"][result["ruleIndex"]]
        assert rule["id"] == result["ruleId"]
        assert result["level"] == rule["defaultConfiguration"]["level"]
    assert first["level"] == "error"
    path, line = place(first["locations"][0])
    assert path == "modules/network/2.0.0/main.tf"
    lines = (ROOT / path).read_text().splitlines()
    block = next(n for n in range(line, 0, -1) if lines[n - 1].startswith("resource "))
    assert "aws_nat_gateway" in lines[block - 1]
    related = [place(each) for each in second["relatedLocations"]]
    assert "environments/production.yaml" in [path for path, _ in related]
    lines = [(ROOT / path).read_text().splitlines()[line - 1] for path, line in related]
    assert any("rds.force_ssl" in line for line in lines)
    assert "rds.force_ssl = 1" in second["message"]["text"]


def test_sarif_fingerprints_are_stable_and_unique() -> None:
    verdicts = [
        verdict(
            name,
            (
                "F01",
                "F03",
                "F05",
            ),
        )
        for name in ("production", "staging")
    ]
    marks = [
        result["partialFingerprints"]["finbase/v1"]
        for run in runs(sarif_of(verdicts))
        for result in run["results"]
    ]
    assert len(set(marks)) == len(marks) == 6
    again = verdict("production", ("F01",), f"{SEEN['F01']} and 3 more")
    (run,) = runs(sarif_of([again]))
    assert run["results"][0]["partialFingerprints"]["finbase/v1"] == marks[0]


def test_sarif_of_an_unknown_environment() -> None:
    (run,) = runs(sarif_of([verdict("plan.json", ("F01",))]))
    path, line = place(run["results"][0]["locations"][0])
    assert path.startswith("features/")
    assert "Scenario" in (ROOT / path).read_text().splitlines()[line - 1]


@pytest.mark.parametrize("text", [HOSTILE, "\ud800", 'module.a.b.c["%s"] \u2028'])
def test_sarif_of_any_verdict_is_valid(text: str) -> None:
    (run,) = runs(sarif_of([verdict("production", ("F01",), text)]))
    assert run["results"][0]["locations"][0]


def test_help_is_where_the_commit_is_hosted() -> None:
    github = {"GITHUB_REPOSITORY": "bank/stacks", "GITHUB_SHA": "1" * 40}
    gitlab = {"CI_PROJECT_URL": "https://gitlab.example/b/s", "CI_COMMIT_SHA": "2" * 40}
    assert hosted_files({}) == ""
    assert hosted_files(gitlab) == f"https://gitlab.example/b/s/-/blob/{'2' * 40}"
    files = hosted_files(github)
    (run,) = runs(sarif_of([verdict("production")], files))
    uris = [rule["helpUri"] for rule in run["tool"]["driver"]["rules"]]
    start = f"https://github.com/bank/stacks/blob/{'1' * 40}/features/"
    assert all(uri.startswith(start) for uri in uris)


def test_sarif_of_an_invalid_file(project: Path, tmp_path: Path) -> None:
    path = project / "environments" / "staging.yaml"
    path.write_text(path.read_text().replace("backup_retention_period: 14", "port: 80"))
    file = tmp_path / "found.sarif"
    result = finbase(project, "check", "staging", "--sarif", str(file))
    assert result.exit_code == 2
    (run,) = runs(file.read_bytes())
    (found,) = run["results"]
    region = found["locations"][0]["physicalLocation"]["region"]
    named = f"environments/staging.yaml:{region['startLine']}:{region['startColumn']}: "
    assert named in result.output
    assert found["ruleId"] == run["tool"]["driver"]["rules"][0]["id"] == "FB135"
    assert found["message"]["text"].splitlines()[0] in result.output
