"""Read the cucumber JSON of terraform-compliance; a scenario passes only if the JSON says so.

radish writes rows of an outline with their placeholders, counts a scenario without steps as
passed, and marks steps that did not run as "pending". A scenario that forbids a resource is
"skipped" if the plan has no such resource; here it is a pass. Any other skipped scenario has judged
nothing: it fails on a stack that finbase rendered, unless its tag ``@part-NAME`` names a part
that the stack leaves out. It is not applicable to any other stack.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from finbase.aws.types import meant
from finbase.errors import ComplianceError
from finbase.judge.catalogue import FILE as CATALOGUE
from finbase.judge.catalogue import OWN, Failure, Severity
from finbase.judge.runner import FAILURE, SEEN
from finbase.judge.verdict import PART, Scenario, Status

_ROW = re.compile(r" - row \d+$")
_CELL = re.compile(r"(?<!\\)\|")
_ID = re.compile(r"[BDF]\d{2}[a-z]?|([A-Z][A-Z0-9]*-)[0-9]+[a-z]?")
_PCI = re.compile(r"pci-(\d+(?:\.\d+)+)")
_FORBIDS = re.compile(r"\b(the scenario (should|must) fail|it fails|it (should|must) fail)$", re.I)
_MISSPELT = 0.75
"""How much a tag must resemble a severity: @hgih does, and @flow differs by more."""
_ABSENT = "absent, as required"
_NOTHING = "the plan has nothing to check"
_NO_THEN = "the scenario judges nothing, because it has no step with Then; add one"
_TYPE = re.compile(r"\b(?:aws|terraform|random|null)_\w+\b")
_LENIENT = frozenset(
    ("warning", "no-failure", "no-fail", "info", "nofailure", "nofail", "dontfail")
)
"""Tags by which terraform-compliance turns a failure into a skip."""


def read_cucumber(
    document: list[dict[str, Any]],
    features: Path,
    failures: tuple[Failure, ...],
    *,
    rendered: bool = True,
    leaves_out: Callable[[str], bool] = lambda _: False,
    types: Collection[str] = (),
) -> tuple[Scenario, ...]:
    """Return the scenarios of a report, sorted by file and line.

    ``rendered`` says whether finbase rendered the stack, and ``leaves_out`` whether the stack has
    no part of a name. ``types`` are the resource types of the plan, to suggest one in place of a
    mistyped one.

    Raises ``ComplianceError`` if a scenario did not run, contradicts the catalogue by its tags,
    or has a tag that keeps it from failing.
    """
    catalogue = {failure.id: failure for failure in failures}
    placed: list[tuple[str, int, Scenario]] = []
    for feature in document:
        path = Path(feature["uri"]).resolve()
        file = str(path.relative_to(features.parent))
        lines = [line.strip() for line in path.read_text(encoding="utf-8").splitlines()]
        for element in feature["elements"]:
            name, line = _place(element, lines)
            scenario = _scenario(element, feature, name, f"{file}:{line}", catalogue)
            parts = (tag.removeprefix(PART) for tag in scenario.tags if tag.startswith(PART))
            applies = rendered and not any(map(leaves_out, parts))
            scenario = _without_subject(scenario, applies, types)
            placed.append((file, line, scenario))
    return tuple(scenario for _, _, scenario in sorted(placed, key=lambda item: item[:2]))


def _place(element: dict[str, Any], lines: Sequence[str]) -> tuple[str, int]:
    """Return name and line of a scenario; a row has its own line, and its values in the name."""
    steps, name = element["steps"], element["name"]
    if not steps or not (row := example_row(lines, steps[-1]["line"])):
        return name, element["line"]
    name = filled = _ROW.sub("", name)
    for key, value in row.items():
        filled = filled.replace(f"<{key}>", value)
    return filled if filled != name else f"{name} ({', '.join(row.values())})", steps[-1]["line"]


def _scenario(
    element: dict[str, Any],
    feature: dict[str, Any],
    name: str,
    location: str,
    catalogue: Mapping[str, Failure],
) -> Scenario:
    named = [tag["name"].removeprefix("@") for tag in [*feature["tags"], *element["tags"]]]
    tags = tuple(dict.fromkeys(named))
    ids = _ids(tags, catalogue, location)
    status, step, evidence = _outcome(element["steps"], location)
    return Scenario(
        feature=feature["name"],
        name=name,
        tags=tags,
        failure_ids=ids,
        severity=_severity(tags, ids, catalogue, location),
        requirements=tuple(f"PCI DSS {m[1]}" for tag in tags if (m := _PCI.fullmatch(tag))),
        status=status,
        evidence=evidence,
        location=location,
        step=step,
    )


def _without_subject(scenario: Scenario, applies: bool, types: Collection[str]) -> Scenario:
    """Judge a scenario that found no resource, and suggest a type of the plan for its own.

    ``applies`` says that the stack must have such a resource.
    """
    evidence, status = scenario.evidence, scenario.status
    stock = status == "skipped" and evidence == _NOTHING
    if stock or "Can not find " in evidence:
        for kind in _TYPE.findall(scenario.step):
            if kind not in types:
                evidence = evidence.replace(_NOTHING, f"the plan has no {kind}")
                evidence = evidence.removesuffix(".") + _suggestion(kind, types)
    if status == "passed" and evidence == _ABSENT:
        # A type that does not exist is in no plan, so the scenario could never fail.
        for kind in _TYPE.findall(scenario.step):
            if suggestion := _suggestion(kind, types):
                status, evidence = "failed", f"no type is named {kind}{suggestion}"
    if status == "skipped" and (applies or (stock and "noskip" in scenario.tags)):
        status = "failed"
    elif stock:
        evidence = f"not applicable, because {evidence}"
    step = "" if status == "passed" else scenario.step
    return replace(scenario, status=status, evidence=evidence, step=step)


def _suggestion(kind: str, types: Collection[str]) -> str:
    similar = meant(kind, types)
    return f"; did you mean {similar}?" if similar else ""


def _outcome(steps: list[dict[str, Any]], location: str) -> tuple[Status, str, str]:
    if not steps:
        return "failed", "", "the scenario has no steps"
    for step in steps:
        status = step["result"]["status"]
        if status == "failed":
            return "failed", step["name"], _why(step)
        if status == "skipped":
            if _FORBIDS.search(steps[-1]["name"]):
                return "passed", step["name"], _ABSENT
            reasons = [text for each in steps for text in _embedded(each, SEEN)]
            return "skipped", step["name"], "\n".join(dict.fromkeys(reasons)) or _NOTHING
        if status != "passed":
            raise ComplianceError(
                f"{location}: {step['name']!r} never ran (it is {status})",
                "define this step in features/steps, or correct its wording",
            )
    if not any(step["name"].startswith("Then ") for step in steps):
        return "failed", steps[-1]["name"], _NO_THEN
    evidence = [text for step in steps for text in _embedded(step, SEEN)]
    return "passed", "", "\n".join(dict.fromkeys(evidence))


def _why(step: dict[str, Any]) -> str:
    messages = list(dict.fromkeys(_embedded(step, FAILURE)))
    # A stock step prints its message instead of raising it, so only blanks are here.
    raised = step["result"].get("error_message", "").strip()
    return "\n".join(messages) or raised or "the step failed without a message"


def _embedded(step: dict[str, Any], kind: str) -> Iterator[str]:
    for embedding in step.get("embeddings", ()):
        if embedding["mime_type"] == kind:
            yield base64.b64decode(embedding["data"]).decode(errors="replace").strip()


def _ids(tags: tuple[str, ...], catalogue: Mapping[str, Failure], location: str) -> tuple[str, ...]:
    series = {identity.partition("-")[0] + "-" for identity in catalogue if "-" in identity}
    for tag in tags:
        if tag.lower() in _LENIENT:
            raise ComplianceError(f"{location}: @{tag} turns a failure into a skip", "remove it")
        match = _ID.fullmatch(tag)
        # A tag such as @TICKET-1 is nobody's id, unless a control of the project is TICKET-2, or
        # the project has lost its catalogue.
        lost = not series and location.startswith(f"features/{OWN}/")
        if match and tag not in catalogue and (not match[1] or match[1] in series or lost):
            raise ComplianceError(
                f"{location}: @{tag} is not in the failure catalogue",
                f"add it to features/{OWN}/{CATALOGUE}, or correct the tag"
                if match[1]
                else "add it to failures.yaml, or correct the tag",
            )
    return tuple(tag for tag in tags if tag in catalogue)


def _severity(
    tags: tuple[str, ...],
    ids: tuple[str, ...],
    catalogue: Mapping[str, Failure],
    location: str,
) -> Severity | None:
    levels: tuple[Severity, ...] = ("high", "medium", "low")
    for tag in (tag for tag in tags if tag not in levels):
        if similar := get_close_matches(tag.lower(), levels, n=1, cutoff=_MISSPELT):
            raise ComplianceError(
                f"{location}: @{tag} is not a severity; did you mean @{similar[0]}?",
                "write @high, @medium or @low, or remove the tag",
            )
    tagged = [level for level in levels if level in tags]
    listed = [level for level in levels if any(catalogue[i].severity == level for i in ids)]
    if tagged and ids and tagged != listed:
        raise ComplianceError(
            f"{location}: tagged {' '.join(f'@{level}' for level in tagged)}, but failures.yaml "
            f"says {' and '.join(f'{i} is {catalogue[i].severity}' for i in ids)}",
            "change the severity tag to the severity in failures.yaml, or remove it",
        )
    return next(iter(tagged or listed), None)


def example_row(lines: Sequence[str], line: int) -> dict[str, str]:
    """Return the row of an ``Examples`` table at ``line``, counted from 1, or an empty dict.

    ``lines`` are the stripped lines of the feature file.

    >>> example_row(["Examples:", "| type | count |", "| aws_eip | 2 |"], 3)
    {'type': 'aws_eip', 'count': '2'}
    """
    if not 1 < line <= len(lines) or not lines[line - 1].startswith("|"):
        return {}
    first = line - 1
    while first > 0 and (lines[first - 1].startswith(("|", "#")) or not lines[first - 1]):
        first -= 1
    header = next(line for line in lines[first:] if line.startswith("|"))
    return dict(zip(_cells(header), _cells(lines[line - 1]), strict=False))


def _cells(line: str) -> list[str]:
    return [cell.strip().replace("\\|", "|") for cell in _CELL.split(line)[1:-1]]
