"""Compare the providers and the backend of a stack with the design."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from design_calls import Call
from design_profile import ELSEWHERE, Profile
from design_values import Deviation
from sources import Block, Sources, normalised
from stack_graph import Stack

_OFFLINE: Mapping[str, Any] = {
    "access_key": "offline",
    "secret_key": "offline",
    "allowed_account_ids": None,
    "max_retries": 1,
    "skip_credentials_validation": True,
    "skip_metadata_api_check": True,
    "skip_region_validation": True,
    "skip_requesting_account_id": True,
}
"""What finbase overrides in the provider of a plan without an account. No account accepts it."""

_SECRETS_SERVER = re.compile(r"http://127\.0\.0\.1:\d+")
"""Where finbase answers for the secrets of a plan from a state without an account."""

_FILLED = re.compile(r'"[^"\\$%]*[A-Za-z][^"\\$%]*"')
"""A text of HCL with a letter and without a template."""

_NO_BLOCK = Block((), {}, [])


class Settings:
    """The settings of a stack: its providers and its backend."""

    def __init__(
        self, stack: Stack, profile: Profile, calls: list[Call], sources: Sources | None
    ) -> None:
        self.stack, self.profile = stack, profile
        self.calls, self.sources = calls, sources

    def deviations(self) -> Iterator[Deviation]:
        """Yield how the providers and the backend differ from the design."""
        yield from self._providers()
        yield from self._backend()

    def _providers(self) -> Iterator[Deviation]:
        rules = self.profile.provider
        version = rules["version"].removeprefix("F09 like ")
        for key, config in self.stack.provider_config.items():
            name = config.get("full_name", config.get("name", ""))
            if name.endswith("builtin/terraform"):
                continue
            if not name.endswith("hashicorp/aws"):
                yield Deviation("B12", f"provider {key}: {name} is not of the design; remove it")
                continue
            if config.get("alias") or config.get("module_address"):
                text_ = f"provider {key}: not of the design; use the one provider"
                yield from (Deviation(c, text_) for c in self._controls_of_alias(key))
                continue
            constraint = config.get("version_constraint", "")
            if not re.fullmatch(version, constraint.removeprefix("=").strip()):
                yield Deviation(
                    "F09", f"provider {key}: version {constraint or 'any'}; pin one version"
                )
            for argument in self._provider_arguments(config.get("expressions", {})):
                yield Deviation(ELSEWHERE, f"provider {key}: {argument} is not of the design")
            yield from self._guards(key)

    def _guards(self, key: str) -> Iterator[Deviation]:
        """Require what the HCL of the provider says about the account; no plan offline shows it."""
        blocks = [*self.sources.module(()).of("provider", "aws")] if self.sources else []
        for block in blocks or ([_NO_BLOCK] if self.sources else []):
            for line in self.profile.provider["written"].split("; "):
                name, _, wanted = line.partition(" = ")
                now = block.arguments.get(name)
                if "alias" not in block.arguments and now != normalised(wanted):
                    text_ = f"{name} is {now or 'not set'}; the design says: {wanted}"
                    yield Deviation(ELSEWHERE, f"provider {key}: {text_}")

    def _backend(self) -> Iterator[Deviation]:
        """Refuse settings that send the state elsewhere, or as somebody else, or unencrypted."""
        rules = self.profile.backend
        settings = self.sources.module(()).of("terraform") if self.sources else ()
        blocks = [b for setting in settings for b in setting.of("backend")]
        if self.sources and not blocks:
            text_ = f"backend: not set, so the state is a file; the design says: {rules['type']}"
            yield Deviation(ELSEWHERE, text_)
        for block in blocks:
            kind = " ".join(block.labels[1:])
            if kind != rules["type"]:
                yield Deviation(ELSEWHERE, f"backend {kind}: the design says: {rules['type']}")
                continue
            names = {*block.arguments} | {inner.labels[0] for inner in block.blocks}
            for name in sorted(names - {*rules["arguments"].split(", ")}):
                yield Deviation(ELSEWHERE, f"backend: {name} is not of the design; remove it")
            for line in rules["written"].split("; "):
                name, _, wanted = line.partition(" = ")
                now = block.arguments.get(name)
                fine = _FILLED.fullmatch(now or "") if wanted == "text" else now == wanted
                if not fine:
                    text_ = f"backend: {name} is {now or 'not set'}; the design says: {wanted}"
                    yield Deviation(ELSEWHERE, text_)

    def _provider_arguments(self, planned: Mapping[str, Any]) -> list[str]:
        """Return what the provider sets beside the design, in the HCL if it is available."""
        allowed = {*self.profile.provider["arguments"].split(", ")}
        names = {*planned}
        if _is_offline(planned):
            names -= {*_OFFLINE, "endpoints"}
        if self.sources:
            for block in self.sources.module(()).of("provider", "aws"):
                names |= block.arguments.keys() - {"alias"} | {b.labels[0] for b in block.blocks}
        return sorted(names - allowed)

    def _controls_of_alias(self, key: str) -> list[str]:
        """Return the controls of the resources of a provider; of instances, that of windows."""
        users = {
            block["type"]
            for call in self.calls
            for block in call.configuration.get("resources", ())
            if block.get("provider_config_key") == key
        }
        if "aws_db_instance" in users:
            return ["F04c"]
        return sorted({self.profile.control(type_) for type_ in users} or {ELSEWHERE})


def _is_offline(planned: Mapping[str, Any]) -> bool:
    """Return whether a provider has exactly what finbase overrides without an account.

    A stack that only imitates one of these settings is refused: it may send values
    of Terraform to another host.
    """
    literals = {name: {"constant_value": value} for name, value in _OFFLINE.items()}
    if any(planned.get(name) != literal for name, literal in literals.items()):
        return False
    match planned.get("endpoints"):
        case None:
            return True
        case [{"secretsmanager": {"constant_value": str(address)}, **others}]:
            return not others and _SECRETS_SERVER.fullmatch(address) is not None
    return False
