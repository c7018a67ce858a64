"""Find the resources of the design in one stack, and what the placeholders of its rules mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from databases import SHARED, database_of
from design_profile import Profile
from design_values import text
from stack_graph import EXISTING_NETWORK, UNKNOWN, Resource, Stack

PLACEHOLDER = re.compile(r"\{([a-z-]+)\}")
_ACCOUNTS = r"(?:[0-9]{12}, )*%s(?:, [0-9]{12})*"
_BUCKETS = r"arn:[a-z-]+:s3:::[a-z0-9.-]+/\*"
_READER = r"arn:%s:iam::%s:(?:role|user)/[\w+=,.@/-]+"


class Places:
    """The resources of a stack by their places in the design.

    ``modules`` maps the paths of module calls to the names of modules.
    """

    def __init__(
        self, stack: Stack, profile: Profile, modules: Mapping[tuple[str, ...], str]
    ) -> None:
        self.profile = profile
        self.modules = modules
        self._databases = {path: database_of(stack, path) for path in modules}
        first: dict[tuple[str, str], tuple[str, ...]] = {}
        for path, module in modules.items():
            first.setdefault((self._databases[path], module), path)
        self._by_identity: dict[tuple[str, str, str], list[Resource]] = {}
        for resource in stack.resources:
            module = modules.get(resource.calls, "")
            database = self._databases.get(resource.calls, "")
            if module in profile.once and first[database, module] != resource.calls:
                continue  # Another call of the module is an error of its own.
            identity = f"{resource.type}.{resource.name}"
            places = [module, "network"] if module == EXISTING_NETWORK else [module]
            for place in places:
                self._by_identity.setdefault((database, place, identity), []).append(resource)
        paths = {database: path for path, database in self._databases.items()}
        self._facts = {database: self._stack_facts(path) for database, path in paths.items()}

    def instances(self, module: str, identity: str, user: tuple[str, ...]) -> list[Resource]:
        """Return the planned instances of a resource, in all calls of its module.

        They are those of the same database as the module call at the path ``user``.
        """
        database = "" if module in SHARED else self._databases.get(user, "")
        return self._by_identity.get((database, module, identity), [])

    def module_of(self, resource: Resource) -> str:
        """Return the name of the module that holds a resource; empty for the root."""
        return self.modules.get(resource.calls, "")

    def module_beside(self, path: tuple[str, ...], user: Resource) -> str:
        """Return the name of the module at a path; empty if it is of another database."""
        module = self.modules.get(path, "")
        same = self._databases.get(path) == self._databases.get(user.calls)
        return module if same or module in SHARED else ""

    def facts_of(self, resource: Resource) -> Mapping[str, str]:
        """Return the values of the placeholders for the database of a resource."""
        return self._facts[self._databases.get(resource.calls, "")]

    def fill(self, pattern: str, resource: Resource, quote: Callable[[str], str] = str) -> str:
        """Return a pattern of the profile with the values of its placeholders."""
        key, of_stack = resource.key, self.facts_of(resource)
        own = {"key": text(key), "instance": of_stack["name"]}
        if key not in (None, "primary"):
            own["instance"] = f"{of_stack['name']}-{key}"
        facts = {**of_stack, **own}

        def fill(match: re.Match[str]) -> str:
            if match[1] in self.profile.arns:
                return quote(self._arn(match[1], resource))
            if match[1] == "star":
                return r"\*?"
            if match[1] == "accounts":
                return _ACCOUNTS % quote(facts["account"])
            if match[1] == "buckets":
                return f"{_BUCKETS}(?:, {_BUCKETS})*"
            if match[1] == "readers":
                reader = _READER % (quote(facts["partition"]), quote(facts["account"]))
                return f"{reader}(?:, {reader})*"
            return quote(facts[match[1]]) if match[1] in facts else match[0]

        return PLACEHOLDER.sub(fill, pattern)

    def _arn(self, name: str, user: Resource) -> str:
        """Return the planned ARN of a resource that the profile names, as policies hold it."""
        module, _, path = self.profile.arns[name].partition(" ")
        path, colon, suffix = path.partition(":")
        identity, _, attribute = path.rpartition(".")
        values = [r.planned(attribute) for r in self.instances(module, identity, user.calls)]
        if not values or UNKNOWN in values:
            return f"{{{name}}}"
        return ", ".join(sorted(f"{value}{colon}{suffix}" for value in values))

    def _stack_facts(self, path: tuple[str, ...]) -> dict[str, str]:
        """Return the values that the placeholders of the rules stand for, at a module call."""

        def planned(module: str, identity: str, argument: str) -> str:
            values = [r.planned(argument) for r in self.instances(module, identity, path)]
            return text(values[0]) if values else ""

        policy = planned("kms", "aws_kms_key.database", "policy")
        account = re.search(r":iam::(\d{12}):root", policy)
        zone = planned("network", "aws_subnet.private", "availability_zone")
        return {
            "name": planned("database", "aws_db_instance.primary", "identifier"),
            "engine": planned("database", "aws_db_instance.primary", "engine_version"),
            "account": account[1] if account else "",
            "region": zone[:-1],
            "partition": "aws-cn"
            if zone.startswith("cn-")
            else "aws-us-gov"
            if zone.startswith("us-gov")
            else "aws",
        }


def is_hidden(fact: str | None) -> bool:
    """Return whether the plan does not show the value of a placeholder."""
    hidden = text(UNKNOWN)
    return fact in ("", hidden, hidden[:-1])  # A region is a zone without its letter.
