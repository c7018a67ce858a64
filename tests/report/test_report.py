"""The three reports of a verdict, for whatever a plan's strings may hold."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Literal
from xml.etree import ElementTree as ET

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.judge.catalogue import Failure
from finbase.judge.verdict import Scenario, Status, Verdict
from finbase.report import junit, terminal, verdict_json

NAT = Failure(
    "F01",
    "high",
    "A NAT gateway in every zone",
    "every zone has a NAT gateway",
    ("F10",),
)
KEY = Failure(
    "F08",
    "low",
    "Explicit single-region keys",
    "multi_region is set to false on every key",
    (),
)
LOST = Failure(
    "F09",
    "medium",
    "Every resource type of the design",
    "the plan has every resource type",
    (),
)


def scenario(
    name: str,
    status: Status = "passed",
    ids: tuple[str, ...] = ("F01",),
    evidence: str = "aws_eip: 3",
) -> Scenario:
    return Scenario(
        feature="Network",
        name=name,
        tags=(*ids, "high"),
        failure_ids=ids,
        severity="high",
        requirements=("PCI DSS 1.3.2", "PCI DSS 1.4.5"),
        status=status,
        evidence=evidence,
        location="features/network.feature:7",
        step="" if status == "passed" else "Then there are 3",
    )


WITHOUT_SUBJECT = "not applicable, because the plan has no aws_vpc"
GOOD = Verdict(
    "staging",
    (scenario("addresses"), scenario("keys", ids=("F08",), evidence="5 keys")),
    (NAT, KEY),
)
BAD = Verdict(
    "production",
    (
        scenario("addresses"),
        scenario("gateways", "failed", ("F01", "F08"), "2 is not 3\nfor zones a, b"),
        scenario("types", "skipped", ("F09",), WITHOUT_SUBJECT),
        scenario("beyond the catalogue", "passed", ()),
    ),
    (NAT, KEY, LOST),
    not_judged=("aws_s3_bucket.logs",),
)


# --- terminal ----------------------------------------------------------------------------


def lines_of(verdict: Verdict, width: int = 80, **options: Any) -> list[str]:
    return terminal.text(verdict, colour=False, width=width, **options).splitlines()


def test_text_has_one_line_per_passing_control() -> None:
    assert lines_of(GOOD) == [
        "PASS  F01  A NAT gateway in every zone",
        "PASS  F08  Explicit single-region keys",
        "staging: 2 of 2 controls pass (2 scenarios)",
    ]


def test_text_verbose_shows_evidence_of_passing_controls() -> None:
    assert lines_of(GOOD, verbose=True)[:5] == [
        "PASS  F01  A NAT gateway in every zone",
        "      high severity, PCI DSS 1.3.2, 1.4.5",
        "      required: every zone has a NAT gateway",
        "      features/network.feature:7 addresses",
        "        aws_eip: 3",
    ]


def test_text_details_each_failing_control() -> None:
    assert lines_of(BAD, places={"F01": ["modules/network/1.0.0/main.tf:7", "x.yaml:3"]}) == [
        "FAIL  F01  A NAT gateway in every zone",
        "      high severity, PCI DSS 1.3.2, 1.4.5",
        "      required: every zone has a NAT gateway",
        "      features/network.feature:7 gateways",
        "        Then there are 3",
        "        2 is not 3",
        "        for zones a, b",
        "      written in: modules/network/1.0.0/main.tf:7, x.yaml:3",
        "      why it matters: finbase explain F01",
        "FAIL  F08  Explicit single-region keys",
        "      low severity, PCI DSS 1.3.2, 1.4.5",
        "      required: multi_region is set to false on every key",
        "      features/network.feature:7 gateways",
        "        Then there are 3",
        "        2 is not 3",
        "        for zones a, b",
        "      why it matters: finbase explain F08",
        "N/A   F09  Every resource type of the design",
        "      not applicable, because the plan has no aws_vpc",
        "PASS  -    Network",
        "not judged: 1 resource that no control names",
        "      aws_s3_bucket.logs",
        "production: 0 of 3 controls pass, 1 not applicable, 1 of 1 of the project's own",
        "features (4 scenarios, 1 failed)",
    ]


def test_text_lists_failed_scenarios_outside_the_catalogue() -> None:
    verdict = Verdict("x", (scenario("a"), scenario("own", "failed", ("X1",))), (NAT,))
    assert lines_of(verdict) == [
        "PASS  F01  A NAT gateway in every zone",
        "FAIL  -    Network",
        "      features/network.feature:7 own",
        "        Then there are 3",
        "        aws_eip: 3",
        "x: 1 of 1 controls pass, 0 of 1 of the project's own features (2 scenarios, 1",
        "failed)",
    ]


def test_text_wraps_between_words_and_never_within_an_address() -> None:
    address = 'module.network.aws_subnet.public["eu-west-1a"]'
    spaced = f'module.network["a zone, that is long"].{"x" * 60}["eu west 1a"]'
    evidence = f"{address} → {address}: some more words, so that it has to wrap\n{spaced}: bad"
    lines = lines_of(Verdict("x", (scenario("s", "failed", evidence=evidence),), (NAT,)))
    assert [line for line in lines if "module." in line] == [
        f"        {address} →",
        f"          {address}: some more words, so",
        f"        {spaced}:",
    ]
    assert len(f"        {spaced}:") > 80
    assert "          bad" in lines


def test_text_shows_when_a_cached_verdict_was_reached() -> None:
    reached = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert lines_of(replace(GOOD, cached_at=reached))[-2:] == [
        "cached verdict from 2024-05-06 07:08 UTC; use --no-cache to run again",
        "staging: 2 of 2 controls pass (2 scenarios)",
    ]


def test_text_colours_only_outcomes() -> None:
    for verdict in (GOOD, BAD):
        plain = terminal.text(verdict, colour=False, width=140)
        coloured = terminal.text(verdict, colour=True, width=140)
        assert "\x1b" not in plain
        assert click.unstyle(coloured) == plain
        styled = re.findall("\x1b\\[3(.)m\x1b\\[1m([^\x1b]*)", coloured)
        colours = {"PASS": "2", "FAIL": "1", "N/A ": "3"}
        own = plain.count("  -  ")
        assert len(styled) == len(verdict.failures) + own + 1
        assert all(code == colours[text] for code, text in styled[:-1])
        assert styled[-1][0] == colours["PASS" if verdict.passed else "FAIL"]


def test_text_of_a_verdict_without_catalogue_or_scenarios() -> None:
    assert lines_of(Verdict("x", (), ())) == ["x: 0 of 0 controls pass (0 scenarios)"]


# --- JUnit -------------------------------------------------------------------------------


def test_junit_has_a_suite_for_each_environment() -> None:
    root = ET.fromstring(junit.render([GOOD, BAD]))
    assert root.attrib == {"name": "finbase", "tests": "7", "failures": "1", "skipped": "2"}
    suites = [dict(suite.attrib) for suite in root]
    assert suites == [
        {"name": "staging", "tests": "2", "failures": "0", "errors": "0", "skipped": "0"},
        {"name": "production", "tests": "5", "failures": "1", "errors": "0", "skipped": "2"},
    ]


def test_junit_cases_are_named_by_failure() -> None:
    (suite,) = ET.fromstring(junit.render([BAD]))
    assert [(case.get("classname"), case.get("name")) for case in suite] == [
        ("F01", "addresses"),
        ("F01+F08", "gateways"),
        ("F09", "types"),
        ("Network", "beyond the catalogue"),
        ("not judged", "aws_s3_bucket.logs"),
    ]
    failure = suite[1].find("failure")
    assert failure is not None
    assert failure.get("message") == "2 is not 3\nfor zones a, b"
    assert failure.text == (
        "features/network.feature:7: Then there are 3\n2 is not 3\nfor zones a, b"
    )
    properties = [(p.get("name"), p.get("value")) for p in suite[0].iter("property")]
    assert properties == [
        ("severity", "high"),
        ("section", "review"),
        ("requirement", "PCI DSS 1.3.2"),
        ("requirement", "PCI DSS 1.4.5"),
    ]
    assert suite[0].findtext("system-out") == "aws_eip: 3"
    skipped = suite[2].find("skipped")
    assert skipped is not None
    assert skipped.get("message") == WITHOUT_SUBJECT
    assert suite[4].find("skipped") is not None


def test_junit_fails_a_control_without_scenarios() -> None:
    (suite,) = ET.fromstring(junit.render([Verdict("x", (), (LOST,))]))
    assert suite[0].findtext("failure") == "required: the plan has every resource type"


# --- JSON --------------------------------------------------------------------------------


def test_json_is_stable() -> None:
    document = json.loads(verdict_json.render([GOOD, BAD]))
    assert (document["schema_version"], document["passed"]) == (1, False)
    staging, production = document["environments"]
    assert (staging["name"], staging["passed"]) == ("staging", True)
    assert production["counts"] == {
        "failures": 3,
        "failures_absent": 0,
        "failures_not_applicable": 1,
        "scenarios": 4,
        "scenarios_passed": 2,
        "scenarios_failed": 1,
        "scenarios_skipped": 1,
    }
    assert staging["failures"][0] == {
        "id": "F01",
        "section": "review",
        "severity": "high",
        "title": "A NAT gateway in every zone",
        "requirement": "every zone has a NAT gateway",
        "requirements": ["PCI DSS 1.3.2", "PCI DSS 1.4.5"],
        "status": "passed",
        "evidence": ["aws_eip: 3"],
        "scenarios": ["features/network.feature:7"],
    }
    assert production["scenarios"][1] == {
        "feature": "Network",
        "name": "gateways",
        "location": "features/network.feature:7",
        "tags": ["F01", "F08", "high"],
        "failure_ids": ["F01", "F08"],
        "severity": "high",
        "requirements": ["PCI DSS 1.3.2", "PCI DSS 1.4.5"],
        "status": "failed",
        "step": "Then there are 3",
        "evidence": ["2 is not 3", "for zones a, b"],
    }
    assert verdict_json.render([GOOD, BAD]) == verdict_json.render([GOOD, BAD])


# --- whatever the strings are ------------------------------------------------------------

IDS = st.sampled_from([("F01",), ("F08",), ("F01", "F09"), ()])
STATUSES: st.SearchStrategy[Literal["passed", "failed", "skipped"]] = st.sampled_from(
    ["passed", "failed", "skipped"]
)
# Every code point, lone surrogates and control characters too.
ANYTHING = st.text(st.characters(codec=None, categories=None), max_size=120)
SCENARIOS = st.builds(scenario, ANYTHING, STATUSES, IDS, ANYTHING)
VERDICTS = st.builds(
    Verdict,
    ANYTHING,
    st.lists(SCENARIOS, max_size=5).map(tuple),
    st.sampled_from([(), (NAT,), (NAT, KEY, LOST)]),
)
WORD = re.compile(r'(?:\["(?:[^"\\]|\\.)*"\]|\S)+')
FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")


@given(st.lists(VERDICTS, max_size=3))
def test_junit_is_always_well_formed(verdicts: list[Verdict]) -> None:
    root = ET.fromstring(junit.render(verdicts))
    assert len(root) == len(verdicts)
    for verdict, suite in zip(verdicts, root, strict=True):
        failures = suite.findall("testcase/failure")
        untested = sum(not row.scenarios for row in verdict.by_failure())
        assert len(failures) == len(verdict.failed) + untested
        states = {row.status for row in verdict.by_failure()}
        assert (not failures) == (not verdict.failed and "failed" not in states)
        for shown, original in zip(suite, verdict.scenarios, strict=False):
            name = FORBIDDEN.sub("\ufffd", original.name)
            assert shown.get("name") == re.sub("\r\n?", "\n", name) or "\r" in name


@given(VERDICTS, st.booleans(), st.integers(20, 160))
def test_terminal_lines_fit(verdict: Verdict, colour: bool, width: int) -> None:
    text = terminal.text(verdict, colour=colour, width=width, verbose=colour)
    assert text.encode("utf-8")
    assert not re.search("[\x00-\x08\x0b-\x1a\x1c-\x1f\x7f-\x9f]", text)
    allowed = max(width, terminal.MINIMUM_WIDTH)
    for line in text.split("\n"):
        plain = click.unstyle(line)
        lead = re.match(r"(PASS|FAIL|N/A )  \S+ +", plain)
        rest = plain[lead.end() :] if lead else plain
        assert len(plain) <= allowed or len(WORD.findall(rest)) == 1
    if not colour:
        assert "\x1b" not in text


@given(st.lists(VERDICTS, max_size=3))
def test_json_can_always_be_read_back(verdicts: list[Verdict]) -> None:
    document = json.loads(verdict_json.render(verdicts))
    assert [each["name"] for each in document["environments"]] == [v.environment for v in verdicts]
    assert document["passed"] == all(verdict.passed for verdict in verdicts)


@given(VERDICTS)
def test_verdict_passes_if_all_failures_are_absent(verdict: Verdict) -> None:
    shown = {i for s in verdict.scenarios if s.status == "passed" for i in s.failure_ids}
    skipped = {i for s in verdict.scenarios if s.status == "skipped" for i in s.failure_ids}
    ids = {failure.id for failure in verdict.failures}
    expected = ids <= shown | skipped and (not ids or bool(ids & shown)) and not verdict.failed
    assert verdict.passed == expected


def test_row_has_unique_evidence() -> None:
    verdict = Verdict("x", (scenario("a"), scenario("b")), (NAT,))
    assert verdict.by_failure()[0].evidence == "aws_eip: 3"


@pytest.mark.parametrize(("status", "passed"), [("passed", True), ("skipped", False)])
def test_verdict_counts_scenarios_without_failure(status: Status, passed: bool) -> None:
    assert Verdict("x", (scenario("a", status),), (NAT,)).passed is passed
    assert not Verdict("x", (scenario("a", status), scenario("b", "failed", ())), (NAT,)).passed
