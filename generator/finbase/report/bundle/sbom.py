"""What a verdict was made with, as a bill of materials in CycloneDX 1.6.

The Python packages are those that finbase requires and that are installed, with their own
requirements. See https://cyclonedx.org/docs/1.6/json/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from finbase.report.bundle.statement import dump
from finbase.report.provenance import Facts
from finbase.source.hcl_scan import scan

_NAME = re.compile(r"[A-Za-z0-9._-]+")
_HASH = re.compile(r'"((?:h1|zh):[^"]+)"')


def sbom(facts: Facts, provider_lock: str) -> bytes:
    """Return the document; ``provider_lock`` is the stack's ``.terraform.lock.hcl``."""
    packages = _closure("finbase")
    own = packages.pop("finbase")
    components = [_package(name, version) for name, version in sorted(packages.items())]
    if facts.plan.terraform:
        components.append(
            {"type": "application", "bom-ref": "terraform", "name": "terraform"}
            | {"version": facts.plan.terraform}
        )
    hashes = {
        label: _HASH.findall(block.attributes.get("hashes", ""))
        for block in scan(provider_lock).blocks
        for label in block.labels
    }
    for provider in facts.plan.providers:
        address, _, version = provider.partition(" ")
        components.append(_terraform("provider", address, version, hashes.get(address, [])))
    for pin in facts.modules:
        components.append(_terraform("module", pin.name, pin.version, filter(None, [pin.hash])))
    return dump(
        {
            "bomFormat": "CycloneDX",
            "specVersion": "1.6",
            "version": 1,
            "metadata": {"component": _package("finbase", own) | {"type": "application"}},
            "components": components,
        }
    )


def _closure(root: str) -> dict[str, str]:
    """Return the installed versions of a package and of all that it requires, by name."""
    found: dict[str, str] = {}
    queue = [root]
    while queue:
        name = queue.pop()
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue  # It is for another platform.
        key = re.sub(r"[-_.]+", "-", distribution.name).lower()
        if key not in found:
            found[key] = distribution.version
            needed = [line for line in distribution.requires or () if "extra ==" not in line]
            queue += [match[0] for line in needed if (match := _NAME.match(line))]
    return found


def _package(name: str, version: str) -> dict[str, Any]:
    purl = f"pkg:pypi/{name}@{version}"
    return {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
    }


def _terraform(kind: str, name: str, version: str, hashes: Iterable[str]) -> dict[str, Any]:
    return {
        "type": "library",
        "bom-ref": f"terraform-{kind}:{name}@{version}",
        "group": f"terraform {kind}",
        "name": name,
        "version": version,
        "properties": [{"name": "terraform:hash", "value": value} for value in hashes],
    }
