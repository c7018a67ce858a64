"""What a plan shows of the environment that it is said to be of.

The constants in the configuration of the AWS provider say it. Without them, the ARNs and zones
among the planned values do: a rendered stack names its account in its policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finbase.errors import FinbaseError
from finbase.plan.kinds import released_calls

if TYPE_CHECKING:
    from finbase.environment.model import Environment

_ARN = re.compile(r"\barn:aws[\w-]*:[\w-]+:([\w-]*):(\d{12}):")
_ZONE = re.compile(r'"availability_zone": "([a-z]+(?:-[a-z]+)+-\d)[a-z]"')
_UNCHECKED = (
    *("access_key", "secret_key", "endpoints", "skip_credentials_validation"),
    "skip_requesting_account_id",
)
"""Settings of the provider with which it may never speak to AWS."""
_UNSET: tuple[Any, ...] = ({"constant_value": None}, {"constant_value": False}, {}, [])


@dataclass(frozen=True)
class Shown:
    """What a plan shows. ``accounts`` and ``regions`` may be those of others that it names, too.

    ``configured`` says that the provider's configuration names the account or the region. ``tags``
    are the names of environments in tags, ``modules`` the names and versions of released modules.
    ``offline`` is None if the plan does not show whether it was made on an account.
    """

    accounts: frozenset[str]
    regions: frozenset[str]
    configured: frozenset[str]
    tags: frozenset[str]
    modules: tuple[tuple[str, str], ...]
    offline: bool | None

    def one(self, found: frozenset[str], wanted: str | None) -> str:
        """Return ``wanted`` if it was found, or what is configured if None is; else nothing."""
        if wanted is None:
            named = sorted(found & self.configured)
            return named[0] if len(named) == 1 else ""
        return wanted if wanted in found else ""


def read_shown(plan: Mapping[str, Any]) -> Shown:
    """Return what a plan of a valid shape shows."""
    providers = [
        each.get("expressions", {})
        for each in plan["configuration"].get("provider_config", {}).values()
        if str(each.get("full_name", each.get("name", ""))).rpartition("/")[2] == "aws"
    ]
    accounts = {*_constants(providers, "allowed_account_ids")}
    regions = {*_constants(providers, "region")}
    values = json.dumps(plan["planned_values"])
    arns = {*_ARN.findall(values)}
    tags = {
        after["tags_all"].get("Environment")
        for each in plan.get("resource_changes", ())
        if isinstance((after := each["change"].get("after") or {}).get("tags_all"), Mapping)
    }
    return Shown(
        frozenset(accounts or {account for _, account in arns}),
        frozenset(regions or {region for region, _ in arns if region} | {*_ZONE.findall(values)}),
        frozenset(accounts | regions),
        frozenset(str(tag) for tag in tags if tag),
        tuple(sorted({(call.module, call.version) for call in released_calls(plan)})),
        _is_offline(providers),
    )


def demand_same(shown: Shown, environment: Environment) -> None:
    """Raise ``FinbaseError`` if a plan contradicts the file of the environment that was named."""
    file = f"environments/{environment.path.name}"
    for what in _contradictions(shown, environment):
        raise FinbaseError(
            f"the plan is not of {environment.name}: {what.format(file=file)}",
            f"render and plan {environment.name} again, or name no environment of the project",
        )


def _contradictions(shown: Shown, environment: Environment) -> Iterator[str]:
    pinned = {(use.name, str(use.version)) for use in environment.modules if use.instances}
    called = {*shown.modules}
    if lacking := sorted(pinned - called):
        yield f"it does not call {' '.join(lacking[0])}, which {{file}} pins"
    if others := sorted(called - pinned):
        yield f"it calls {' '.join(others[0])}, which {{file}} does not pin"
    for name, found, wanted in (
        ("account", shown.accounts, environment.account_id),
        ("region", shown.regions, environment.region),
        ("tag Environment", shown.tags, environment.name),
    ):
        if found and wanted not in found:
            yield f"its {name} is {', '.join(sorted(found)[:3])}, and {wanted} in {{file}}"


def _is_offline(providers: list[Mapping[str, Any]]) -> bool | None:
    if "offline" in _constants(providers, "access_key"):
        return True
    unchecked = any(
        each.get(name, {"constant_value": None}) not in _UNSET
        for each in providers
        for name in _UNCHECKED
    )
    return None if unchecked or not providers else False


def _constants(providers: list[Mapping[str, Any]], name: str) -> Iterator[str]:
    for each in providers:
        value = each[name].get("constant_value") if isinstance(each.get(name), Mapping) else None
        yield from map(str, value if isinstance(value, list) else [value] if value else [])
