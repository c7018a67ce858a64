"""What a plan does not show is said to be not shown, never to be missing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fuzz.fast_judge import Judge
from tests.judge.in_process import messages

FUNCTION = "aws_lambda_function.f"
KEY = "aws_kms_key.k"
ROLE = "aws_iam_role.r"
ROTATION = "aws_secretsmanager_secret_rotation.r"
SECRET = "aws_secretsmanager_secret.connection"
TEXT = "terraform_data.text"


def refer(address: str, attribute: str = "id") -> dict[str, list[str]]:
    return {"references": [f"{address}.{attribute}", address]}


def literal(value: Any) -> dict[str, Any]:
    return {"constant_value": value}


def plan(**resources: dict[str, Any]) -> dict[str, Any]:
    """Return a plan of resources, each with its arguments by address (``type__name``).

    An argument is an expression, whose value is known only after apply, or a literal.
    """
    configured: list[dict[str, Any]] = []
    planned: list[dict[str, Any]] = []
    changes: list[dict[str, Any]] = []
    for name, arguments in resources.items():
        type_, _, label = name.partition("__")
        one = {"address": f"{type_}.{label}", "mode": "managed", "type": type_, "name": label}
        written = {k: v if isinstance(v, dict) else literal(v) for k, v in arguments.items()}
        configured.append(one | {"expressions": written})
        values = {k: v for k, v in arguments.items() if not isinstance(v, dict)}
        planned.append(one | {"values": values})
        unknown = {"id": True, "arn": True, "output": True}
        unknown |= {k: True for k, v in arguments.items() if isinstance(v, dict)}
        changes.append(one | {"change": {"actions": ["create"], "after_unknown": unknown}})
    return {
        "configuration": {"root_module": {"resources": configured}},
        "planned_values": {"root_module": {"resources": planned}},
        "resource_changes": changes,
    }


HIDDEN = refer(TEXT, "output")
LOCAL = {"references": ["local.hidden"]}
NETWORK: dict[str, Any] = {
    "aws_subnet__public": {"availability_zone": HIDDEN},
    "aws_subnet__private": {"availability_zone": HIDDEN},
    "aws_eip__e": {"domain": "vpc"},
    "aws_nat_gateway__n": {
        "subnet_id": refer("aws_subnet.public"),
        "allocation_id": refer("aws_eip.e"),
    },
    "aws_route_table__p": {},
    "aws_route__p": {
        "route_table_id": refer("aws_route_table.p"),
        "destination_cidr_block": "0.0.0.0/0",
        "nat_gateway_id": refer("aws_nat_gateway.n"),
    },
    "aws_route_table_association__p": {
        "subnet_id": refer("aws_subnet.private"),
        "route_table_id": refer("aws_route_table.p"),
    },
}
RULE = "aws_vpc_security_group_ingress_rule"
GROUPS: dict[str, Any] = {"aws_security_group__db": {}, "aws_security_group__app": {}}
PORTS = {"ip_protocol": "tcp", "from_port": 5432, "to_port": 5432, "description": "x"}
ROTATED: dict[str, Any] = {
    "aws_secretsmanager_secret__connection": {},
    "aws_iam_role__r": {"assume_role_policy": HIDDEN},
    "aws_lambda_function__f": {"function_name": "f", "role": refer(ROLE, "arn")},
    "aws_secretsmanager_secret_rotation__r": {
        "secret_id": refer(SECRET),
        "rotation_lambda_arn": refer(FUNCTION, "arn"),
    },
}
CLUSTER = {"engine": "aurora-postgresql", "storage_encrypted": True, "kms_key_id": refer(KEY)}
PARAMETERS: dict[str, Any] = plan(aws_db_parameter_group__g={"family": "postgres17"})
PARAMETERS["planned_values"]["root_module"]["resources"][0]["values"]["parameter"] = [
    {"value": "pgaudit"},
    {"name": "log_statement", "value": "all"},
]


LOGGED: dict[str, Any] = plan(
    aws_db_parameter_group__g={"family": "postgres17", "parameter": [{"name": "log_connections"}]},
    aws_db_instance__d={
        "parameter_group_name": refer("aws_db_parameter_group.g", "name"),
        "enabled_cloudwatch_logs_exports": ["postgresql", None],
    },
)
LOGGED["resource_changes"][0]["change"]["after_unknown"]["parameter"] = [{"value": True}]
LOGGED["resource_changes"][1]["change"]["after_unknown"] |= {
    "enabled_cloudwatch_logs_exports": [False, True]
}


@pytest.mark.parametrize(
    ("id_", "judged", "expected", "missing"),
    [
        (
            "F01",
            plan(**NETWORK),
            "does not show the zone of aws_subnet.private; set",
            "no NAT gateway",
        ),
        (
            "F10",
            plan(**NETWORK),
            "show the zone of aws_subnet.private and aws_subnet.public; set",
            "use the NAT gateway",
        ),
        (
            "F10",
            plan(
                **NETWORK
                | {
                    "aws_route__p": {
                        "route_table_id": refer("aws_route_table.p"),
                        "destination_cidr_block": HIDDEN,
                    }
                }
            ),
            "aws_route_table.p: this plan does not show the destination of aws_route.p",
            "has 0 routes",
        ),
        (
            "B02",
            plan(
                **NETWORK
                | {
                    "aws_db_subnet_group__g": {"subnet_ids": refer("aws_subnet.private")},
                    "aws_route__p": {
                        "route_table_id": LOCAL,
                        "destination_cidr_block": "0.0.0.0/0",
                        "nat_gateway_id": refer("aws_nat_gateway.n"),
                    },
                }
            ),
            "aws_route_table.p: this plan does not show whether aws_route.p, to aws_nat_gateway.n",
            "remove the route",
        ),
        (
            "B08",
            plan(aws_kms_key__k={"policy": LOCAL}),
            "aws_kms_key.k: this plan does not show its policy",
            "the plan has no",
        ),
        (
            "F02",
            plan(**GROUPS, **{f"{RULE}__r": PORTS | {"security_group_id": LOCAL}}),
            f"{RULE}.r: security_group_id comes from local.hidden: this plan does not show which",
            "0 separate rules",
        ),
        (
            "F02",
            plan(**{f"{RULE}__r": {"description": HIDDEN}}),
            "this plan does not show its description; write a literal or a variable",
            "no description",
        ),
        (
            "F02",
            plan(
                **GROUPS,
                **{
                    f"{RULE}__r": PORTS
                    | {
                        "security_group_id": refer("aws_security_group.db"),
                        "referenced_security_group_id": LOCAL,
                    },
                    "aws_vpc_security_group_egress_rule__r": PORTS
                    | {
                        "security_group_id": refer("aws_security_group.app"),
                        "referenced_security_group_id": refer("aws_security_group.db"),
                    },
                },
            ),
            f"egress_rule.r: this plan does not show whether {RULE}.r matches it",
            "no matching",
        ),
        (
            "F06d",
            plan(**ROTATED, aws_lambda_permission__p={"function_name": LOCAL}),
            f"function_name comes from local.hidden, which may or may not be {FUNCTION}",
            "nobody may call",
        ),
        (
            "F06d",
            plan(
                **ROTATED | {"aws_secretsmanager_secret_rotation__r": {"secret_id": LOCAL}},
            ),
            f"secret_id comes from local.hidden, which may or may not be {SECRET}",
            "0 rotations",
        ),
        (
            "F06d",
            plan(**ROTATED),
            f"{ROLE}, whose assume_role_policy is not shown by this plan",
            "assumed by nobody",
        ),
        (
            "B01",
            plan(aws_db_instance__d={"storage_encrypted": HIDDEN}),
            "aws_db_instance.d: storage_encrypted is not shown by this plan; set it to true",
            "storage_encrypted is not set",
        ),
        (
            "F03",
            LOGGED,
            "log_connections = not shown by this plan in aws_db_parameter_group.g; set it to 1",
            "log_connections = not set",
        ),
        (
            "F04d",
            LOGGED,
            "exports postgresql and not shown by this plan; enabled_cloudwatch_logs_exports must",
            "not set",
        ),
        (
            "B02",
            plan(aws_subnet__private={"map_public_ip_on_launch": HIDDEN}),
            "must be false or unset; this plan does not show map_public_ip_on_launch",
            "is true",
        ),
        (
            "B06",
            plan(
                aws_rds_cluster__c=CLUSTER,
                aws_rds_cluster_instance__a={"cluster_identifier": LOCAL},
                aws_rds_cluster_instance__b={"cluster_identifier": LOCAL},
            ),
            "whether aws_rds_cluster_instance.a and aws_rds_cluster_instance.b belong to it",
            "0 instances",
        ),
        (
            "B06",
            plan(
                aws_rds_cluster__c=CLUSTER | {"cluster_identifier": "c"},
                aws_rds_cluster_instance__a={"cluster_identifier": "c"},
            ),
            "does not show whether aws_rds_cluster_instance.a belong",
            "0 instances",
        ),
        (
            "B07",
            plan(
                aws_lambda_function__f={"function_name": "f"},
                aws_cloudwatch_log_group__l={"name": refer(FUNCTION)},
            ),
            "does not show whether aws_cloudwatch_log_group.l has the name /aws/lambda/f",
            "is named",
        ),
        (
            "B10",
            PARAMETERS,
            "its parameters are not all shown by this plan; write their names",
            "= not set",
        ),
        ("B10", PARAMETERS, "log_statement = all; set it to none", "= not set"),
    ],
)
def test_hidden_is_not_called_missing(
    id_: str, judged: dict[str, Any], expected: str, missing: str
) -> None:
    text = messages(judged, without="no-file")[id_]
    assert expected in text
    assert missing not in text


def test_missing_is_called_missing() -> None:
    """The words for what is hidden hide nothing that the plan shows to be missing."""
    judged = plan(
        **GROUPS,
        **ROTATED,
        **{f"{RULE}__r": {"security_group_id": refer("aws_security_group.db")}},
        aws_db_instance__d={"engine": "postgres"},
        aws_rds_cluster__c=CLUSTER,
        aws_cloudwatch_log_group__l={"name": "/aws/lambda/other"},
        aws_db_parameter_group__g={"family": "postgres17"},
    )
    texts = messages(judged, without="no-file")
    assert "aws_security_group.app: 0 separate rules" in texts["F02"]
    assert f"{RULE}.r: no description; say what the flow is for" in texts["F02"]
    assert f"{FUNCTION}: nobody may call it" in texts["F06d"]
    assert "aws_db_instance.d: storage_encrypted is not set; set it to true" in texts["B01"]
    assert "aws_rds_cluster.c: 0 instances" in texts["B06"]
    assert "no aws_cloudwatch_log_group is named /aws/lambda/f; create one" in texts["B07"]
    assert "shared_preload_libraries = not set; it must list pgaudit" in texts["B10"]
    assert "password_encryption = not set; set it to scram-sha-256" in texts["B10"]


@pytest.mark.parametrize(
    ("resources", "expected"),
    [
        ({}, {"the plan has no connection secret (aws_secretsmanager_secret.connection)"}),
        (
            {"aws_secretsmanager_secret__connection": {}},
            {
                "the plan has no version (aws_secretsmanager_secret_version) of the connection "
                "secret",
                "the plan has no public part (terraform_data.connection) of the connection secret",
            },
        ),
    ],
)
def test_reason_names_the_missing_part(
    resources: dict[str, dict[str, Any]], expected: set[str]
) -> None:
    judge = Judge()
    judge.messages(plan(**resources), ("features/secret.feature:9", "features/secret.feature:14"))
    assert {text.removeprefix("not applicable, because ") for text in judge.evidence} == expected


# The baseline looks for databases: a cluster is one, too.
@pytest.mark.parametrize("place", ["database.feature:21", "baseline_storage.feature:58"])
def test_instance_with_a_hidden_source_may_be_a_primary(place: str) -> None:
    judge = Judge()
    hidden = plan(aws_db_instance__d={"replicate_source_db": LOCAL})
    judge.messages(hidden, (f"features/{place}",))
    assert judge.evidence
    for text in judge.evidence:
        assert "does not show whether aws_db_instance.d has a source, as a replica has" in text


def inline_route(target: str, to: str) -> dict[str, Any]:
    """The plan of a subnet group whose subnet has a table with one inline route."""
    judged = plan(
        aws_subnet__s={},
        aws_db_subnet_group__g={"subnet_ids": refer("aws_subnet.s")},
        aws_route_table__t={"route": refer(target)},
        **{f"{target.replace('.', '__')}": {}},
        aws_route_table_association__a={
            "subnet_id": refer("aws_subnet.s"),
            "route_table_id": refer("aws_route_table.t"),
        },
    )
    (table,) = (r for r in judged["resource_changes"] if r["address"] == "aws_route_table.t")
    table["change"]["after_unknown"]["route"] = [{"gateway_id": True}]
    (table,) = (
        r
        for r in judged["planned_values"]["root_module"]["resources"]
        if r["address"] == "aws_route_table.t"
    )
    table["values"]["route"] = [{"cidr_block": to, "nat_gateway_id": ""}]
    return judged


def test_inline_route_says_where_it_leads() -> None:
    text = messages(inline_route("aws_internet_gateway.i", "0.0.0.0/0"), without="no-file")["B02"]
    assert "aws_route_table.t to 0.0.0.0/0 through aws_internet_gateway.i" in text
    assert "not shown" not in text
    assert "B02" not in messages(
        inline_route("aws_vpn_gateway.i", "10.9.0.0/16"), without="no-file"
    )


@pytest.mark.parametrize(
    ("user", "expected"),
    [
        ({"no_password_required": True, "authentication_mode": LOCAL}, "no password required"),
        ({"access_string": "on nopass ~* +@all"}, "no password required"),
        ({"authentication_mode": LOCAL}, "not shown by this plan"),
        ({}, "no authentication"),
    ],
)
def test_user_of_a_cache_without_a_login(user: dict[str, Any], expected: str) -> None:
    text = messages(plan(aws_elasticache_user__d=user), without="no-file")["B09"]
    assert text == f'aws_elasticache_user.d: {expected}; set authentication_mode {{ type = "iam" }}'


def test_preferred_tls_is_named() -> None:
    group = {
        "transit_encryption_enabled": True,
        "transit_encryption_mode": "preferred",
        "auth_token": LOCAL,
    }
    text = messages(plan(aws_elasticache_replication_group__r=group), without="no-file")["B09"]
    assert "transit_encryption_mode = preferred, which lets clients in without TLS" in text


def policy(*principals: str) -> str:
    """A policy that lets each of the principals administer a key."""
    return json.dumps(
        {
            "Statement": [
                {"Effect": "Allow", "Principal": {"AWS": p}, "Action": "kms:*", "Resource": "*"}
                for p in principals
            ]
        }
    )


OWN, OTHER = (f"arn:aws:iam::{number * 12}:root" for number in "12")
KEY_POLICY: dict[str, Any] = {
    "aws_kms_key__k": {"enable_key_rotation": True},
    "aws_kms_key_policy__p": {"key_id": refer(KEY, "key_id"), "policy": policy(OWN)},
}


def test_own_account_is_also_that_of_a_separate_policy() -> None:
    assert "B08" not in messages(plan(**KEY_POLICY), without="no-file")
    two = KEY_POLICY | {"aws_kms_key_policy__q": {"policy": policy(OWN, OTHER)}}
    text = messages(plan(**two), without="no-file")["B08"]
    assert f"aws_kms_key_policy.q: {OTHER} may administer the key" in text
    assert f"{OWN} may administer" not in text


def test_first_account_of_a_policy_is_the_own_one_in_a_tie() -> None:
    text = messages(plan(aws_kms_key__k={"policy": policy(OWN, OTHER)}), without="no-file")["B08"]
    assert f"{KEY}: {OTHER} may administer the key; allow only the own account's root" in text


def test_unknown_own_account_is_said() -> None:
    hidden = plan(aws_kms_key__k={"enable_key_rotation": True, "policy": policy("someone")})
    text = messages(hidden, without="no-file")["B08"]
    assert "by its number: no policy of a key shows which account that is" in text
