"""Rules about names, tags, and the numbers of replicas and of the password."""

from __future__ import annotations

from typing import Final

from finbase.environment.model import Environment, tag_key
from finbase.environment.rules.inputs import values
from finbase.environment.rules.rule import AWS, RDS, Finding, Findings, rule

_LONGEST: Final = 40
"""The longest name of a serverless cache. Other names have more room: the identifier of a replica
63 characters without a hyphen and a name of 20, and that of an IAM role 64 without a suffix of 20.
"""
_MOST_REPLICAS: Final = 15
_EXACT: Final = 2**53
_REPLICA: Final = {"instance_class": "db.r7g.large"}
_TAGS: Final = {"owner": "payments", "data_classification": "internal", "cost_centre": "CC-4711"}
_OWN_TAGS: Final = ("project", "environment", "name", "managed_by")


@rule(
    "FB228",
    "too many read replicas",
    "replica.instances",
    why="RDS rejects the 16th read replica of a primary at apply; a plan accepts any number.",
    source=f"{RDS}USER_PostgreSQL.Replication.ReadReplicas.Configuration.html",
    accepted={"replica.instances": {f"r{n}": {**_REPLICA} for n in range(15)}},
    refused={"replica.instances": {f"r{n}": {**_REPLICA} for n in range(16)}},
)
def replicas(environment: Environment) -> Findings:
    """A primary must have at most 15 read replicas."""
    if (use := environment.module("replica")) and len(use.instances) > _MOST_REPLICAS:
        where = use.where(use.instances[_MOST_REPLICAS])
        message = f"a primary has at most {_MOST_REPLICAS} replicas, not {len(use.instances)}"
        yield Finding(where, message, f"keep at most {_MOST_REPLICAS} replicas", key=True)


@rule(
    "FB241",
    "the stack's name is too long",
    "environment",
    "project",
    why="AWS limits the name of a serverless cache to 40 characters, the identifier of an RDS "
    "instance to 63 and the name of an IAM role to 64. A plan does not check the first two.",
    source=f"{AWS}AmazonElastiCache/latest/APIReference/API_CreateServerlessCache.html",
    accepted={"project": "p" * 29},
    refused={"project": "p" * 30},
)
def stack_name(environment: Environment) -> Findings:
    """`<project>-<environment>` must be short enough for the resource names that contain it."""
    name = environment.stack_name
    if environment.project and environment.name and len(name) > _LONGEST:
        message = f"stack name {name} has {len(name)} characters; the name of a serverless cache "
        message += f"allows {_LONGEST}"
        hint = "shorten the name of the project or of the environment"
        yield Finding(("project",), message, hint)


@rule(
    "FB242",
    "the stack's name looks like an ID of AWS",
    "project",
    why="AWS rejects a security group whose name starts with sg-, the prefix of its IDs.",
    source=f"{AWS}AWSEC2/latest/APIReference/API_CreateSecurityGroup.html",
    accepted={"project": "sga"},
    refused={"project": "sg"},
)
def group_name(environment: Environment) -> Findings:
    """The stack's name must not start with `sg-`."""
    if environment.project and environment.stack_name.startswith("sg-"):
        name = environment.stack_name
        message = f"security group names would start with {name}, like an ID of AWS"
        yield Finding(("project",), message, "rename the project")


@rule(
    "FB231",
    "password generation that Terraform rounds",
    "database.password_generation",
    why="The number is the version of write-only arguments. Terraform has rounded versions above "
    "2^53, so that every plan differs.",
    source="https://github.com/hashicorp/terraform/issues/37214",
    accepted={"database.password_generation": _EXACT},
    refused={"database.password_generation": _EXACT + 1},
    yaml_only="the modules take any number; Terraform rounds it before they see it",
)
def generation(environment: Environment) -> Findings:
    """The generation of the password must be at most 2^53."""
    for where, number in values(environment, int, "database.password_generation"):
        if number > _EXACT:
            message = f"password_generation must be at most {_EXACT}, not {number}"
            yield Finding(where, message, "raise it by one for each new password")


@rule(
    "FB243",
    "two tags with one key",
    "tags",
    why="The name of a tag becomes a key in CamelCase, so `owner_` replaces `owner`. IAM ignores "
    "the case of tag keys, and rejects a role with two keys that differ only in case at apply.",
    source=f"{AWS}IAM/latest/UserGuide/id_tags.html",
    accepted={"tags": {**_TAGS, "team": "x"}},
    refused={"tags": {**_TAGS, "costcentre": "x"}},
    yaml_only="the modules do not see the tags, which the provider adds",
)
def tag_keys(environment: Environment) -> Findings:
    """The keys of two tags in AWS must not be equal without regard to case."""
    # The tags that finbase or its rules require come first, and the first of a key stays.
    names = dict.fromkeys((*_OWN_TAGS, *_TAGS, *environment.tags))
    first = {tag_key(name).casefold(): name for name in reversed(names)}
    for name in environment.tags:
        key = tag_key(name)
        other = first[key.casefold()]
        if other != name:
            message = f"`{name}` has the key {key} in AWS, and `{other}` has {tag_key(other)}"
            hint = "rename or remove the tag: keys must differ in more than case and underscores"
            yield Finding(("tags", name), message, hint, key=True)


@rule(
    "FB245",
    "replica with the name of the primary",
    "replica.instances",
    why="The `monitoring` module names the alarms of each instance by its replica, and those of "
    "the primary by `primary`. A replica of this name takes the place of the primary, which then "
    "has no alarm. `finbase check` fails F09 for such an environment.",
    source=f"{RDS}creating_alarms.html",
    accepted={"replica.instances": {"primary-copy": _REPLICA}},
    refused={"replica.instances": {"primary": _REPLICA}},
    yaml_only="the released modules accept the name",
)
def replica_name(environment: Environment) -> Findings:
    """No replica may have the name `primary`."""
    for use, instance in environment.instances("replica"):
        if instance.key == "primary":
            message = "the replica `primary` would replace the primary in the alarms"
            yield Finding(use.where(instance), message, "rename the replica", key=True)


@rule(
    "FB246",
    "database name without a letter at the start",
    "database.database_name",
    why="RDS rejects such a name at apply: it must start with a letter. Terraform plans it, and "
    "`finbase check` fails F04e for such an environment.",
    source=f"{AWS}AmazonRDS/latest/APIReference/API_CreateDBInstance.html",
    accepted={"database.database_name": "l_"},
    refused={"database.database_name": "_l"},
    yaml_only="the released modules accept the name",
)
def database_name(environment: Environment) -> Findings:
    """The name of the database must start with a letter."""
    for where, name in values(environment, str, "database.database_name"):
        if name.startswith("_"):
            message = f"the database name {name} starts with an underscore"
            yield Finding(where, message, "write a letter first, such as ledger")
