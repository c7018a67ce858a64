"""Find drift in a plan."""

from __future__ import annotations

from finbase.rehearsal.model import Drift
from finbase.rehearsal.run import drifts


def test_drifts_name_arguments_that_differ() -> None:
    change = {
        "actions": ["update"],
        "before": {"a": 1, "b": 2, "c": 3},
        "after": {"a": 1, "b": 4},
        "after_unknown": {"c": True},
    }
    resource = {"mode": "managed", "address": "m.x", "type": "aws_x", "change": change}
    plan = {"resource_changes": [resource]}
    assert drifts(plan, "later") == (Drift("later", "m.x", "change", ("b", "c")),)


def test_drifts_ignore_no_ops_and_data_sources() -> None:
    change = {"actions": ["no-op"]}
    no_op = {"address": "aws_eip.x", "type": "aws_eip", "mode": "managed", "change": change}
    read = {"mode": "data", "change": {"actions": ["read"]}}
    assert drifts({"resource_changes": [no_op, read]}, "later") == ()


def test_drifts_include_outputs() -> None:
    plan = {"output_changes": {"host": {"actions": ["update"]}, "port": {"actions": ["no-op"]}}}
    assert [drift.address for drift in drifts(plan, "later")] == ["output.host"]
