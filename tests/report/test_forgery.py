"""No text of a plan can write a line of evidence of its own, in any output."""

from __future__ import annotations

import io
import json
import re
import sys
from pathlib import Path
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from finbase.commands._evidence import read_sources
from finbase.console.speech import echo
from finbase.judge import runner
from finbase.judge import verdict as verdicts
from finbase.plan.effects import Argument
from finbase.plan.refusals import Refusal
from finbase.plan.summary import Step, Summary
from finbase.report import junit, sarif, terminal, verdict_json
from finbase.report.html.findings import Subject
from finbase.report.plan import PlanReport
from tests.support.commands import ROOT, finbase, git
from tests.support.evidence import picture, render, verdict

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import findings

FORGED = "module.database.aws_db_instance.primary: storage_encrypted = true"
ENDS = ["\n", "\r", "\x0b", "\x0c", "\x1c", "\x1d", "\x1e", "\x85", "\u2028", "\u2029"]
TEXTS = st.builds(
    lambda before, end, after: f"{before}{end}{FORGED}{end}{after}",
    st.text(max_size=20),
    st.sampled_from([*ENDS, "\x1b[1A", "\u202e", "]]>", "</li><li>", "`\n```\n", "::error::"]),
    st.text(max_size=20),
)

SOURCES = read_sources(ROOT, ["staging"])


def evidence_of(text: str, *, fine: bool = True) -> str:
    """The evidence that a step attaches for a resource with this description."""
    seen: list[str] = []
    step = SimpleNamespace(embed=seen.append)
    found = [findings.Finding(fine, f"module.cache.aws_x.main: description = {text}")]
    findings._report(step, found, "", "")
    return seen[0]


@given(TEXTS)
@example(f"a\n{FORGED}")
def test_evidence_has_a_line_per_finding(text: str) -> None:
    assert len(evidence_of(text).splitlines()) == 1


def test_no_text_of_a_plan_makes_a_finding_look_like_one_that_is_not_shown() -> None:
    seen: list[str] = []
    step = SimpleNamespace(embed=seen.append)
    for hidden in (True, False):
        text = f"{findings.NOT_SHOWN * (not hidden)}eu-west-1a: no NAT gateway"
        findings._report(step, [findings.Finding(True, text, hidden=hidden)], "", "")
    assert [line.startswith(verdicts.NOT_SHOWN) for line in seen] == [True, False]


@given(TEXTS)
@example(f"a\n{FORGED}")
def test_evidence_of_stock_steps_has_a_line_per_resource(text: str) -> None:
    seen: list[str] = []
    item = {"address": f'module.cache.aws_x.main["{text}"]', "values": text}
    step = SimpleNamespace(embed=seen.append, embeddings=[])
    context = SimpleNamespace(stash=[item], property_name="description")
    runner._attach_seen(SimpleNamespace(all_steps=[step], context=context))
    assert len(seen[0].splitlines()) == 1


@given(TEXTS)
@settings(max_examples=20)
@example(f"a\n{FORGED}")
def test_terminal_starts_no_line_with_a_text_of_the_plan(text: str) -> None:
    shown = terminal.text(
        verdict("staging", ("F01",), evidence_of(text)), colour=False, width=140, verbose=True
    )
    stream = io.StringIO()
    echo(shown, file=stream, color=False)
    assert "\x1b" not in stream.getvalue()
    lines = stream.getvalue().split("\n")
    assert lines == [*stream.getvalue().splitlines(), ""]
    # A continued line is indented by two more columns than a line of evidence.
    assert not [line for line in lines if line.startswith(f"        {FORGED}")]


@given(TEXTS)
@settings(max_examples=20)
@example(f"a\n{FORGED}")
def test_files_for_programs_have_a_line_per_finding(text: str) -> None:
    judged = [verdict("staging", ("F01",), evidence_of(text))]
    cases = ET.fromstring(junit.render(judged)).iter("system-out")
    assert {len((case.text or "").splitlines()) for case in cases} == {1}
    document = json.loads(verdict_json.render(judged))
    (read,) = document["environments"]
    for scenario in read["scenarios"]:
        assert len(scenario["evidence"]) == 1
    run = json.loads(sarif.render(judged, SOURCES, ""))["runs"][0]
    assert {len(r["message"]["text"].splitlines()) for r in run["results"]} == {2}


@given(TEXTS)
@settings(max_examples=20)
@example(f"a\n{FORGED}")
def test_html_has_the_elements_of_a_plain_text(text: str) -> None:
    def tags(value: str) -> list[str]:
        page = render(Subject(verdict("staging", (), evidence_of(value)), picture()))
        return re.findall(r"<[a-z][a-z0-9]*|</[a-z0-9]+", page)

    assert tags(text) == tags("plain")


@given(TEXTS)
@example(f"a\n{FORGED}")
def test_plan_summary_has_a_line_per_value(text: str) -> None:
    def lines(value: str) -> list[str]:
        changed = Argument(f"tags.{value}", f'"{value}"', f'"{value}"')
        step = Step(f'aws_x.y["{value}"]', "", "change", (), access=(changed,))
        refusal = Refusal("PROVISIONER", step.address, "runs a program", "remove it")
        return PlanReport("staging", Summary((step,), (refusal,))).text().splitlines()

    for plain, hostile in zip(lines("a key"), lines(text), strict=True):
        # Everything from the plan is in code, which Markdown shows unchanged.
        parts = [re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", line) for line in (plain, hostile)]
        assert parts[0] == parts[1]


@given(
    TEXTS,
    st.sampled_from(["::error::", "\t::stop-commands::x", "##[error]", "##vso[task.complete]"]),
)
@settings(max_examples=20)
def test_terminal_has_no_command_of_a_runner(text: str, command: str) -> None:
    attack = f"{text}\n{command}\n{command}{text} {command}"
    shown = terminal.text(
        verdict("staging", ("F01",), evidence_of(attack)), colour=False, width=140, verbose=True
    )
    stream = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GITHUB_ACTIONS", "true")
        echo(f"{shown}\n{attack}", file=stream, color=False)
    # A runner obeys `::` at the start of a line, and `##[` anywhere.
    assert not re.search(r"^\s*::|##\[|##vso\[", stream.getvalue(), re.MULTILINE)


NAME = "x\ndevelopment: 35 of 35 controls pass\n"


@pytest.mark.parametrize(
    ("path", "commands"),
    [
        ("environments/staging/{}.tf", ["render --check", "plan staging", "affected --since HEAD"]),
        ("environments/staging/{}/terraform.tfstate", ["render --check", "plan staging"]),
        ("environments/{}.yaml", ["render --check", "affected --since HEAD"]),
        ("modules/{}/1.0.0/main.tf", ["render --check"]),
        ("modules/kms/1.0.0/{}.json", ["render --check", "release verify --since HEAD"]),
        ("templates/stack/{}.tf.j2", ["render --check"]),
        ("features/{}.feature", ["explain F01"]),
    ],
)
def test_names_of_files_start_no_line(committed: Path, path: str, commands: list[str]) -> None:
    file = committed / path.format(NAME)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("{}\n")
    git(committed, "add", "--force", "--all")
    shown = []
    for command in commands:
        output = finbase(committed, *command.split()).output
        shown.append("35 of 35" in output)
        lines = output.splitlines()
        assert not [line for line in lines if line.strip().startswith("development:")], command
    assert any(shown)
