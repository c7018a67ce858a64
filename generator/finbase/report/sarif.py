"""Write findings as SARIF 2.1.0 for code scanning, one run per environment.

The rules of a run are the failures of the catalogue. A result is a failure that the plan has, or
a control that is not applicable (``kind``). Its
location is the line of HCL behind it; related locations are other lines of HCL and YAML. Errors in
environment files, which prevent a plan, are in a run of their own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from finbase.environment.rules.index import TITLES
from finbase.errors import Diagnostic
from finbase.judge.catalogue import Failure, Severity
from finbase.judge.verdict import FailureRow, Verdict
from finbase.release.interface import Place
from finbase.report.sources import Sources

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

_TOP: Final = PurePosixPath()
_LEVELS: Final[Mapping[Severity, str]] = {"high": "error", "medium": "warning", "low": "note"}
# Scores of CVSS that code scanning shows as high, medium and low.
_SCORES: Final[Mapping[Severity, str]] = {"high": "8.0", "medium": "5.5", "low": "3.0"}


def render(
    verdicts: Iterable[Verdict],
    sources: Mapping[str, Sources],
    files_url: str = "",
    folder: PurePosixPath = _TOP,
) -> bytes:
    """Return the document for verdicts.

    ``sources`` has the files of each environment. Results of a plan that has no environment file
    are located in the features. ``files_url`` is the address of the repository's files, as from
    ``forge.hosted_files``, or empty if it is unknown. ``folder`` is that of the project in its
    repository: code scanning reads paths from the root of the repository.
    """
    url = f"{files_url}/{quote(str(folder))}" if files_url and folder.parts else files_url
    return _document(
        [_run(verdict, sources.get(verdict.environment), url, folder) for verdict in verdicts]
    )


def render_refused(diagnostics: Iterable[Diagnostic], folder: PurePosixPath = _TOP) -> bytes:
    """Return the document for invalid environment files; ``folder`` is as for ``render``."""
    ordered = sorted(diagnostics)
    ids = sorted({diagnostic.code for diagnostic in ordered})
    rules = [
        {
            "id": code,
            "shortDescription": {"text": TITLES[code]},
            "fullDescription": {"text": f"Error in an environment file: {TITLES[code]}."},
            "help": {"text": f"finbase explain {code}"},
        }
        for code in ids
    ]
    results = [
        {
            "ruleId": error.code,
            "ruleIndex": ids.index(error.code),
            "level": "note" if error.note else "error",
            "message": {"text": "\n".join(filter(None, (error.message, error.hint)))},
            "locations": [_location(folder / error.path, error.line, error.column)],
            "partialFingerprints": _fingerprint(error.code, error.path, error.message),
        }
        for error in ordered
    ]
    return _document([_tool_run("finbase/input/", rules, results)])


def _document(runs: Sequence[Mapping[str, Any]]) -> bytes:
    text = json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": runs}, indent=2)
    return f"{text}\n".encode()


def _tool_run(id_: str, rules: Sequence[Any], results: Sequence[Any]) -> dict[str, Any]:
    driver = {"name": "finbase", "version": metadata.version("finbase"), "rules": rules}
    return {
        "tool": {"driver": driver},
        "automationDetails": {"id": id_},
        "columnKind": "unicodeCodePoints",
        "results": results,
    }


def _run(
    verdict: Verdict, sources: Sources | None, files_url: str, folder: PurePosixPath
) -> dict[str, Any]:
    rows = verdict.by_failure()
    rules = [
        _rule(failure, row, files_url) for failure, row in zip(verdict.failures, rows, strict=True)
    ]
    results = [
        _result(verdict.environment, index, row, sources, folder)
        for index, row in enumerate(rows)
        if row.status != "passed"
    ]
    run = _tool_run(f"finbase/{verdict.environment}/", rules, results)
    if verdict.not_judged:
        run["properties"] = {"notJudged": [_clean(address) for address in verdict.not_judged]}
    return run


def _rule(failure: Failure, row: FailureRow, files_url: str) -> dict[str, Any]:
    rule = {
        "id": failure.id,
        "shortDescription": {"text": failure.title},
        "fullDescription": {"text": f"Required: {failure.requirement}."},
        "help": {"text": "\n".join(_help(failure, row))},
        "defaultConfiguration": {"level": _LEVELS[failure.severity]},
        "properties": {
            "tags": ["security", failure.section, *row.requirements],
            "security-severity": _SCORES[failure.severity],
        },
    }
    if files_url and row.scenarios:
        path, _, line = row.scenarios[0].location.rpartition(":")
        rule["helpUri"] = f"{files_url}/{quote(path)}#L{line}"
    return rule


def _help(failure: Failure, row: FailureRow) -> Iterator[str]:
    yield f"Required: {failure.requirement}."
    if row.requirements:
        yield f"Supports: {', '.join(row.requirements)}."
    yield from (f"{scenario.location}: {scenario.name}" for scenario in row.scenarios)


def _result(
    environment: str, index: int, row: FailureRow, sources: Sources | None, folder: PurePosixPath
) -> dict[str, Any]:
    result: dict[str, Any] = {"ruleId": row.id, "ruleIndex": index}
    if not row.open:
        place = _fallback(row, sources)
        return result | {
            "kind": "notApplicable",
            "level": "none",
            "message": {"text": _clean(row.evidence)},
            "locations": [_location(folder / place.path, place.line)],
        }
    evidence = [s.evidence for s in row.scenarios if s.status == "failed"] or [row.evidence]
    hcl, yaml = sources.behind(evidence) if sources else ([], [])
    places = [Place(excerpt.place.path, excerpt.line) for excerpt in (*hcl, *yaml)]
    first, *others = places or [_fallback(row, sources)]
    outcome = "fails" if row.status == "failed" else "is not shown by this plan"
    title = f"{environment}: control {row.id} {outcome}: {row.title}"
    result |= {
        "level": _LEVELS[row.severity],
        "message": {"text": _clean(f"{title}\n{row.evidence}")},
        "locations": [_location(folder / first.path, first.line)],
        "partialFingerprints": _fingerprint(
            environment, row.id, *sorted(excerpt.title for excerpt in hcl)
        ),
    }
    if others:
        result["relatedLocations"] = [
            {"id": number, **_location(folder / place.path, place.line)}
            for number, place in enumerate(others, 1)
        ]
    return result


def _fallback(row: FailureRow, sources: Sources | None) -> Place:
    """Return the environment file, or the scenario, if the evidence names no resource."""
    if sources:
        return Place(sources.path, 1)
    if row.scenarios:
        path, _, line = row.scenarios[0].location.rpartition(":")
        return Place(PurePosixPath(path), int(line))
    return Place(PurePosixPath("features/failures.yaml"), 1)


def _location(path: PurePosixPath, line: int, column: int = 0) -> dict[str, Any]:
    region = {"startLine": line, **({"startColumn": column} if column else {})}
    artifact = {"uri": quote(str(path)), "uriBaseId": "%SRCROOT%"}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _fingerprint(*parts: str) -> dict[str, str]:
    """Return the identity of a finding, which does not depend on its line."""
    return {"finbase/v1": hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]}


def _clean(text: str) -> str:
    """Replace halves of surrogate pairs, which JSON readers may refuse."""
    return text.encode("utf-8", "replace").decode()
