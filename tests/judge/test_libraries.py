"""Libraries that a stack may load, and what they must not write to the log."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.judge.in_process import messages
from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import design_profile

AUDITED = {
    "pgaudit.log": "ddl,role",
    "pgaudit.log_parameter": "0",
    "log_min_messages": "warning",
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "password_encryption": "scram-sha-256",
    "rds.accepted_password_auth_method": "scram",
    "pgaudit.log_level": "log",
}
SWITCH = "auto_explain.log_parameter_max_length"


def plan(family: str, libraries: Any, **more: str) -> dict[str, Any]:
    """The plan of a parameter group of another stack; libraries of None are known after apply."""
    parameters: dict[str, Any] = AUDITED | {"shared_preload_libraries": libraries} | more
    blocks = [{"name": name, "value": value} for name, value in parameters.items()]
    unknown = [{"value": True} if block["value"] is None else {} for block in blocks]
    group = {
        "address": "aws_db_parameter_group.x",
        "mode": "managed",
        "type": "aws_db_parameter_group",
        "name": "x",
        "expressions": {},
        "values": {"family": family, "parameter": blocks},
    }
    root = {"resources": [group]}
    change = {"actions": ["create"], "after_unknown": {"parameter": unknown}}
    return {
        "configuration": {"root_module": root},
        "planned_values": {"root_module": root},
        "resource_changes": [{**group, "change": change}],
    }


@pytest.mark.parametrize(
    ("family", "libraries", "more", "fine"),
    [
        ("postgres17", "pg_stat_statements,pgaudit", {}, True),
        ("postgres17", "pgaudit,pg_cron", {}, True),
        ("postgres17", "pgaudit,auto_explain", {SWITCH: "0"}, True),
        ("postgres17", "pgaudit,auto_explain", {}, False),
        ("postgres16", "pgaudit, AUTO_EXPLAIN", {}, False),
        ("postgres16", "pgaudit,auto_explain", {SWITCH: "-1"}, False),
        ("postgres17", "pgaudit", {SWITCH: "-1"}, False),
        ("postgres15", "pgaudit,auto_explain", {}, True),
        ("aurora-postgresql17", "pgaudit,auto_explain", {}, False),
        ("aurora-postgresql15", "pgaudit,auto_explain", {}, True),
    ],
)
def test_auto_explain_keeps_values_out_of_the_log(
    family: str, libraries: str, more: dict[str, str], fine: bool
) -> None:
    said = messages(plan(family, libraries, **more), without="nothing").get("B10", "")
    assert (SWITCH in said) is not fine, said


@pytest.mark.parametrize(
    ("parameter", "value", "fine"),
    [
        ("auto_explain.log_min_duration", "0", False),
        ("auto_explain.log_min_duration", "999", False),
        ("auto_explain.log_min_duration", "1000", True),
        ("auto_explain.log_min_duration", "-1", True),
        ("pgaudit.log", "all", False),
        ("pgaudit.log", "ddl,role,read", False),
        ("pgaudit.log", "ddl,role,-misc", False),
        ("pgaudit.log", "ROLE, ddl", True),
    ],
)
def test_texts_of_all_statements_stay_out_of_the_log(
    parameter: str, value: str, fine: bool
) -> None:
    said = messages(plan("postgres17", "pgaudit", **{parameter: value}), without="nothing")
    assert (f"{parameter} =" in said.get("B10", "")) is not fine, said


def test_unknown_libraries_count_as_auto_explain() -> None:
    assert SWITCH in messages(plan("postgres17", None), without="nothing")["B10"]


def test_design_lists_the_libraries_of_the_module() -> None:
    """Each choice of the module's input is a value that F03 accepts, in the module's order."""
    rule = design_profile.design().parameters["shared_preload_libraries"]
    own = "pg_stat_statements,pgaudit"
    added = ("", ",auto_explain", ",pg_cron", ",auto_explain,pg_cron")
    assert {*rule.split(" or ")} == {f"{own}{libraries}" for libraries in added} | {"not set"}
