"""Run ``features/`` on a plan with terraform-compliance and read the verdict.

Each plan gets a process and a scratch folder of its own: terraform-compliance rewrites plan
files, keeps state between runs, and leaves a cache behind. It runs a copy of the features, which
nobody edits during the run and which holds no compiled steps but those that finbase compiled.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

from finbase.errors import ComplianceError
from finbase.judge import anchor
from finbase.judge import runner as compliance_runner
from finbase.judge.catalogue import OWN, load_failures
from finbase.judge.coverage import named
from finbase.judge.cucumber import read_cucumber
from finbase.judge.features import (
    add_compiled,
    copy_features,
    copy_profiles,
    copy_sources,
    refuse_empty_outlines,
    sentences,
    unreadable,
)
from finbase.judge.ready import OPTIONS, Runs
from finbase.judge.verdict import Verdict
from finbase.plan.document import read_plan
from finbase.plan.kinds import is_rendered, leaves_out, managed_addresses
from finbase.plan.parse import MOST_BYTES
from finbase.system import supervise
from finbase.system.child_environ import python_environ
from finbase.system.memory import hidden
from finbase.system.processes import Finished, Processes, ProcessesClosedError
from finbase.system.progress import ignore

_SECONDS = 600.0
_UNJUDGED = "fix the step or feature in the message; --verbose shows the command"
_NO_STEP = (
    "the message names no step or feature; `finbase doctor` checks terraform-compliance, and "
    "--verbose shows the command"
)
_NOTHING = "nothing to judge: the plan has no resource that a control applies to"
_APPLICABLE = "`finbase check --plan` judges networks, databases, secrets, caches and their keys"
_UNKNOWN = re.compile(r"Cannot find step definition for step '(.+?)' in ([^'\"]+:\d+)['\"]")
_IMPORT = re.compile(r"Unable to import module '[^']+' from '([^']+)': (.+)")
_EXIT = re.compile(r"\b(?:_?exit|quit|abort|kill)\(")
_SYNTAX = "You have a SyntaxError in your feature file"
_ERROR = re.compile(r"^\W*(?:FATAL ERROR|ERROR|Error): *(.+)$", re.MULTILINE)


class _NoVerdictError(ComplianceError):
    """terraform-compliance ran, and returned no verdict."""


class OneLinePlan(NamedTuple):
    """A plan that was read: its text on one line, its content, and the SHA-256 of its file."""

    text: bytes
    content: dict[str, Any]
    digest: str = ""


def run(
    plan: Path | bytes | OneLinePlan,
    features: Path,
    *,
    environment: str = "plan",
    rendered: bool = False,
    stack: Path | None = None,
    processes: Runs | None = None,
    copied: Callable[[Path], object] = ignore,
    whole: bool = False,
) -> Verdict:
    """Return the verdict of the scenarios on a plan: JSON, its path, or a plan that was read.

    ``features`` holds the feature files, ``failures.yaml`` and perhaps ``steps``. ``processes``
    lets the caller stop the run from another thread; ``Ready`` is faster for many plans.
    ``rendered`` says that the plan is of an environment of the project; otherwise the sources of
    its modules show whether finbase rendered its stack. ``stack`` is the folder that was planned,
    if its HCL is available; then steps judge what a plan lacks, such as ``lifecycle``. ``copied``
    is called with the copy of the features before they run. Files that a project adds never decide
    about the released controls, which the released features judge alone. If those files have no
    verdict, their controls fail; with ``whole``, this raises the error instead.

    Raises ``ComplianceError`` if there is no verdict: an incomplete plan, no scenarios, an unknown
    step, a crash, a feature that is not a file, or a plan to which no control applies.
    """
    read = plan if isinstance(plan, OneLinePlan) else read_on_one_line(plan)
    features = features.resolve()

    def judge(folder: Path, copied: Callable[[Path], object]) -> Verdict:
        project = features.parent
        return _run(read, folder, project, environment, rendered, stack, processes, copied)

    added = anchor.added_beside_released(features)
    # Added steps run in the same process as all others, and could change these. The released ones
    # judge first, before a step of the project could change an installed package.
    floor = judge(anchor.released_features(), anchor.remove_own) if added else None
    try:
        verdict = judge(features, copied)
    except _NoVerdictError as error:
        if floor is None or whole:
            raise
        why = f"{error.message}; {error.hint}".replace(f"{features.parent}/", "")
        return anchor.with_broken_additions(floor, load_failures(features), why)
    return anchor.with_additions(floor, verdict, added) if floor else verdict


def _run(
    plan: OneLinePlan,
    features: Path,
    project: Path,
    environment: str,
    rendered: bool,
    stack: Path | None,
    processes: Runs | None,
    copied: Callable[[Path], object],
) -> Verdict:
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch:
        copy = Path(scratch).resolve() / features.name
        try:
            if features.is_dir():
                copy_features(features, copy)
                copy_profiles(project, copy.parent)
                copied(copy)
                add_compiled(copy)
            folder = copy_sources(stack.resolve(), copy.parent) if stack else copy.parent
            return _judge(plan, copy, folder, environment, processes, rendered)
        except ComplianceError as error:
            # The copy is deleted before anybody reads the message.
            message = error.message.replace(str(copy), str(features))
            raise type(error)(message, error.hint) from error


def _judge(
    plan: OneLinePlan,
    features: Path,
    folder: Path,
    environment: str,
    processes: Runs | None,
    rendered: bool,
) -> Verdict:
    failures = load_failures(features)
    if not any(features.rglob("*.feature")):
        raise ComplianceError(
            f"{features} contains no feature files",
            "restore the features of the project: git checkout HEAD -- features",
        )
    refuse_empty_outlines(features)
    report = features.with_name("cucumber.json")
    # The caller may use its processes for the next plan, so do not close them.
    with nullcontext(processes) if processes else Processes() as owner:
        finished = _start(plan.text, features, folder, report, owner)
    document = _document(report, finished, features)
    content = plan.content
    rendered = rendered or is_rendered(content)
    types = {change["type"] for change in content.get("resource_changes", ())}
    scenarios = read_cucumber(
        document,
        features,
        failures,
        rendered=rendered,
        leaves_out=partial(leaves_out, content),
        types=types,
    )
    if scenarios and all(scenario.status == "skipped" for scenario in scenarios):
        raise ComplianceError(_NOTHING, _APPLICABLE)
    evidence = "\n".join(s.evidence for s in scenarios if s.status != "skipped")
    addresses = () if rendered else managed_addresses(content)
    judged = named(evidence, addresses)
    not_judged = tuple(address for address in addresses if address not in judged)
    return Verdict(environment, scenarios, failures, not_judged=not_judged)


def _start(plan: bytes, features: Path, folder: Path, report: Path, processes: Runs) -> Finished:
    copy = folder / "plan.json"
    copy.write_bytes(plan)
    steps = (features / "steps", features / OWN / "steps")
    command = [
        *(sys.executable, "-I", "-S", supervise.__file__),
        *(sys.executable, *OPTIONS, compliance_runner.__file__),
        *("-f", str(features), "-p", str(copy), "--no-ansi", f"--cucumber-json={report}"),
        *(option for folder in steps if folder.is_dir() for option in ("-b", str(folder))),
    ]
    # Steps are code of the project: anybody who opens a pull request can change them.
    environ = python_environ(report.parent) | {
        "TMPDIR": str(report.parent),
        "PYTHONPATH": os.pathsep.join(map(os.path.abspath, filter(None, sys.path))),
    }
    try:
        with hidden():
            return processes.run(command, cwd=report.parent, environ=environ, seconds=_SECONDS)
    except (OSError, TimeoutError, ProcessesClosedError) as error:
        raise ComplianceError(
            f"terraform-compliance could not run: {error}",
            "`finbase doctor` shows whether it is installed",
        ) from error


def _document(report: Path, finished: Finished, features: Path) -> list[dict[str, Any]]:
    try:
        document: list[dict[str, Any]] = json.loads(report.read_bytes())
    except (OSError, ValueError) as error:
        raise _no_verdict(finished, features) from error
    states = [
        step["result"]["status"]
        for feature in document
        for element in feature["elements"]
        for step in element["steps"]
    ]
    if _NOTHING in finished.output and "failed" not in states:
        return document
    # A crash leaves a report, too, in which the remaining steps are "pending".
    if finished.code != ("failed" in states) or "pending" in states:
        raise _no_verdict(finished, features, stopped="pending" in states)
    return document


def _fix(message: str, features: Path) -> str:
    """Return the hint for a message: only one that names a file of the features blames it."""
    named = re.search(
        rf"{re.escape(str(features))}[^\s'\"]*\.(py|feature)\b|in your feature file", message
    )
    return _UNJUDGED if named else _NO_STEP


def _no_verdict(finished: Finished, features: Path, stopped: bool = False) -> _NoVerdictError:
    """Return the error, which names what has to be corrected as exactly as the output does."""
    if unknown := _UNKNOWN.search(finished.output):
        sentence, place = unknown[1].replace("\\'", "'"), unknown[2]
        closest = get_close_matches(sentence, sentences(features), 1, 0.5)
        did = f"did you mean `{closest[0]}`? Else " if closest else ""
        return _NoVerdictError(
            f"{place}: no step has the sentence `{sentence}`",
            f"{did}use a sentence of features/*.feature, or add a step for it with @check",
        )
    if broken := _IMPORT.search(finished.output):
        return _NoVerdictError(f"{broken[1]} cannot be imported: {broken[2]}", _UNJUDGED)
    if fault := unreadable(features) if _SYNTAX in finished.output else "":
        return _NoVerdictError(fault, _UNJUDGED)
    steps = sorted((features / OWN / "steps").rglob("*.py"))
    if finished.code == 0 and steps:
        return _NoVerdictError(_ended(steps), "let a step yield findings, and end nothing")
    errors = _ERROR.findall(finished.output)
    lines = errors[:1] or finished.output.splitlines()[-15:] or ["it printed nothing"]
    message = "\n    ".join(
        [f"terraform-compliance returned no verdict (exit code {finished.code}):", *lines]
    )
    return _NoVerdictError(message, _UNJUDGED if stopped else _fix(message, features))


def _ended(steps: Sequence[Path]) -> str:
    """Say which of the project's own steps ended the process, which left no report."""
    for path in steps:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for number, line in enumerate(lines, 1):
            if _EXIT.search(line):
                return f"{path}:{number}: the step ended the process before there was a verdict"
    names = ", ".join(map(str, steps))
    return f"{names}: a step ended the process before there was a verdict"


def read_on_one_line(plan_json: Path | bytes) -> OneLinePlan:
    """Read a plan, on one line: of several lines, terraform-compliance reads only the second.

    Raises ``ComplianceError`` for a file that cannot be read or is not a complete plan.
    """
    if isinstance(plan_json, bytes):
        return _on_one_line(read_plan(plan_json, "the plan"))
    try:
        with plan_json.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        message = f"{plan_json} cannot be read: {error.strerror}"
        raise ComplianceError(
            message, "use a file that `terraform show -json` has written"
        ) from error
    content = read_plan(data, str(plan_json))
    return _on_one_line(content)._replace(digest=hashlib.sha256(data).hexdigest())


def _on_one_line(content: dict[str, Any]) -> OneLinePlan:
    return OneLinePlan(json.dumps(content).encode(), content)
