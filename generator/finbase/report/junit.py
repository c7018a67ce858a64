"""Write verdicts as JUnit XML, for test reports in CI.

Each environment is a suite. Each scenario is a case, and its class is the failure id. A failure
without any scenario has a failed case of its own. A resource that no control judged is a skipped
case of the class ``not judged``.
"""

from __future__ import annotations

from collections.abc import Iterable
from xml.etree import ElementTree as ET

from finbase.judge.verdict import FailureRow, Scenario, Verdict
from finbase.report.drawing.canvas import clean


def render(verdicts: Iterable[Verdict]) -> bytes:
    """Return the XML document in UTF-8, with a newline at its end."""
    root = ET.Element("testsuites", name="finbase")
    for verdict in verdicts:
        _suite(root, verdict)
    for attribute in ("tests", "failures", "skipped"):
        root.set(attribute, str(sum(int(suite.get(attribute, "0")) for suite in root)))
    ET.indent(root)
    document: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return document + b"\n"


def _suite(root: ET.Element, verdict: Verdict) -> None:
    suite = ET.SubElement(root, "testsuite", name=clean(verdict.environment))
    if verdict.cached_at:  # A cached verdict; say when it was made.
        suite.set("timestamp", verdict.cached_at.isoformat(timespec="seconds"))
    sections = {failure.id: failure.section for failure in verdict.failures}
    for scenario in verdict.scenarios:
        of = dict.fromkeys(sections[i] for i in scenario.failure_ids if i in sections)
        _case(suite, scenario, of)
    for row in verdict.by_failure():
        if not row.scenarios:
            _untested(suite, row)
    for address in verdict.not_judged:
        case = ET.SubElement(suite, "testcase", classname="not judged", name=clean(address))
        ET.SubElement(case, "skipped", message="no control names this resource")
    suite.set("tests", str(len(suite)))
    suite.set("failures", str(len(suite.findall("testcase/failure"))))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))


def _case(suite: ET.Element, scenario: Scenario, sections: Iterable[str]) -> None:
    case = ET.SubElement(
        suite,
        "testcase",
        classname=clean("+".join(scenario.failure_ids) or scenario.feature),
        name=clean(scenario.name),
    )
    properties: list[tuple[str, str]] = [("severity", scenario.severity or "")]
    properties += [("section", section) for section in sections]
    properties += [("requirement", requirement) for requirement in scenario.requirements]
    parent = ET.SubElement(case, "properties")
    for name, value in properties:
        ET.SubElement(parent, "property", name=name, value=clean(value))
    if scenario.status == "passed":
        if scenario.evidence:
            ET.SubElement(case, "system-out").text = clean(scenario.evidence)
        return
    kind = "failure" if scenario.status == "failed" else "skipped"
    outcome = ET.SubElement(case, kind, message=clean(scenario.evidence))
    outcome.text = clean(f"{scenario.location}: {scenario.step}\n{scenario.evidence}")


def _untested(suite: ET.Element, row: FailureRow) -> None:
    case = ET.SubElement(suite, "testcase", classname=clean(row.id), name=clean(row.title))
    failure = ET.SubElement(case, "failure", message=clean(row.evidence))
    failure.text = clean(f"required: {row.requirement}")
