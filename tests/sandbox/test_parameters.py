"""The local AWS knows the parameters of RDS for PostgreSQL, and what the project adds to AWS."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from finbase.aws.catalogue import FILE, AwsCatalogue
from finbase.aws.parameters import is_static, is_type
from finbase.sandbox.postgres.find import find_postgres
from finbase.sandbox.refusals.rule import Request, Rule
from tests.support.commands import ROOT

KINDS = {"BOOLEAN": "bool", "INTEGER": "integer", "REAL": "real", "ENUM": "enum"}
EXCEPTIONS = {
    "log_connections",  # A list of words since 18.
    "default_transaction_isolation",  # Its words have spaces.
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "ssl",  # RDS: "Static".
}


def described() -> dict[str, list[str]]:
    """Return the rows of ``postgres --describe-config``: name, context, group, type, …, limits."""
    command = [str(find_postgres() / "postgres"), "--describe-config"]
    text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return {row.split("\t")[0].lower(): row.split("\t") for row in text.splitlines()}


@pytest.fixture
def others() -> Mapping[str, Any]:
    from finbase.sandbox.refusals import rds_parameters  # It imports moto's models.

    return rds_parameters.other_types()


def test_types_are_those_of_postgresql(others: Mapping[str, Any]) -> None:
    rows = described()
    types = {**others, **AwsCatalogue().parameters()}
    compared = rows.keys() & types.keys() - EXCEPTIONS
    assert len(compared) > 200
    for name in compared:
        _, context, _, kind, _, *limits = rows[name][:7]
        written = types[name]
        assert is_static(written) == (context == "postmaster"), name
        assert written[0] in (KINDS.get(kind, "text"), "set"), name
        if written[0] in ("integer", "real"):
            least, most = (min(float(limit), 1e308) for limit in limits)
            assert [*map(float, written[1:3])] == [least, most], name


def test_each_parameter_has_one_valid_type(others: Mapping[str, Any]) -> None:
    assert not others.keys() & AwsCatalogue().parameters().keys()
    for name, kind in others.items():
        assert kind[0] in ("text", "set", "enum") or is_type(kind), name


def test_module_sets_no_parameter_that_is_refused(others: Mapping[str, Any]) -> None:
    newest = max(
        (ROOT / "modules" / "database").glob("[0-9]*"),
        key=lambda folder: [int(part) for part in folder.name.split(".")],
    )
    text = (newest / "parameters.tf").read_text(encoding="utf-8")
    names = set(re.findall(r'name +(?:= "|in {")([a-z_.]+)"', text))
    assert {"rds.force_ssl", "log_statement", "pgaudit.log", "shared_preload_libraries"} <= names
    assert names <= others.keys() | AwsCatalogue().parameters().keys()


@pytest.mark.parametrize(
    ("rule", "params"),
    [
        ("rds-unknown-class", {"Engine": "postgres", "DBInstanceClass": "db.r9g.large"}),
        ("rds-unknown-version", {"Engine": "postgres", "EngineVersion": "19"}),
        ("rds-unknown-family", {"DBParameterGroupFamily": "postgres19"}),
        ("elasticache-unknown-version", {"Engine": "valkey", "MajorEngineVersion": "9"}),
        ("ec2-unknown-service", {"ServiceName": "com.amazonaws.eu-west-1.new"}),
    ],
)
def test_project_adds_to_what_aws_offers(
    tmp_path: Path, rules: Mapping[str, Rule], rule: str, params: dict[str, Any]
) -> None:
    (tmp_path / FILE).write_text(
        "instance_classes: {db.r9g: large}\n"
        "engine_versions: {postgres: '19', valkey: '9'}\n"
        "endpoints: [new]\n"
    )
    operation = ("rds", "CreateDBInstance", params, "777788889999", "eu-west-1")
    assert rules[rule].check(Request(*operation))
    assert rules[rule].check(Request(*operation, AwsCatalogue(tmp_path))) is None
