"""What cannot be known here, since AWS adds to it, or may be meant so: told, never refused."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from finbase.environment.model import Environment
from finbase.environment.rules.examples import zones
from finbase.environment.rules.rule import Finding, Rule, note

__all__ = ["RULES"]

_GUIDE: Final = "https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/"
_ADDRESSES: Final = 5
_PRODUCTION = re.compile(r"prod(uction)?(-.*)?")
_BURSTABLE = re.compile(r"db\.t[0-9]")
_ADD: Final = "if AWS has it, add it to known.yaml"


@note(
    "FB301",
    "a region that finbase does not know",
    "region",
    why="Its business hours are not known, so nothing keeps backups and maintenance out of them "
    "before the features do.",
    source="https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html",
    accepted={"region": "eu-west-1"},
    refused={"region": "eu-west-9"},
)
def region(environment: Environment) -> Iterator[Finding]:
    """The region is one of those that finbase knows."""
    name = environment.region
    if name and environment.catalogue.business_hours(name) is None:
        what = f"{name} is no region that finbase knows, nor are its business hours"
        hint = (
            f"{_near(name, environment.catalogue.regions())}add `{name}` to `regions` of known.yaml"
        )
        yield Finding(("region",), what, hint)


@note(
    "FB302",
    "a region without the roots of its databases",
    "region",
    why="The rotation function verifies the certificate of the database against the roots that "
    "it ships. A plan is refused until the module has those of the region.",
    source=f"{_GUIDE}UsingWithRDS.SSL.html",
    accepted={"region": "eu-west-1"},
    refused={"region": "sa-east-1"},
)
def roots(environment: Environment) -> Iterator[Finding]:
    """The `secret` module has the certificate roots of the region."""
    name = environment.region
    for use, _ in environment.instances("secret") if name else ():
        folder = use.contract.path.parent / "rotation" / "ca"
        if folder.is_dir() and not (folder / f"{name}.pem").is_file():
            what = f"secret {use.version} has no CA roots for {name}, so a plan will be refused"
            yield Finding(("region",), what, "add them as rotation/ca/README.md says")


@note(
    "FB303",
    "a major version that finbase does not know",
    "database.engine_version",
    "cache.major_engine_version",
    why="AWS refuses a version that it does not offer at apply; a plan accepts any.",
    source=f"{_GUIDE}PostgreSQL.Concepts.General.DBVersions.html",
    accepted={"database.engine_version": "18"},
    refused={"database.engine_version": "19"},
)
def engine_version(environment: Environment) -> Iterator[Finding]:
    """The major version of PostgreSQL or Valkey is one of those that finbase knows."""
    for module, name, engine in (
        ("database", "engine_version", "postgres"),
        ("cache", "major_engine_version", "valkey"),
    ):
        for use, instance in environment.instances(module):
            version = use.value(instance, name)
            known = environment.catalogue.versions(engine)
            if isinstance(version, str) and version not in known:
                what = f"{version} is no major version of {engine} that finbase knows"
                hint = f"the newest known is {known[-1]}; {_ADD} under `engine_versions`"
                yield Finding(use.where(instance, name), what, hint)


@note(
    "FB304",
    "an instance class that finbase does not know",
    "database.instance_class",
    "replica.instance_class",
    why="RDS refuses a class that it does not offer for the engine in the region at apply; a "
    "plan accepts any.",
    source=f"{_GUIDE}Concepts.DBInstanceClass.Support.html",
    accepted={"database.instance_class": "db.r8g.48xlarge"},
    refused={"database.instance_class": "db.r8g.64xlarge"},
)
def instance_class(environment: Environment) -> Iterator[Finding]:
    """The instance class is one of those that finbase knows."""
    families = environment.catalogue.instance_classes()
    for module in ("database", "replica"):
        for use, instance in environment.instances(module):
            name = use.value(instance, "instance_class")
            if not isinstance(name, str):
                continue
            family, _, size = name.rpartition(".")
            if size not in families.get(family, ()):
                what = f"{name} is no instance class that finbase knows"
                there = [f"{family}.{s}" for s in families.get(family, ())] or list(families)
                hint = f"{_near(name, there)}{_ADD} under `instance_classes`"
                yield Finding(use.where(instance, "instance_class"), what, hint)


@note(
    "FB305",
    "a parameter that finbase does not know",
    "database.parameters",
    why="RDS refuses a parameter that the version of PostgreSQL does not have, or that may not "
    "be set, at apply; a plan accepts any.",
    source=f"{_GUIDE}Appendix.PostgreSQL.CommonDBATasks.Parameters.html",
    accepted={"database.parameters": {"work_mem": "65536"}},
    refused={"database.parameters": {"work_memory": "65536"}},
)
def parameter(environment: Environment) -> Iterator[Finding]:
    """Every parameter is one of those that finbase knows."""
    for use, instance in environment.instances("database"):
        given = use.value(instance, "parameters")
        if not (isinstance(given, dict) and given):
            continue
        known = frozenset(environment.catalogue.parameters())
        for name in given:
            if name not in known:
                where = use.where(instance, "parameters", name)
                what = f"{name} is no parameter of PostgreSQL that finbase knows"
                hint = f"{_near(name, known)}{_ADD} under `parameters`"
                yield Finding(where, what, hint, key=True)


@note(
    "FB306",
    "an endpoint's service that finbase does not know",
    "network.interface_endpoints",
    why="AWS refuses an endpoint for a service that it does not have in the region at apply; a "
    "plan accepts any.",
    source="https://docs.aws.amazon.com/vpc/latest/privatelink/aws-services-privatelink-support.html",
    accepted={"network.interface_endpoints": ["secretsmanager", "sqs"]},
    refused={"network.interface_endpoints": ["secretsmanager", "sqss"]},
)
def endpoint(environment: Environment) -> Iterator[Finding]:
    """Every service with an interface endpoint is one of those that finbase knows."""
    for use, instance in environment.instances("network"):
        given = instance.inputs.get("interface_endpoints")
        if not (isinstance(given, list) and given):
            continue
        known = frozenset(environment.catalogue.endpoints())
        for index, name in enumerate(given):
            if isinstance(name, str) and name not in known:
                where = (*use.where(instance, "interface_endpoints"), index)
                what = f"{name} is no service with an interface endpoint that finbase knows"
                hint = f"{_near(name, known)}{_ADD} under `endpoints`"
                yield Finding(where, what, hint)


@note(
    "FB307",
    "more zones than an account has elastic IPs",
    "network.zones",
    why="Every zone has a NAT gateway on an elastic IP of its own, and an account may have five "
    "in a region until AWS raises the quota.",
    source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/elastic-ip-addresses-eip.html",
    accepted={"network.zones": zones(*(f"eu-west-1{letter}" for letter in "abcde"))},
    refused={"network.zones": zones(*(f"eu-west-1{letter}" for letter in "abcdef"))},
)
def addresses(environment: Environment) -> Iterator[Finding]:
    """The stack keeps to five elastic IPs."""
    for use, instance in environment.instances("network"):
        given = use.value(instance, "zones")
        if isinstance(given, dict) and len(given) > _ADDRESSES:
            what = f"{len(given)} zones need {len(given)} elastic IPs; the quota is {_ADDRESSES}"
            hint = "ask AWS to raise the quota before you apply"
            yield Finding(use.where(instance, "zones"), what, hint, key=True)


@note(
    "FB308",
    "a burstable instance class in production",
    "database.instance_class",
    "replica.instance_class",
    why="A class of the t family is throttled when its CPU credits are spent, or billed for "
    "every credit beyond them.",
    source=f"{_GUIDE}Concepts.DBInstanceClass.Types.html",
    accepted={"environment": "production", "database.instance_class": "db.m7g.large"},
    refused={"environment": "production", "database.instance_class": "db.t4g.large"},
)
def burstable(environment: Environment) -> Iterator[Finding]:
    """No instance of an environment called production, or prod, has a burstable class."""
    if _PRODUCTION.fullmatch(environment.name) is None:
        return
    for module in ("database", "replica"):
        for use, instance in environment.instances(module):
            name = use.value(instance, "instance_class")
            if isinstance(name, str) and _BURSTABLE.match(name):
                what = f"{name} is burstable, which production should not rely on"
                where = use.where(instance, "instance_class")
                yield Finding(where, what, "take a class of the m or r family")


def _near(name: str, known: Iterable[str]) -> str:
    """The beginning of a hint at the name that was probably meant."""
    from finbase.source.scalars import closest

    near = closest(name, sorted(known))
    return f"{near} " if near else ""


RULES: Final[tuple[Rule, ...]] = (
    region,
    roots,
    engine_version,
    instance_class,
    parameter,
    endpoint,
    addresses,
    burstable,
)
