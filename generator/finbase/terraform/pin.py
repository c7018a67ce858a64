"""Ask Terraform for the checksums of a provider's packages.

It reads them from the registry, which signs them, or computes them from a filesystem mirror, which
has the packages of some platforms only.
"""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterable
from pathlib import Path

from finbase.errors import TerraformError
from finbase.project.terraform_files import LOCK_FILE, PROVIDER
from finbase.system.processes import Processes
from finbase.terraform.program import Terraform, isolated_environ
from finbase.terraform.provider import find_provider

PLATFORMS = ("darwin_amd64", "darwin_arm64", "linux_amd64", "linux_arm64")

_HASH = re.compile(r'"((?:h1|zh):[^"]+)"')


def fetch_checksums(terraform: Terraform, version: str) -> tuple[tuple[str, ...], str]:
    """Return the checksums of a version of the AWS provider, and where they are from.

    Raises ``TerraformError`` if neither the registry nor a mirror has the version.
    """
    try:
        return _lock(terraform, version, PLATFORMS), f"the registry, {terraform.host}"
    except TerraformError as error:
        for mirror in find_provider(terraform).mirrors:
            if mirror.host == terraform.host and version in mirror.versions(terraform.platform):
                options = [f"-fs-mirror={mirror.root}"]
                hashes = _lock(terraform, version, [terraform.platform], *options)
                return hashes, f"{mirror.root}, for {terraform.platform} only"
        raise TerraformError(
            error.message,
            f"choose a version that exists, and let this machine reach {terraform.host}, or bring "
            "a filesystem mirror that has it: docs/how-to/upgrade-the-provider.md",
        ) from error


def _lock(
    terraform: Terraform, version: str, platforms: Iterable[str], *options: str
) -> tuple[str, ...]:
    with tempfile.TemporaryDirectory(prefix="finbase-") as scratch, Processes() as processes:
        folder = Path(scratch)
        (folder / "versions.tf").write_text(
            "terraform {\n  required_providers {\n"
            f'    aws = {{\n      source  = "{PROVIDER}"\n      version = "= {version}"\n    }}\n'
            "  }\n}\n"
        )
        terraform.run(
            *("providers", "lock", "-no-color", *options),
            *(f"-platform={platform}" for platform in platforms),
            cwd=folder,
            environ=isolated_environ(os.environ),
            processes=processes,
            subject=f"{PROVIDER} {version}",
        )
        return tuple(_HASH.findall((folder / LOCK_FILE).read_text()))
