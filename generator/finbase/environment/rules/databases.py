"""Rules about further databases: what each one needs, and how it may be named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from finbase.environment.model import Environment, ModuleUse
from finbase.environment.rules.rule import Finding, rule
from finbase.source.scalars import listed

_NEEDED: Final = ("secret", "access", "monitoring")
"""The modules that a database must have besides its own."""
_LONGEST: Final = 40
"""The longest name that the modules accept."""
_PATH: Final = tuple(f"{module}.instances" for module in ("database", *_NEEDED))
_REPORTS: Final[Mapping[str, Any]] = {
    "engine_version": "17",
    "instance_class": "db.m7g.large",
    "allocated_storage": 100,
    "max_allocated_storage": 200,
    "database_name": "reports",
    "username": "reports_owner",
}


def _two(key: str = "reports", without: str = "") -> dict[str, Any]:
    """Return a further database for an example, without one of its modules."""
    needed: dict[str, Any] = {f"{part}.instances": {key: {}} for part in _NEEDED}
    if without:
        needed[f"{without}.instances"] = {}
    return {_PATH[0]: {key: _REPORTS}, **needed}


@rule(
    "FB247",
    "further database without one of its modules",
    *_PATH,
    why="Without a connection secret nobody rotates its password, without `access` nothing may "
    "reach it, and without `monitoring` nobody learns that it fails.",
    source="https://docs.aws.amazon.com/wellarchitected/latest/operational-excellence-pillar/"
    "operational-readiness.html",
    accepted=_two(),
    refused=_two(without="secret"),
    yaml_only="a module does not know which others the stack has",
)
def parts(environment: Environment) -> Iterator[Finding]:
    """Each further database must have an instance of `secret`, `access` and `monitoring`."""
    database = environment.module("database")
    if database is None or not database.contract.repeats:
        return
    for instance in database.instances:
        for name in _NEEDED if database.is_further(instance) else ():
            use = environment.module(name)
            if use is not None and not use.has(instance.key):
                message = f"the database `{instance.key}` has no instance of `{name}`"
                hint = f"add `{instance.key}: {{}}` below `{name}.instances`"
                yield Finding(database.where(instance), message, hint, key=True)
    for use in environment.modules:
        for instance in filter(use.is_further, use.instances):
            if not database.has(instance.key):
                message = f"`{use.name}` has an instance for a database `{instance.key}`"
                hint = f"add the database to `database.instances`, which has {_names(database)}"
                yield Finding(use.where(instance), message, hint, key=True)
            else:
                yield from _sources(environment, use, instance.key)


def _sources(environment: Environment, use: ModuleUse, key: str) -> Iterator[Finding]:
    """Yield the modules of the same database that a module needs and that it lacks."""
    for name in use.contract.requires:
        source = environment.module(name)
        wired = any(w.module == name and w.required for w in use.contract.wiring)
        repeats = source is not None and source.contract.repeats
        if wired and source and repeats and name not in _NEEDED and not source.has(key):
            message = f"`{use.name}` of the database `{key}` needs an instance of `{name}`"
            hint = f"add `{key}:` below `{name}.instances`"
            where = ("modules", use.name, "instances", key)
            yield Finding(where, message, hint, key=True)


@rule(
    "FB248",
    "name that a further database cannot have",
    "database.instances",
    "replica.instances",
    why="All its names start with `<project>-<environment>-<name>`. The modules accept 40 "
    "characters. A replica of the same name would have the identifier of the database, and with "
    "`client` two security groups could have one name. AWS rejects both at apply.",
    source="https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/CHAP_Limits.html",
    accepted=_two(),
    refused=_two("client"),
    yaml_only="a module does not know the names of the other instances",
)
def name(environment: Environment) -> Iterator[Finding]:
    """The name of a further database must be short, and no other part may have it."""
    replicas = {instance.key for _, instance in environment.instances("replica")}
    for use, instance in environment.instances("database"):
        key, full = instance.key, f"{environment.stack_name}-{instance.key}"
        where, problem = use.where(instance), ""
        if not use.is_further(instance):
            continue
        if key == "client":
            problem = "the security groups of `client` would have the names of clients"
        elif key in replicas:
            problem = f"a replica and a database would both be {full}"
        elif environment.project and environment.name and len(full) > _LONGEST:
            problem = f"the name {full} has {len(full)} characters; the modules allow {_LONGEST}"
        if problem:
            yield Finding(where, problem, "choose another name", key=True)


def _names(use: ModuleUse) -> str:
    return listed(f"`{i.key}`" for i in use.instances if i.key) or "none"
