"""Libraries that a stack may load, and what they must not write to the log."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.judge.in_process import messages
from tests.judge.test_hidden import plan as resources_of
from tests.judge.test_hidden import refer
from tests.support.commands import ROOT

sys.path.append(str(ROOT / "features" / "steps" / "shared"))

import design_profile

from finbase.aws import parameters

AUDITED = {
    "rds.force_ssl": "1",
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
TRACKED = "pg_stat_statements.track_utility"
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


def test_design_refuses_the_parameters_that_the_yaml_refuses() -> None:
    others = design_profile.design().parameters["others"]
    name = r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)?"
    assert others == f"(?!{parameters._GUARDED}){name}"


@pytest.mark.parametrize("name", ["parse", "rewritten", "plan"])
@pytest.mark.parametrize(("value", "fine"), [("1", False), ("on", False), ("0", True)])
def test_trees_of_statements_stay_out_of_the_log(name: str, value: str, fine: bool) -> None:
    parameter = f"debug_print_{name}"
    said = messages(plan("postgres17", "pgaudit", **{parameter: value}), without="nothing")
    assert (f"{parameter} =" in said.get("B10", "")) is not fine, said


@pytest.mark.parametrize(
    ("more", "fine"),
    [({}, True), ({TRACKED: "off"}, True), ({TRACKED: "1"}, False), ({TRACKED: "on"}, False)],
)
def test_passwords_stay_out_of_pg_stat_statements(more: dict[str, str], fine: bool) -> None:
    """Also without the parameter, which older releases of the module do not set."""
    said = messages(plan("postgres17", "pg_stat_statements,pgaudit", **more), without="nothing")
    assert (f"{TRACKED} =" in said.get("B10", "")) is not fine, said


@pytest.mark.parametrize(("value", "fine"), [("0", False), ("1", True)])
def test_group_of_a_cluster_forces_tls(value: str, fine: bool) -> None:
    judged = plan("aurora-postgresql16", "pgaudit", **{"rds.force_ssl": value})
    for part in ("configuration", "planned_values"):
        (group,) = judged[part]["root_module"]["resources"]
        group |= {
            "type": "aws_rds_cluster_parameter_group",
            "address": "aws_rds_cluster_parameter_group.x",
        }
    said = messages(judged, without="nothing").get("B10", "")
    assert ("rds.force_ssl = 0; set it to 1" in said) is not fine, said


def test_group_of_an_instance_of_aurora_may_leave_all_to_its_cluster() -> None:
    judged = plan("aurora-postgresql16", "pgaudit")
    blocks = judged["planned_values"]["root_module"]["resources"][0]["values"]["parameter"]
    blocks[:] = [{"name": "log_statement", "value": "none"}]
    assert "B10" not in messages(judged, without="nothing")
    blocks[0]["value"] = "all"
    assert "log_statement = all; set it to none" in messages(judged, without="nothing")["B10"]


CLUSTER = "aws_rds_cluster__c"
INSTANCE = "aws_db_instance__d"


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({INSTANCE: {"engine": "postgres"}}, "aws_db_instance.d: parameter_group_name is not set"),
        (
            {INSTANCE: {"engine": "postgres", "parameter_group_name": "default.postgres17"}},
            "aws_db_instance.d: parameter_group_name comes from the literal",
        ),
        ({INSTANCE: {"engine": "mysql"}}, ""),
        ({INSTANCE: {"snapshot_identifier": "old"}}, "aws_db_instance.d: parameter_group_name is"),
        (
            {
                INSTANCE: {"engine": "mysql"},
                "aws_db_instance__r": {"replicate_source_db": refer("aws_db_instance.d", "arn")},
            },
            "",
        ),
        (
            {CLUSTER: {"engine": "aurora-postgresql"}},
            "aws_rds_cluster.c: db_cluster_parameter_group_name is not set",
        ),
        ({CLUSTER: {"engine": "aurora-mysql"}}, ""),
        (
            {
                CLUSTER: {
                    "engine": "aurora-postgresql",
                    "db_cluster_parameter_group_name": refer(
                        "aws_rds_cluster_parameter_group.g", "name"
                    ),
                },
                "aws_rds_cluster_parameter_group__g": {"family": "aurora-mysql8.0"},
            },
            "",
        ),
    ],
)
def test_databases_of_postgresql_use_a_group_of_the_stack(
    resources: dict[str, dict[str, Any]], expected: str
) -> None:
    said = messages(resources_of(**resources), without="nothing").get("B10", "")
    assert bool(said) == bool(expected), said
    assert expected in said
