"""What a plan shows of the environment that it is said to be of.

The configuration of the AWS provider says it, by constants or variables. Without them, the ARNs
and zones among the planned values do: a rendered stack names its account in its policies.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from finbase.errors import FinbaseError
from finbase.plan.graph import read_stack
from finbase.plan.kinds import released_calls
from finbase.project.shipped import shipped

if TYPE_CHECKING:
    from finbase.environment.model import Environment

_ARN = re.compile(r"\barn:aws[\w-]*:[\w-]+:([\w-]*):(\d{12}):")
_ZONE = re.compile(r'"availability_zone": "([a-z]+(?:-[a-z]+)+-\d)[a-z]"')
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z]+(?:-[a-z]+)+-\d")
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
    # Not with the project's reader, which the author of a plan could change with it.
    stack = read_stack(plan, shipped("features"))
    accounts = _followed(providers, "allowed_account_ids", stack.accounts(), _ACCOUNT)
    regions = _followed(providers, "region", stack.regions(), _REGION)
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


def demand_same(shown: Shown, environment: Environment, otherwise: str) -> None:
    """Raise ``FinbaseError`` if a plan contradicts the file of the environment that was named.

    Its hint is to plan again, or what ``otherwise`` says.
    """
    file = f"environments/{environment.path.name}"
    for what in _contradictions(shown, environment):
        raise FinbaseError(
            f"the plan is not of {environment.name}: {what.format(file=file)}",
            f"render and plan {environment.name} again, or {otherwise}",
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
    if any(each.get("access_key") == {"constant_value": "offline"} for each in providers):
        return True
    unchecked = any(
        each.get(name, {"constant_value": None}) not in _UNSET
        for each in providers
        for name in _UNCHECKED
    )
    return None if unchecked or not providers else False


def _followed(
    providers: list[Mapping[str, Any]], name: str, values: tuple[str, ...], form: re.Pattern[str]
) -> set[str]:
    """Return the values of an argument, unless an expression chooses between several."""
    expressions = [each.get(name) or {} for each in providers]
    if any(len(expression.get("references", ())) > 1 for expression in expressions):
        return set()
    return {value for value in values if form.fullmatch(value)}
