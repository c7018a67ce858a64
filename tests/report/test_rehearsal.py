"""The report of a rehearsal as text and as JSON."""

from __future__ import annotations

from finbase.rehearsal.model import Drift, Rehearsal, Step
from finbase.report.rehearsal import RehearsalReport

STEPS = (
    Step("apply", 61.2, 450, 101, ("a note " * 30,)),
    Step("plan", 2.0, 1, 0, ("1 changes",), ("it drifts " * 30,)),
)


def test_text_wraps_problems() -> None:
    result = Rehearsal("development", STEPS, (), ("aws_kms_key k-1",))
    text = RehearsalReport(result, 90).text()
    assert not result.passed
    assert "FAIL" in text
    assert "it drifts" in text
    assert "aws_kms_key k-1" in text
    assert "rehearsal of development failed: 1 problem, 1:03 minutes, 451 API calls" in text
    assert max(map(len, text.splitlines())) <= 90


def test_document_has_steps_drifts_and_search() -> None:
    drift = Drift("later", "m.x", "change", ("b",))
    result = Rehearsal("development", STEPS[:1], (drift,))
    document = RehearsalReport(result, 80).document()
    assert document["passed"]
    assert document["steps"][0]["calls"] == 450
    assert document["drifts"][0]["arguments"] == ("b",)
    assert document["search"]["matches"] == ()
