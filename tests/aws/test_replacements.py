"""Each argument of ``replacements.yaml`` replaces its resource, says the real provider.

One plan, from a state that holds a resource for each argument: only that argument is changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from finbase.aws.replacements import replacements
from finbase.terraform.workspace import Workspace

ARN = "arn:aws:{}:eu-west-1:111122223333:{}"
KEYS = [ARN.format("kms", f"key/{n}1111111-1111-1111-1111-111111111111") for n in (1, 2)]
SECRETS = [ARN.format("secretsmanager", f"secret:{name}-abcdef") for name in "ab"]
ROLES = [f"arn:aws:iam::111122223333:role/{name}" for name in "ab"]

SETTINGS = """
terraform {
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "5.100.0"
    }
  }
}

provider "aws" {
  region = "eu-west-1"
}
"""

Values = Mapping[str, Any]


@dataclass(frozen=True)
class Tried:
    """A resource as it is, and other values of its arguments, each tried alone.

    ``state`` is what the state has beside the arguments. ``without`` names arguments that
    cannot stand beside another one. ``schema`` is the version of the state.
    """

    id: str
    arguments: Values
    replacing: Values
    harmless: Values
    state: Values = field(default_factory=dict)
    without: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    beside: Mapping[str, Values] = field(default_factory=dict)
    only_configured: tuple[str, ...] = ()
    schema: int = 0
    tags: bool = True


TRIED = {
    "aws_db_instance": Tried(
        id="db-A",
        schema=2,
        arguments={
            "identifier": "a",
            "engine": "postgres",
            "engine_version": "17",
            "instance_class": "db.r7g.large",
            "db_name": "x",
            "username": "u",
            "password": "pppppppp",
            "allocated_storage": 20,
            "storage_encrypted": True,
            "kms_key_id": KEYS[0],
            "db_subnet_group_name": "g",
            "availability_zone": "eu-west-1a",
            "skip_final_snapshot": True,
            "port": 5432,
            "storage_type": "gp3",
            "parameter_group_name": "p",
            "backup_target": "region",
        },
        replacing={
            "availability_zone": "eu-west-1b",
            "backup_target": "outposts",
            "character_set_name": "X",
            "custom_iam_instance_profile": "AWSRDSCustomX",
            "db_name": "y",
            "engine": "aurora-postgresql",
            "kms_key_id": KEYS[1],
            "nchar_character_set_name": "X",
            "restore_to_point_in_time": {"source_db_instance_identifier": "q"},
            "s3_import": {
                "bucket_name": "b",
                "ingestion_role": ROLES[0],
                "source_engine": "mysql",
                "source_engine_version": "8",
            },
            "snapshot_identifier": "s",
            "storage_encrypted": False,
            "timezone": "X",
            "username": "v",
        },
        harmless={
            "allocated_storage": 30,
            "db_subnet_group_name": "h",
            "engine_version": "18",
            "identifier": "b",
            "instance_class": "db.r7g.xlarge",
            "parameter_group_name": "q",
            "port": 5433,
            "storage_type": "io1",
        },
        without={"s3_import": ("backup_target",)},
    ),
    "aws_elasticache_serverless_cache": Tried(
        id="a",
        tags=False,
        arguments={
            "name": "a",
            "engine": "valkey",
            "major_engine_version": "8",
            "description": "d",
            "kms_key_id": KEYS[0],
            "subnet_ids": ["subnet-1", "subnet-2"],
            "security_group_ids": ["sg-1"],
            "daily_snapshot_time": "02:00",
            "snapshot_retention_limit": 1,
        },
        state={
            "arn": ARN.format("elasticache", "serverlesscache:a"),
            "status": "available",
            "full_engine_version": "8.0",
            "create_time": "2026-01-01T00:00:00Z",
            "tags_all": {},
            "cache_usage_limits": [],
        },
        replacing={
            "engine": "redis",
            "kms_key_id": KEYS[1],
            "major_engine_version": "7",
            "name": "b",
            "snapshot_arns_to_restore": [ARN.format("elasticache", "snapshot:x")],
            "subnet_ids": ["subnet-1", "subnet-3"],
        },
        harmless={
            "daily_snapshot_time": "03:00",
            "description": "e",
            "security_group_ids": ["sg-2"],
            "snapshot_retention_limit": 2,
            "user_group_id": "u",
        },
    ),
    "aws_kms_key": Tried(
        id=KEYS[0].rpartition("/")[2],
        arguments={
            "description": "d",
            "multi_region": False,
            "key_usage": "ENCRYPT_DECRYPT",
            "customer_master_key_spec": "SYMMETRIC_DEFAULT",
            "enable_key_rotation": True,
            "rotation_period_in_days": 365,
            "deletion_window_in_days": 30,
        },
        replacing={
            "custom_key_store_id": "cks",
            "customer_master_key_spec": "RSA_2048",
            "key_usage": "SIGN_VERIFY",
            "multi_region": True,
            "xks_key_id": "x",
        },
        harmless={
            "deletion_window_in_days": 7,
            "description": "e",
            "enable_key_rotation": False,
            "is_enabled": False,
        },
        without={"enable_key_rotation": ("rotation_period_in_days",)},
        beside={"xks_key_id": {"custom_key_store_id": "cks"}},
        state={"is_enabled": True},
    ),
    "aws_secretsmanager_secret": Tried(
        id=SECRETS[0],
        arguments={"name": "a", "kms_key_id": "alias/a", "description": "d"},
        replacing={"name": "b", "name_prefix": "p"},
        harmless={
            "description": "e",
            "force_overwrite_replica_secret": True,
            "kms_key_id": "alias/b",
            "recovery_window_in_days": 7,
        },
        without={"name_prefix": ("name",)},
    ),
    "aws_secretsmanager_secret_version": Tried(
        id=f"{SECRETS[0]}|v",
        tags=False,
        arguments={
            "secret_id": SECRETS[0],
            "secret_string_wo": "x",
            "secret_string_wo_version": 1,
            "version_stages": ["AWSCURRENT"],
        },
        replacing={
            "secret_binary": "eA==",
            "secret_id": SECRETS[1],
            "secret_string": "y",
            "secret_string_wo_version": 2,
        },
        harmless={"version_stages": ["AWSCURRENT", "x"]},
        without={
            "secret_binary": ("secret_string_wo", "secret_string_wo_version"),
            "secret_string": ("secret_string_wo", "secret_string_wo_version"),
        },
        only_configured=("secret_string_wo",),
    ),
    "aws_cloudwatch_log_group": Tried(
        id="a",
        arguments={
            "name": "a",
            "retention_in_days": 365,
            "kms_key_id": KEYS[0],
            "log_group_class": "STANDARD",
        },
        replacing={"log_group_class": "INFREQUENT_ACCESS", "name": "b", "name_prefix": "p"},
        harmless={"kms_key_id": KEYS[1], "retention_in_days": 731, "skip_destroy": True},
        without={"name_prefix": ("name",)},
    ),
    "aws_security_group": Tried(
        id="sg-1",
        schema=1,
        arguments={"name": "a", "description": "d", "vpc_id": "vpc-1"},
        replacing={"description": "e", "name": "b", "name_prefix": "p", "vpc_id": "vpc-2"},
        harmless={"revoke_rules_on_delete": True},
        without={"name_prefix": ("name",)},
    ),
    "aws_vpc": Tried(
        id="vpc-1",
        schema=1,
        arguments={"cidr_block": "10.0.0.0/16", "enable_dns_support": True},
        replacing={
            "cidr_block": "10.1.0.0/16",
            "ipv4_ipam_pool_id": "ipam-pool-1",
            "ipv4_netmask_length": 17,
        },
        harmless={"enable_dns_hostnames": True, "enable_dns_support": False},
        without={"ipv4_netmask_length": ("cidr_block",)},
        beside={"ipv4_netmask_length": {"ipv4_ipam_pool_id": "ipam-pool-1"}},
        state={"instance_tenancy": "default"},
    ),
    "aws_subnet": Tried(
        id="subnet-1",
        schema=1,
        arguments={
            "availability_zone": "eu-west-1a",
            "cidr_block": "10.0.0.0/24",
            "vpc_id": "vpc-1",
        },
        replacing={
            "availability_zone": "eu-west-1b",
            "availability_zone_id": "euw1-az2",
            "cidr_block": "10.0.1.0/24",
            "ipv6_native": True,
            "outpost_arn": ARN.format("outposts", "outpost/op-1"),
            "vpc_id": "vpc-2",
        },
        harmless={"map_public_ip_on_launch": True},
        without={"availability_zone_id": ("availability_zone",)},
        state={"ipv6_native": False},
    ),
    "aws_eip": Tried(
        id="eipalloc-1",
        arguments={
            "domain": "vpc",
            "network_border_group": "eu-west-1",
            "public_ipv4_pool": "amazon",
        },
        replacing={
            "domain": "standard",
            "network_border_group": "eu-west-1-x",
            "public_ipv4_pool": "pool",
        },
        harmless={"network_interface": "eni-1", "tags": {"a": "b"}},
    ),
    "aws_nat_gateway": Tried(
        id="nat-1",
        arguments={
            "allocation_id": "eipalloc-1",
            "connectivity_type": "public",
            "subnet_id": "subnet-1",
        },
        replacing={
            "allocation_id": "eipalloc-2",
            "connectivity_type": "private",
            "private_ip": "10.0.0.9",
            "subnet_id": "subnet-2",
        },
        harmless={"tags": {"a": "b"}},
        without={"connectivity_type": ("allocation_id",)},
    ),
    "aws_sns_topic": Tried(
        id=ARN.format("sns", "a"),
        arguments={"name": "a", "display_name": "d", "kms_master_key_id": "alias/a"},
        replacing={"fifo_topic": True, "name": "b", "name_prefix": "p"},
        harmless={"display_name": "e", "kms_master_key_id": "alias/b"},
        without={"name_prefix": ("name",)},
        beside={"fifo_topic": {"name": "a.fifo"}},
        state={"fifo_topic": False},
    ),
    "aws_db_subnet_group": Tried(
        id="a",
        arguments={"name": "a", "description": "d", "subnet_ids": ["subnet-1"]},
        replacing={"name": "b", "name_prefix": "p"},
        harmless={"description": "e", "subnet_ids": ["subnet-1", "subnet-2"]},
        without={"name_prefix": ("name",)},
    ),
    "aws_db_parameter_group": Tried(
        id="a",
        arguments={"name": "a", "description": "d", "family": "postgres17"},
        replacing={"description": "e", "family": "postgres18", "name": "b", "name_prefix": "p"},
        harmless={"parameter": {"name": "log_statement", "value": "all"}},
        without={"name_prefix": ("name",)},
    ),
    "aws_lambda_function": Tried(
        id="a",
        arguments={
            "function_name": "a",
            "role": ROLES[0],
            "runtime": "python3.12",
            "handler": "a.b",
            "s3_bucket": "b",
            "s3_key": "k",
            "package_type": "Zip",
        },
        replacing={"function_name": "b", "package_type": "Image"},
        harmless={"handler": "a.c", "memory_size": 256, "role": ROLES[1], "runtime": "python3.13"},
        without={"package_type": ("runtime", "handler")},
    ),
}


def each_change() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield type, argument (or ``nothing``) and the resource's configuration."""
    for kind, tried in TRIED.items():
        yield kind, "nothing", dict(tried.arguments)
        for name, value in {**tried.replacing, **tried.harmless}.items():
            left_out = tried.without.get(name, ())
            kept = {key: v for key, v in tried.arguments.items() if key not in left_out}
            yield kind, name, {**kept, **tried.beside.get(name, {}), name: value}


def block_of(change: tuple[str, str, Values]) -> str:
    """Return the block of a resource; a mapping, or a list of them, is a block, except for tags."""
    kind, name, arguments = change
    return f'resource "{kind}" "{name}" {{\n{body_of(arguments)}}}\n'


def body_of(arguments: Values) -> str:
    lines = []
    for name, value in arguments.items():
        blocks = value if isinstance(value, list) else [value]
        if name != "tags" and blocks and all(isinstance(block, dict) for block in blocks):
            lines += [f"{name} {{\n{body_of(block)}}}\n" for block in blocks]
        else:
            lines.append(f"{name} = {json.dumps(value)}\n")
    return "".join(lines)


def state_of(kind: str, name: str) -> dict[str, Any]:
    tried = TRIED[kind]
    hidden = tried.only_configured
    attributes = {
        "id": tried.id,
        "arn": ARN.format("x", "y"),
        **({"tags": {}, "tags_all": {}} if tried.tags else {}),
        **{key: value for key, value in tried.arguments.items() if key not in hidden},
        **tried.state,
    }
    return {
        "mode": "managed",
        "type": kind,
        "name": name,
        "provider": 'provider["registry.terraform.io/hashicorp/aws"]',
        "instances": [{"schema_version": tried.schema, "attributes": attributes}],
    }


@pytest.fixture(scope="module")
def actions(
    workspace: Workspace, tmp_path_factory: pytest.TempPathFactory
) -> dict[tuple[str, str], tuple[list[str], list[str]]]:
    """(type, argument) → what the provider does when it changes, and what it names as the cause."""
    project = tmp_path_factory.mktemp("replacements")
    stack = project / "stack"
    stack.mkdir()
    (stack / "main.tf").write_text(SETTINGS + "".join(map(block_of, each_change())))
    state = {
        "version": 4,
        "terraform_version": "1.9.0",
        "serial": 1,
        "lineage": "a",
        "outputs": {},
        "resources": [state_of(kind, name) for kind, name, _ in each_change()],
    }
    plan = json.loads(workspace.plan(stack, project=project, state=json.dumps(state).encode()))
    return {
        (change["type"], change["name"]): (
            change["change"]["actions"],
            [path[0] for path in change["change"].get("replace_paths", ())],
        )
        for change in plan["resource_changes"]
    }


def test_replacements_are_tried() -> None:
    assert {kind: known.arguments for kind, known in replacements().items()} == {
        kind: frozenset(tried.replacing) for kind, tried in TRIED.items()
    }


def test_replacements_have_source() -> None:
    for kind, known in replacements().items():
        assert known.source.endswith(f"/hashicorp/aws/5.100.0/docs/resources/{kind[4:]}")


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, tried in TRIED.items() for name in tried.replacing]
)
def test_argument_replaces(kind: str, name: str, actions: dict[tuple[str, str], Any]) -> None:
    done, paths = actions[kind, name]
    assert done == ["delete", "create"]
    assert name in paths


@pytest.mark.terraform
@pytest.mark.parametrize(
    ("kind", "name"), [(kind, name) for kind, tried in TRIED.items() for name in tried.harmless]
)
def test_other_argument_does_not_replace(
    kind: str, name: str, actions: dict[tuple[str, str], Any]
) -> None:
    assert actions[kind, name] == (["update"], [])


@pytest.mark.terraform
@pytest.mark.parametrize("kind", TRIED)
def test_no_change_does_not_replace(kind: str, actions: dict[tuple[str, str], Any]) -> None:
    assert "delete" not in actions[kind, "nothing"][0]
