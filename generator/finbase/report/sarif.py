"""Findings as SARIF 2.1.0, for code scanning: a run for each environment.

The rules of a run are the catalogue. A result is a failure that the plan has, at the line of HCL
that shows it; the other lines of HCL and YAML behind it are related locations. What is wrong with
the input itself, so that there is no plan, is a run of its own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import Any, Final
from urllib.parse import quote

from finbase.contract.registry import Registry
from finbase.environment.load import load_environments
from finbase.environment.rules.index import TITLES
from finbase.errors import Diagnostic
from finbase.judge.catalogue import Failure, Severity
from finbase.judge.verdict import FailureRow, Verdict
from finbase.release.interface import Place
from finbase.report.sources import Excerpt, Sources

__all__ = ["SCHEMA", "hosted_files", "render", "render_refused"]

SCHEMA: Final = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)

_LEVELS: Final[Mapping[Severity, str]] = {"high": "error", "medium": "warning", "low": "note"}
# On the scale of CVSS, by which code scanning sorts: high, medium and low of its own names.
_SCORES: Final[Mapping[Severity, str]] = {"high": "8.0", "medium": "5.5", "low": "3.0"}


def render(root: Path, verdicts: Iterable[Verdict], files: str = "") -> bytes:
    """Return the document for verdicts on environments of the project at ``root``.

    ``files`` is where the project's files can be read, as from ``hosted_files``; empty where that
    is not known. A verdict on something that is no environment has its places in the features.
    """
    registry = Registry(root)
    return _document(
        [_run(verdict, _sources(root, verdict, registry), files) for verdict in verdicts]
    )


def render_refused(diagnostics: Iterable[Diagnostic]) -> bytes:
    """Return the document for environment files that are refused."""
    told = sorted(diagnostics)
    ids = sorted({each.code for each in told})
    rules = [
        {
            "id": each,
            "shortDescription": {"text": TITLES[each]},
            "fullDescription": {"text": f"An environment file: {TITLES[each]}."},
            "help": {"text": f"finbase explain {each}"},
        }
        for each in ids
    ]
    results = [
        {
            "ruleId": each.code,
            "ruleIndex": ids.index(each.code),
            "level": "note" if each.note else "error",
            "message": {"text": "\n".join(filter(None, (each.message, each.hint)))},
            "locations": [_location(each.path, each.line, each.column)],
            "partialFingerprints": _fingerprint(each.code, each.path, each.message),
        }
        for each in told
    ]
    return _document([_tool_run("finbase/input/", rules, results)])


def hosted_files(environ: Mapping[str, str]) -> str:
    """Say where the files of the commit can be read that a CI runs on; empty outside of one."""
    if environ.get("GITHUB_REPOSITORY") and environ.get("GITHUB_SHA"):
        server = environ.get("GITHUB_SERVER_URL", "https://github.com")
        return f"{server}/{environ['GITHUB_REPOSITORY']}/blob/{environ['GITHUB_SHA']}"
    if environ.get("CI_PROJECT_URL") and environ.get("CI_COMMIT_SHA"):
        return f"{environ['CI_PROJECT_URL']}/-/blob/{environ['CI_COMMIT_SHA']}"
    return ""


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


def _sources(root: Path, verdict: Verdict, registry: Registry) -> Sources | None:
    if not (root / "environments" / f"{verdict.environment}.yaml").is_file():
        return None
    return Sources(root, load_environments(root, registry, [verdict.environment])[0])


def _run(verdict: Verdict, sources: Sources | None, files: str) -> dict[str, Any]:
    rows = verdict.by_failure()
    rules = [
        _rule(failure, row, files) for failure, row in zip(verdict.failures, rows, strict=True)
    ]
    results = [
        _result(verdict.environment, index, row, sources)
        for index, row in enumerate(rows)
        if row.status == "failed"
    ]
    return _tool_run(f"finbase/{verdict.environment}/", rules, results)


def _rule(failure: Failure, row: FailureRow, files: str) -> dict[str, Any]:
    rule = {
        "id": failure.id,
        "shortDescription": {"text": failure.title},
        "fullDescription": {"text": f"Required: {failure.requirement}."},
        "help": {"text": "\n".join(_help(failure, row))},
        "defaultConfiguration": {"level": _LEVELS[failure.severity]},
        "properties": {
            "tags": ["security", *row.requirements],
            "security-severity": _SCORES[failure.severity],
        },
    }
    if files and row.scenarios:
        path, _, line = row.scenarios[0].location.rpartition(":")
        rule["helpUri"] = f"{files}/{quote(path)}#L{line}"
    return rule


def _help(failure: Failure, row: FailureRow) -> Iterator[str]:
    yield f"Required: {failure.requirement}."
    if row.requirements:
        yield f"Supports: {', '.join(row.requirements)}."
    yield from (f"{scenario.location}: {scenario.name}" for scenario in row.scenarios)


def _result(
    environment: str, index: int, row: FailureRow, sources: Sources | None
) -> dict[str, Any]:
    seen = [s.evidence for s in row.scenarios if s.status == "failed"] or [row.evidence]
    hcl, yaml = sources.behind(seen) if sources else ([], [])
    first, *others = [*map(_place, hcl), *map(_place, yaml)] or [
        _fallback(environment, row, sources)
    ]
    result = {
        "ruleId": row.id,
        "ruleIndex": index,
        "level": _LEVELS[row.severity],
        "message": {
            "text": _clean(f"{environment}: control {row.id} fails: {row.title}\n{row.evidence}")
        },
        "locations": [_location(str(first.path), first.line)],
        "partialFingerprints": _fingerprint(
            environment, row.id, *sorted(excerpt.title for excerpt in hcl)
        ),
    }
    if others:
        result["relatedLocations"] = [
            {"id": number, **_location(str(place.path), place.line)}
            for number, place in enumerate(others, 1)
        ]
    return result


def _place(excerpt: Excerpt) -> Place:
    """The first line of an excerpt that a finding speaks of, or else where it begins."""
    behind = (line.number for line in excerpt.lines if line.behind)
    return Place(excerpt.place.path, next(behind, excerpt.place.line))


def _fallback(environment: str, row: FailureRow, sources: Sources | None) -> Place:
    """Where there is nothing in the plan to show: the environment's file, or the scenario."""
    if sources:
        return Place(PurePosixPath("environments", f"{environment}.yaml"), 1)
    if row.scenarios:
        path, _, line = row.scenarios[0].location.rpartition(":")
        return Place(PurePosixPath(path), int(line))
    return Place(PurePosixPath("features/failures.yaml"), 1)


def _location(path: str, line: int, column: int = 0) -> dict[str, Any]:
    region = {"startLine": line, **({"startColumn": column} if column else {})}
    artifact = {"uri": quote(path), "uriBaseId": "%SRCROOT%"}
    return {"physicalLocation": {"artifactLocation": artifact, "region": region}}


def _fingerprint(*parts: str) -> dict[str, str]:
    """Tell a finding from others, whatever line it moves to."""
    return {"finbase/v1": hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]}


def _clean(text: str) -> str:
    """A plan may hold half a surrogate pair, which no JSON reader has to accept."""
    return text.encode("utf-8", "replace").decode()
