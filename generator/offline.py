"""Copies of a stack that can be planned without AWS; the stack itself is never touched.

The copy has the stack and the modules it uses at the same places relative to each other, so
``../../modules`` still works, and override files: local state, and a provider that has
static credentials and asks nobody about them.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

from generator.errors import TerraformError
from generator.provider import quoted

__all__ = ["LOCAL_SOURCE", "copy_stack", "isolate_backend", "isolate_provider", "requirements"]

LOCAL_SOURCE = re.compile(r'(?:^|[{,\s])"?source"?\s*[=:]\s*"(\.{1,2}/[^"]*)"')
"""The ``source`` of a module that lies in the same project, as a path from where it is called."""

_REQUIREMENTS = re.compile(r"^\s*required_providers\s*\{", re.MULTILINE)
_AWS = re.compile(r'^\s*provider\s+"aws"\s*\{', re.MULTILINE)
_ALIAS = re.compile(r'^\s*alias\s*=\s*"([^"]+)"', re.MULTILINE)
_IGNORED = shutil.ignore_patterns(".terraform", ".git", "*.tfstate", "*.tfstate.*", "*.tfplan")

_BACKEND = 'terraform {\n  backend "local" {}\n}\n'
_PROVIDER = """provider "aws" {{
{alias}  access_key                  = "offline"
  secret_key                  = "offline"
  allowed_account_ids         = null
  max_retries                 = 1
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_region_validation      = true
  skip_requesting_account_id  = true
}}
"""


def copy_stack(folder: Path, project: Path, root: Path) -> Path:
    """Copy a stack or module, with every local module it uses, below ``root``.

    ``folder`` and ``project`` are resolved paths. The result is the copy of ``folder``.
    Raises ``TerraformError`` where a module lies outside of ``project`` or is not there.
    """
    found: list[Path] = []
    queue = [folder]
    try:
        while queue:
            source = queue.pop()
            if source in found:
                continue
            found.append(source)
            if not source.is_relative_to(project):
                raise TerraformError(
                    f"{folder} uses {source}, which lies outside of {project}",
                    "keep stacks and their modules in one project folder",
                )
            target = root / source.relative_to(project)
            shutil.copytree(source, target, ignore=_IGNORED, dirs_exist_ok=True)
            for text in _sources(source):
                queue += [(source / path).resolve() for path in LOCAL_SOURCE.findall(text)]
    except (OSError, shutil.Error) as error:
        raise TerraformError(f"{folder} cannot be copied for a plan: {error}") from error
    return root / folder.relative_to(project)


def isolate_backend(folder: Path) -> None:
    """Make the copy keep its state in itself."""
    (folder / "zz_finbase_backend_override.tf").write_text(_BACKEND)


def isolate_provider(folder: Path) -> None:
    """Make every AWS provider of the copy ask nobody; give it one if it has none.

    ``allowed_account_ids`` goes, since the account is not known without asking AWS.
    """
    blocks = [body for text in _sources(folder) for body in _bodies(_AWS, text)]
    aliases = [_ALIAS.search(body) for body in blocks]
    name = "zz_finbase_provider_override.tf" if blocks else "zz_finbase_provider.tf"
    (folder / name).write_text(
        "\n".join(
            _PROVIDER.format(alias=f"  alias = {quoted(alias[1])}\n" if alias else "")
            for alias in aliases or [None]
        )
    )


def requirements(root: Path, folder: Path) -> frozenset[str]:
    """Return all that decides which providers ``init`` selects, below ``root``.

    That is each version constraint, and the lock file of the stack in ``folder``.
    """
    lock = folder / ".terraform.lock.hcl"
    found = {lock.read_text()} if lock.is_file() else set()
    for path in root.rglob("*.tf"):
        bodies = _bodies(_REQUIREMENTS, path.read_text(encoding="utf-8", errors="replace"))
        found |= {" ".join(body.split()) for body in bodies}
    return frozenset(found | {path.read_text() for path in root.rglob("*.tf.json")})


def _sources(folder: Path) -> Iterator[str]:
    for path in sorted([*folder.glob("*.tf"), *folder.glob("*.tf.json")]):
        yield path.read_text(encoding="utf-8", errors="replace")


def _bodies(header: re.Pattern[str], text: str) -> Iterator[str]:
    """Yield what stands between the braces of each block that ``header`` opens."""
    for match in header.finditer(text):
        depth, end = 1, match.end()
        while depth and end < len(text):
            depth += {"{": 1, "}": -1}.get(text[end], 0)
            end += 1
        yield text[match.end() : end - 1]
