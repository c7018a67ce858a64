"""Verdicts as JUnit XML, for the test report of any CI.

A suite for each environment, a case for each scenario, its class the failure id. A failure
that no scenario looked at, or only skipped ones, has a failed case of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as ET

from finbase.judge.verdict import FailureRow, Scenario, Verdict

__all__ = ["render"]

# What XML 1.0 cannot hold, not even escaped. A plan's strings may have any of it.
_INVALID = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def render(verdicts: Iterable[Verdict]) -> bytes:
    """Return the XML document, UTF-8, a newline at its end."""
    root = ET.Element("testsuites", name="finbase")
    for verdict in verdicts:
        _suite(root, verdict)
    for attribute in ("tests", "failures", "skipped"):
        root.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in root)))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(root: ET.Element, verdict: Verdict) -> None:
    suite = ET.SubElement(root, "testsuite", name=_clean(verdict.environment))
    if verdict.cached_at:  # Of a verdict from the cache, when it was reached.
        suite.set("timestamp", verdict.cached_at.isoformat(timespec="seconds"))
    for scenario in verdict.scenarios:
        _case(suite, scenario)
    for row in verdict.by_failure():
        if row.status == "failed" and all(s.status == "skipped" for s in row.scenarios):
            _unproved(suite, row)
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _case(suite: ET.Element, scenario: Scenario) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=_clean("+".join(scenario.failure_ids) or scenario.feature),
        name=_clean(scenario.name),
    )
    properties: list[tuple[str, str]] = [("severity", scenario.severity or "")]
    properties += [("requirement", requirement) for requirement in scenario.requirements]
    listed = ET.SubElement(case, "properties")
    for name, value in properties:
        ET.SubElement(listed, "property", name=name, value=_clean(value))
    if scenario.status == "passed":
        if scenario.evidence:
            ET.SubElement(case, "system-out").text = _clean(scenario.evidence)
        return
    kind = "failure" if scenario.status == "failed" else "skipped"
    outcome = ET.SubElement(case, kind, message=_clean(scenario.evidence))
    outcome.text = _clean(f"{scenario.location}: {scenario.step}\n{scenario.evidence}")


def _unproved(suite: ET.Element, row: FailureRow) -> None:
    case = ET.SubElement(suite, "testcase", classname=_clean(row.id), name=_clean(row.title))
    failure = ET.SubElement(case, "failure", message=_clean(row.evidence))
    failure.text = _clean(f"required: {row.requirement}")


def _clean(text: str) -> str:
    return _INVALID.sub("\ufffd", text)
