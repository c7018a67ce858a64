"""Notes: remarks about values that finbase cannot judge, or that may be intended.

AWS adds regions, versions and services without notice, so an unknown one is never an error.
"""

from __future__ import annotations

import re
from typing import Any, Final

from finbase.aws.parameters import is_static
from finbase.environment.model import Environment
from finbase.environment.rules import examples
from finbase.environment.rules.inputs import entries, texts, values
from finbase.environment.rules.rule import AWS, RDS, Finding, Findings, note
from finbase.source.scalars import with_closest

_ADDRESSES: Final = 5
_GROUP_RULES: Final = 60
_ENDPOINTS: Final = 50
_STACK_RULES: Final = 2  # To the database and the endpoints.
_KEY_ARN = re.compile(r"arn:[^:]*:kms:([^:]*):([^:]*):.+")
_CLASSES: Final = ("database.instance_class", "replica.instance_class")
_PRODUCTION = re.compile(r"prod(uction)?(-.*)?")
_BURSTABLE = re.compile(r"db\.t[0-9]")
_ADD: Final = "if AWS offers it, add it to known.yaml"


@note(
    "FB301",
    "unknown region",
    "region",
    why="finbase does not know the region's business hours, so it cannot keep backups and "
    "maintenance out of them. Only `finbase check` can.",
    source=f"{AWS}global-infrastructure/latest/regions/aws-regions.html",
    accepted={"region": "eu-west-1"},
    refused={"region": "eu-west-9"},
)
def region(environment: Environment) -> Findings:
    """The region should be in the catalogue of finbase."""
    name = environment.region
    if name and environment.catalogue.business_hours(name) is None:
        message = f"unknown region {name}: finbase does not know its business hours"
        hint = f"add `{name}` with its business hours under `regions` in known.yaml"
        hint = with_closest(name, sorted(environment.catalogue.regions()), hint)
        yield Finding(("region",), message, hint)


@note(
    "FB302",
    "no CA roots for the region",
    "region",
    why="The functions verify the database's certificate with the CA roots in the `secret` and "
    "`roles` modules. The plan fails until these have those of the region.",
    source=f"{RDS}UsingWithRDS.SSL.html",
    accepted={"region": "eu-west-1"},
    refused={"region": "sa-east-1"},
)
def roots(environment: Environment) -> Findings:
    """The modules with functions should contain the CA roots of the region."""
    name = environment.region
    for module, code in (("secret", "rotation"), ("roles", "function")) if name else ():
        for use, _ in environment.instances(module):
            folder = use.contract.path.parent / code / "ca"
            if not (folder / f"{name}.pem").is_file() and folder.is_dir():
                message = f"{module} {use.version} has no CA roots for {name}; the plan will fail"
                whose = "the module" if module == "secret" else "`secret`, and release both modules"
                hint = f"add them as described in rotation/ca/README.md of {whose}"
                yield Finding(("region",), message, hint)


@note(
    "FB303",
    "unknown major version",
    "database.engine_version",
    "cache.major_engine_version",
    why="AWS rejects a version that it does not offer at apply; a plan accepts any version.",
    source=f"{RDS}PostgreSQL.Concepts.General.DBVersions.html",
    accepted={"database.engine_version": "18"},
    refused={"database.engine_version": "19"},
)
def engine_version(environment: Environment) -> Findings:
    """The major version of PostgreSQL or Valkey should be in the catalogue of finbase."""
    for name, engine in (
        ("database.engine_version", "postgres"),
        ("cache.major_engine_version", "valkey"),
    ):
        known = environment.catalogue.versions(engine)
        for where, version in values(environment, str, name):
            if version not in known:
                message = f"unknown major version {version} of {engine}"
                hint = f"the newest known version is {known[-1]}; {_ADD} under `engine_versions`"
                yield Finding(where, message, hint)


@note(
    "FB304",
    "unknown instance class",
    *_CLASSES,
    why="RDS rejects a class that it does not offer for the engine and region at apply; a plan "
    "accepts any class.",
    source=f"{RDS}Concepts.DBInstanceClass.Support.html",
    accepted={"database.instance_class": "db.r8g.48xlarge"},
    refused={"database.instance_class": "db.r8g.64xlarge"},
)
def instance_class(environment: Environment) -> Findings:
    """The instance class should be in the catalogue of finbase."""
    families = environment.catalogue.instance_classes()
    for where, name in values(environment, str, *_CLASSES):
        family, _, size = name.rpartition(".")
        sizes = families.get(family, ())
        if size not in sizes:
            candidates = [f"{family}.{s}" for s in sizes] or list(families)
            hint = with_closest(name, sorted(candidates), f"{_ADD} under `instance_classes`")
            yield Finding(where, f"unknown instance class {name}", hint)


@note(
    "FB306",
    "unknown endpoint service",
    "network.interface_endpoints",
    why="AWS rejects an endpoint for a service that the region does not have at apply; a plan "
    "accepts any service.",
    source=f"{AWS}vpc/latest/privatelink/aws-services-privatelink-support.html",
    accepted={"network.interface_endpoints": ["secretsmanager", "sqs"]},
    refused={"network.interface_endpoints": ["secretsmanager", "sqss"]},
)
def endpoint(environment: Environment) -> Findings:
    """Services with an interface endpoint should be in the catalogue of finbase."""
    for where, name in texts(environment, "network.interface_endpoints"):
        # The defaults are known, and reading the catalogue takes time.
        in_file = where in environment.document.positions
        if in_file and name not in (known := environment.catalogue.endpoints()):
            hint = with_closest(name, sorted(known), f"{_ADD} under `endpoints`")
            yield Finding(where, f"unknown endpoint service {name}", hint)


@note(
    "FB307",
    "more zones than elastic IPs in the default quota",
    "network.zones",
    why="Every zone has a NAT gateway with its own elastic IP. The default quota is five elastic "
    "IPs for each region; AWS raises it on request.",
    source=f"{AWS}AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html",
    accepted={"network.zones": examples.zones(*(f"eu-west-1{letter}" for letter in "abcde"))},
    refused={"network.zones": examples.zones(*(f"eu-west-1{letter}" for letter in "abcdef"))},
)
def addresses(environment: Environment) -> Findings:
    """The stack should use at most five zones, one for each elastic IP of the default quota."""
    for where, zones in values(environment, dict, "network.zones"):
        if (count := len(zones)) > _ADDRESSES:
            message = f"{count} zones need {count} elastic IPs; the default quota is {_ADDRESSES}"
            hint = "before you apply, ask AWS to raise the quota for elastic IPs"
            yield Finding(where, message, hint, key=True)


@note(
    "FB308",
    "burstable instance class in production",
    *_CLASSES,
    why="When an instance of the t family has used its CPU credits, AWS throttles it or charges "
    "for more credits.",
    source=f"{RDS}Concepts.DBInstanceClass.Types.html",
    accepted={"environment": "production", "database.instance_class": "db.m7g.large"},
    refused={"environment": "production", "database.instance_class": "db.t4g.large"},
)
def burstable(environment: Environment) -> Findings:
    """Databases and replicas should not be burstable in `production` or `prod`, also `prod-eu`."""
    if _PRODUCTION.fullmatch(environment.name) is None:
        return
    for where, name in values(environment, str, *_CLASSES):
        if _BURSTABLE.match(name):
            message = f"{name} is a burstable instance class in a production environment"
            yield Finding(where, message, "use a class of the m or r family")


@note(
    "FB309",
    "more rules than the default quota of a security group",
    "access.internet_cidrs",
    "access.clients",
    "database.instances",
    why="The application group has one outbound rule for each range and one each for the database, "
    "the cache, the endpoints and S3. The group of the endpoints has an inbound rule for each "
    "function, application group and client of all databases. The default quota is 60; AWS rejects "
    "the 61st rule at apply.",
    source=f"{AWS}vpc/latest/userguide/amazon-vpc-limits.html",
    accepted={"access.internet_cidrs": [f"198.51.100.{number}/32" for number in range(56)]},
    refused={"access.internet_cidrs": [f"198.51.100.{number}/32" for number in range(57)]},
)
def group_rules(environment: Environment) -> Findings:
    """A security group should have at most 60 rules in each direction."""
    inbound = 0
    for use, instance in environment.instances("access"):
        first = not use.is_further(instance)
        cache = first and environment.module("cache") is not None
        ranges = use.value(instance, "internet_cidrs")
        to_s3 = any(wire.name == "s3_prefix_list_id" for wire in use.contract.wiring)
        count = len(ranges) + _STACK_RULES + cache + to_s3 if isinstance(ranges, list) else 0
        if count > _GROUP_RULES:
            message = f"{count} outbound rules in one security group; the quota is {_GROUP_RULES}"
            hint = "join ranges, or ask AWS to raise the quota before you apply"
            yield Finding(use.where(instance, "internet_cidrs"), message, hint, key=True)
        declared: Any = use.value(instance, "clients")
        declared = declared if isinstance(declared, dict) else {}
        clients = [client for client in declared.values() if isinstance(client, dict)]
        functions = 1 + any(i.key == instance.key for _, i in environment.instances("roles"))
        own = [c for c in clients if not (c.get("cidr") or c.get("security_group_id"))]
        inbound += 1 + functions + len(own)
        if inbound > _GROUP_RULES and environment.module("network"):
            message = f"{inbound} inbound rules in the group of the endpoints"
            hint = "let clients share a group, or ask AWS to raise the quota before you apply"
            where = use.where(instance, *(["clients"] if clients else []))
            yield Finding(where, f"{message}; the quota is {_GROUP_RULES}", hint, key=True)


@note(
    "FB312",
    "more interface endpoints than the default quota of a VPC",
    "network.interface_endpoints",
    why="The default quota is 50 interface endpoints in a VPC; AWS rejects the 51st at apply.",
    source=f"{AWS}vpc/latest/privatelink/vpc-limits-endpoints.html",
    accepted={"network.interface_endpoints": ["secretsmanager"]},
    refused={"network.interface_endpoints": ["secretsmanager", *(f"new-{n}" for n in range(50))]},
)
def endpoint_quota(environment: Environment) -> Findings:
    """A VPC should have at most 50 interface endpoints."""
    for where, names in values(environment, list, "network.interface_endpoints"):
        if len(names) > _ENDPOINTS:
            message = f"{len(names)} interface endpoints in one VPC; the quota is {_ENDPOINTS}"
            hint = "remove endpoints, or ask AWS to raise the quota before you apply"
            yield Finding(where, message, hint, key=True)


@note(
    "FB310",
    "alarms without a subscriber",
    "monitoring.email_addresses",
    why="Alarms and database events go to a topic. Without a subscription, nobody receives them.",
    source=f"{AWS}sns/latest/dg/sns-create-subscribe-endpoint-to-topic.html",
    accepted={"monitoring.email_addresses": ["oncall@ledger.example"]},
    refused={"monitoring.email_addresses": []},
)
def subscribers(environment: Environment) -> Findings:
    """At least one address should receive the alarms."""
    for where, addresses in values(environment, list, "monitoring.email_addresses"):
        if not addresses:
            message = "no address receives the alarms of this environment"
            hint = "add the address of a team, or subscribe to the output `topic_arn` elsewhere"
            yield Finding(where, message, hint)


@note(
    "FB311",
    "parameter that waits for a reboot",
    "database.parameters",
    why="PostgreSQL reads static parameters only when it starts, and RDS does not restart an "
    "instance for them, not even in the maintenance window.",
    source=f"{RDS}USER_WorkingWithParamGroups.html",
    accepted={"database.parameters": {"work_mem": "65536"}},
    refused={"database.parameters": {"max_connections": "500"}},
)
def reboot(environment: Environment) -> Findings:
    """A static parameter should be known to wait for a reboot of each instance."""
    known = environment.catalogue.parameters()
    for where, name, _ in entries(environment, "database.parameters"):
        if name in known and is_static(known[name]):
            message = f"a change of {name} has no effect until each instance is rebooted"
            hint = "reboot the primary and each replica outside business hours"
            yield Finding(where, message, hint, key=True)


@note(
    "FB313",
    "key of another account or region for the state",
    "state",
    why="The owner of the key can read the state, and can make it unreadable. That is right if a "
    "central account keeps all states, and wrong if somebody mistyped the ARN.",
    source=f"{AWS}kms/latest/developerguide/key-policy-modifying-external-accounts.html",
    accepted={"state.kms_key_id": "arn:aws:kms:eu-west-1:111122223333:alias/terraform-state"},
    refused={"state.kms_key_id": "arn:aws:kms:eu-west-1:444455556666:alias/terraform-state"},
)
def state_key(environment: Environment) -> Findings:
    """The key of the state should be in the account and region of the environment."""
    key, own = environment.state.get("kms_key_id"), (environment.region, environment.account_id)
    arn = _KEY_ARN.fullmatch(key) if isinstance(key, str) else None
    if arn and all(own) and arn.groups() != own:
        message = f"the key of the state is in {arn[1]} of the account {arn[2]}"
        hint = f"name a key in {own[0]} of the account {own[1]}, unless this is intended"
        yield Finding(("state", "kms_key_id"), message, hint)
