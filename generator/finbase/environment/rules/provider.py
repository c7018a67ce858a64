"""Rules about the version of the AWS provider that an environment pins."""

from __future__ import annotations

from finbase.contract.version import Version, version_range
from finbase.environment.model import Environment
from finbase.environment.rules.rule import Finding, Findings, rule
from finbase.project.terraform_files import PROVIDER


@rule(
    "FB235",
    "provider outside the range of a module",
    "provider",
    why="Terraform installs one version of the provider for the stack and all its modules. "
    "`terraform init` stops if a module excludes that version.",
    source="https://developer.hashicorp.com/terraform/language/providers/requirements#version-constraints",
    accepted={"provider": "5.100.0"},
    refused={"provider": "5.99.0"},
    yaml_only="the range of a module is its own check, which Terraform makes in `terraform init`",
)
def within_range(environment: Environment) -> Findings:
    """Each module must allow the version of the AWS provider that the environment pins."""
    try:
        version = Version.parse(environment.provider)
    except ValueError:
        return
    for use in environment.modules:
        for provider in use.contract.providers.values():
            allowed = provider.get("version", "")
            if provider["source"] == PROVIDER and not version_range(allowed).includes(version):
                message = (
                    f"{use.name} {use.version} allows versions {allowed} of the provider, "
                    f"not {version}"
                )
                hint = "pin a version in that range, or another release of the module"
                yield Finding(("provider",), message, hint)
                return
