"""Copies of a stack that can be planned without AWS; the stack itself is never touched.

The copy has the stack and the modules it uses at the same places relative to each other, so
``../../modules`` still works, and override files: local state, and a provider that has
static credentials and asks nobody about them.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path

from finbase.errors import TerraformError
from finbase.terraform.provider import quoted

__all__ = [
    "IGNORED",
    "LOCAL_SOURCE",
    "copy_stack",
    "isolate_backend",
    "isolate_provider",
    "module_calls",
    "requirements",
    "used_folders",
]

LOCAL_SOURCE = re.compile(r'(?:^|[{,\s])"?source"?\s*[=:]\s*"(\.{1,2}/[^"]*)"')
"""The ``source`` of a module that lies in the same project, as a path from where it is called."""

_MODULE = re.compile(r'^\s*module\s+(?:"([\w-]+)"\s*\{)?', re.MULTILINE)
_REQUIREMENTS = re.compile(r"^\s*required_providers\s*\{", re.MULTILINE)
_AWS = re.compile(r'^\s*provider\s+"aws"\s*\{', re.MULTILINE)
_ALIAS = re.compile(r'^\s*alias\s*=\s*"([^"]+)"', re.MULTILINE)
IGNORED = shutil.ignore_patterns(".terraform", ".git", "*.tfstate", "*.tfstate.*", "*.tfplan")
"""What of a folder is no part of a plan, for ``shutil.copytree``."""


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
    try:
        for source in used_folders(folder, project):
            target = root / source.relative_to(project)
            shutil.copytree(source, target, ignore=IGNORED, dirs_exist_ok=True)
            _make_writable(target)
    except (OSError, shutil.Error) as error:
        raise TerraformError(
            f"{folder} cannot be copied for a plan: {error}",
            "there has to be room for temporary files; TMPDIR names another place for them",
        ) from error
    return root / folder.relative_to(project)


def used_folders(folder: Path, project: Path) -> tuple[Path, ...]:
    """Return a stack's or module's folder and those of all local modules it uses, at any depth.

    ``folder`` and ``project`` are resolved paths. Raises ``TerraformError`` where one lies
    outside of ``project`` or is not there, and ``OSError`` where one cannot be read.
    """
    found: dict[Path, None] = {}
    queue = [folder]
    while queue:
        source = queue.pop()
        if source in found:
            continue
        found[source] = None
        if not source.is_relative_to(project):
            raise TerraformError(
                f"{folder} uses {source}, which lies outside of {project}",
                "keep stacks and their modules in one project folder",
            )
        if not source.is_dir():
            what = f"{folder} uses {source}, which" if source != folder else str(folder)
            raise TerraformError(
                f"{what} is not there",
                "`finbase render` writes the stacks, and the module versions that they pin",
            )
        for text in _sources(source):
            queue += [(source / path).resolve() for path in LOCAL_SOURCE.findall(text)]
    return tuple(found)


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


def module_calls(root: Path, folder: Path) -> frozenset[tuple[str, ...]] | None:
    """Return all that decides which modules ``terraform get`` finds for ``folder``, below ``root``.

    That is where each module block stands, seen from ``folder``, its label and its source. None
    where that cannot be told from the text: then Terraform has to be asked.
    """
    if any(root.rglob("*.tf.json")):
        return None
    found: set[tuple[str, ...]] = set()
    for path in root.rglob("*.tf"):
        text = path.read_text(encoding="utf-8", errors="replace")
        place = os.path.relpath(path.parent, folder)
        for match in _MODULE.finditer(text):
            sources = LOCAL_SOURCE.findall(next(_bodies(_MODULE, text[match.start() :])))
            if match[1] is None or len(sources) != 1:
                return None
            found.add((place, match[1], *sources))
    return frozenset(found)


def _make_writable(folder: Path) -> None:
    """Let the owner write to a copy; one of a read-only checkout has its modes."""
    for path in (folder, *folder.rglob("*")):
        more = stat.S_IRWXU if path.is_dir() else stat.S_IRUSR | stat.S_IWUSR
        path.chmod(stat.S_IMODE(path.stat().st_mode) | more)


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
