"""Rules about further databases: what each one needs, and how it may be named."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from finbase.environment.model import Environment, ModuleUse
from finbase.environment.names import Named, module_names, resource_names
from finbase.environment.rules.rule import AWS, RDS, Finding, Findings, rule
from finbase.source.document import Where
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
_CLIENT: Final = {"to": ["database"], "description": "Office", "reason": "Operators look at it"}
_GROUP: Final = {"office": _CLIENT}


def _two(key: str = "reports") -> dict[str, Any]:
    """Return a further database for an example."""
    return {_PATH[0]: {key: _REPORTS}, **{path: {key: {}} for path in _PATH[1:]}}


@rule(
    "FB247",
    "further database without one of its modules",
    *_PATH,
    why="Without a connection secret nobody rotates its password, without `access` nothing may "
    "reach it, and without `monitoring` nobody learns that it fails.",
    source=f"{AWS}wellarchitected/latest/operational-excellence-pillar/operational-readiness.html",
    accepted=_two(),
    refused={**_two(), "secret.instances": {}},
    yaml_only="a module does not know which others the stack has",
)
def parts(environment: Environment) -> Findings:
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
                existing = listed(f"`{i.key}`" for i in database.instances if i.key) or "none"
                message = f"`{use.name}` names the database `{instance.key}`, which does not exist"
                hint = "add the database to `database.instances`, or correct the name; "
                hint += f"further databases: {existing}"
                yield Finding(use.where(instance), message, hint, key=True)
            else:
                yield from _sources(environment, use, instance.key)


def _sources(environment: Environment, use: ModuleUse, key: str) -> Findings:
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
    "two resources with one name",
    "database.instances",
    "replica.instances",
    "access.clients",
    "roles.roles",
    why="The names of a further database start with `<project>-<environment>-<name>`, and those of "
    "replicas, clients and roles with `<project>-<environment>`. Some can be the same: a replica "
    "and a database of one name have one identifier. AWS rejects the second resource at apply, or "
    "keeps only the second alarm. The modules accept names of 40 characters.",
    source=f"{RDS}CHAP_Limits.html",
    accepted={**_two("client-a"), "access.clients": _GROUP},
    refused={**_two("client-office"), "access.clients": {**_GROUP, "office-application": _CLIENT}},
    yaml_only="a module does not know the names of the other instances",
)
def name(environment: Environment) -> Findings:
    """Two resources of one kind must differ in their names, which must not be too long."""
    for use, instance in environment.instances("database"):
        full = f"{environment.stack_name}-{instance.key}"
        known = environment.project and environment.name
        if use.is_further(instance) and known and len(full) > _LONGEST:
            problem = f"the name {full} has {len(full)} characters; the modules allow {_LONGEST}"
            yield Finding(use.where(instance), problem, "choose another name", key=True)
    names = [*module_names(environment), *resource_names(environment)]
    if len(names) == len({(named.kind, named.name) for named in names}):
        return
    first: dict[tuple[str, str], Named] = {}
    reported: set[Where] = set()
    for named in names:
        other = first.setdefault((named.kind, named.name), named)
        if other.where != named.where and named.where not in reported:
            reported.add(named.where)
            text = f"{named.owner} and {other.owner} would both have the {named.kind} {named.name}"
            yield Finding(named.where, text, "choose another name", key=True)
