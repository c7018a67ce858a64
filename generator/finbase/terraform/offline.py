"""Copy a stack so that it can be planned without AWS; the stack itself is never changed.

The copy has the stack and the modules it uses at the same relative paths, so ``../../modules``
still works. Override files set local state, and a provider with static credentials that does not
check them.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from finbase.errors import TerraformError
from finbase.project.files import first_reason
from finbase.project.terraform_files import LOCK_FILE, is_code, is_left_behind, is_read
from finbase.source.bounds import load_json
from finbase.source.hcl_scan import Block, quoted, scan, scan_parts, string_value

_READS_BY = re.compile(r"^reads_by: (\w+)$", re.MULTILINE)
_NOT_PLANNED = {".terraform", ".git"}
UNGUARDED = "zz_finbase_unguarded_override.tf"
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
{endpoints}}}
"""


def is_unplanned(_: str, names: list[str]) -> set[str]:
    """Return the names that are not part of a plan, for ``shutil.copytree``."""
    return {name for name in names if name in _NOT_PLANNED or is_left_behind(name)}


def copy_stack(folder: Path, project: Path, root: Path) -> Path:
    """Copy a stack or module, with every local module it uses, below ``root``.

    ``folder`` and ``project`` are resolved paths. Return the copy of ``folder``.
    Raises ``TerraformError`` if a module is outside of ``project`` or does not exist.
    """
    try:
        for source in used_folders(folder, project):
            target = root / source.relative_to(project)
            shutil.copytree(source, target, ignore=is_unplanned, dirs_exist_ok=True)
            _make_writable(target)
    except OSError as error:
        why, full = first_reason(error)
        unread = isinstance(error, shutil.Error) and not full
        raise TerraformError(
            f"{folder} cannot be copied for a plan: {why}",
            "check that this user may read the stack and its modules"
            if unread
            else "free some space for temporary files, or set TMPDIR to a folder that has it",
        ) from error
    return root / folder.relative_to(project)


def used_folders(folder: Path, project: Path, known: Code | None = None) -> tuple[Path, ...]:
    """Return a stack's or module's folder and those of all local modules it uses, at any depth.

    ``folder`` and ``project`` are resolved paths. ``known`` has the code of folders, and gets what
    is read: pass it again for another stack of the same project. Raises ``TerraformError`` if a
    folder is outside of ``project`` or does not exist, and ``OSError`` if it cannot be read.
    """
    found: dict[Path, None] = {}
    known = known or Code()
    queue = [folder]
    while queue:
        source = queue.pop()
        if source in found:
            continue
        found[source] = None
        if source in known.uses:
            queue += known.uses[source]
            continue
        if not source.is_relative_to(project):
            raise TerraformError(
                f"{folder} uses {source}, which is outside of {project}",
                "keep stacks and their modules in one project folder",
            )
        if not source.is_dir():
            what = f"{folder} uses {source}, which" if source != folder else str(folder)
            raise TerraformError(
                f"{what} does not exist",
                "`finbase render` writes the stacks, and the module versions that they pin",
            )
        known.read(source)
        queue += known.uses[source]
    return tuple(found)


class Code:
    """The code of resolved folders: the texts of their files, and the folders that they use."""

    def __init__(self) -> None:
        self.texts: dict[Path, dict[str, str]] = {}
        self.uses: dict[Path, list[Path]] = {}
        self._places: dict[tuple[str, str], Path] = {}

    def read(self, folder: Path) -> dict[str, str]:
        """Read a folder; return its texts. Raises ``OSError`` if it cannot be read."""
        texts = {path.name: _read(path) for path in _code(folder)}
        calls = {call for file in texts.items() for call in local_sources(*file)}
        self.uses[folder] = [self._place(str(folder), call) for call in calls]
        self.texts[folder] = texts
        return texts

    def _place(self, folder: str, call: str) -> Path:
        """Return where a path leads; stacks differ only in the folder that they leave first."""
        while call.startswith("../"):
            folder, call = os.path.dirname(folder), call[3:].lstrip("/")  # noqa: PTH120
        if (folder, call) not in self._places:
            self._places[folder, call] = Path(folder, call).resolve()
        return self._places[folder, call]


def local_sources(name: str, text: str) -> tuple[str, ...]:
    """Return the relative paths that the module calls of a file have as sources.

    ``name`` is the file's name: JSON has another syntax.

    >>> local_sources("main.tf", 'module "a" {\\n  source = "../a"\\n}\\n')
    ('../a',)
    """
    if name.endswith(".json"):
        sources = _json_sources(text)
    else:
        blocks = (block for part in scan_parts(text) for block in part.blocks)
        modules = (block for block in blocks if block.type == "module")
        sources = [string_value(block.attributes.get("source", "")) for block in modules]
    return tuple(s for s in sources if isinstance(s, str) and s.startswith(("./", "../")))


def isolate_backend(folder: Path) -> None:
    """Make the copy keep its state in its own folder."""
    (folder / "zz_finbase_backend_override.tf").write_text(_BACKEND)


def isolate_provider(folder: Path, secrets: str = "") -> None:
    """Override every AWS provider of the copy so that it sends no requests; add one if it has none.

    ``allowed_account_ids`` is removed, since only AWS could say which account it is. ``secrets`` is
    the URL of a server to read ephemeral secrets from.
    """
    endpoints = f"  endpoints {{\n    secretsmanager = {quoted(secrets)}\n  }}\n" if secrets else ""
    blocks = _aws_providers(_code(folder))
    aliases = [string_value(block.attributes.get("alias", "")) for block in blocks]
    name = "zz_finbase_provider_override.tf" if blocks else "zz_finbase_provider.tf"
    (folder / name).write_text(
        "\n".join(
            _PROVIDER.format(
                alias=f"  alias = {quoted(alias)}\n" if alias else "", endpoints=endpoints
            )
            for alias in aliases or [None]
        )
    )


def leave_unread(folder: Path) -> None:
    """Keep Terraform from reading the account for the modules of the copy whose contracts say so.

    Each gets an unknown value for the input by which its data sources find what they read, so
    Terraform leaves them for an apply, and the plan shows none of their values.
    """
    calls = []
    for block in _blocks(_code(folder), "module"):
        source = string_value(block.attributes.get("source", ""))
        if source and source.startswith("."):
            contract = folder / source / "contract.yaml"
            if contract.is_file() and (match := _READS_BY.search(_read(contract))):
                calls.append(
                    f"module {quoted(block.labels[0])} {{\n  {match[1]} = timestamp()\n}}\n"
                )
    if calls:
        (folder / "zz_finbase_unread_override.tf").write_text("\n".join(calls))


def lift_guards(folder: Path) -> tuple[str, ...]:
    """Let Terraform destroy what the copy protects by ``prevent_destroy``; return its addresses.

    An override file does it, as the owner of a stack does by ``deletion_protection: false``.
    """
    guarded = dict.fromkeys(
        block.labels
        for block in _blocks(_code(folder), "resource")
        if any("prevent_destroy" in inner.attributes for inner in block.blocks)
    )
    blocks = (
        f"resource {quoted(type_)} {quoted(name)} {{\n"
        "  lifecycle {\n    prevent_destroy = false\n  }\n}\n"
        for type_, name in guarded
    )
    if guarded:
        (folder / UNGUARDED).write_text("\n".join(blocks))
    return tuple(".".join(labels) for labels in guarded)


def count_aws_configurations(root: Path) -> int:
    """Return how many configurations of the AWS provider the files below ``root`` may have.

    A block with an alias counts as two, because the default configuration may exist beside it and
    OpenTofu's ``for_each`` makes several of one.
    """
    blocks = _aws_providers(code_below(root))
    return len(blocks) + sum(1 for block in blocks if "alias" in block.attributes)


def requirements(root: Path, folder: Path) -> frozenset[str]:
    """Return every text below ``root`` that decides which providers ``init`` selects.

    That is each version constraint, and the lock file of the stack in ``folder``.
    """
    lock = folder / LOCK_FILE
    texts = {lock.read_text()} if lock.is_file() else set()
    for path in code_below(root):
        blocks = scan(_read(path)).walk("required_providers")
        texts |= {" ".join(block.text.split()) for block in blocks}
    return frozenset(texts)


def module_calls(root: Path, folder: Path) -> frozenset[tuple[str, ...]]:
    """Return every value below ``root`` that decides which modules ``terraform get`` finds.

    That is, for each module call, its folder as seen from ``folder``, its label and its source,
    which is a local path: ``refuse_code`` has refused every other one.
    """
    return frozenset(
        (os.path.relpath(path.parent, folder), *block.labels, block.attributes.get("source", ""))
        for path in code_below(root)
        for block in _blocks([path], "module")
    )


def _make_writable(folder: Path) -> None:
    """Let the owner write to a copy, which has the modes of a possibly read-only checkout."""
    for path in (folder, *folder.rglob("*")):
        more = stat.S_IRWXU if path.is_dir() else stat.S_IRUSR | stat.S_IWUSR
        path.chmod(stat.S_IMODE(path.stat().st_mode) | more)


def _code(folder: Path) -> list[Path]:
    entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    return [folder / entry.name for entry in entries if is_code(entry.name) and entry.is_file()]


def files_below(root: Path) -> list[Path]:
    """Return the files in ``root`` and below it that Terraform reads, sorted."""
    return sorted(path for path in root.rglob("*") if is_read(path.name) and path.is_file())


def code_below(root: Path) -> list[Path]:
    """Return the files with configuration in ``root`` and all folders below it, sorted."""
    return sorted(path for path in root.rglob("*") if is_code(path.name) and path.is_file())


def _read(path: Path) -> str:
    # Terraform ends a line at a line feed only, which reading as text would not.
    return path.read_bytes().decode("utf-8", errors="replace")


def _blocks(paths: Iterable[Path], type_: str) -> Iterator[Block]:
    """Yield the blocks of a type at the top of files, except files in JSON."""
    for path in paths:
        if path.suffix != ".json":
            yield from (block for block in scan(_read(path)).blocks if block.type == type_)


def _aws_providers(paths: Iterable[Path]) -> list[Block]:
    return [block for block in _blocks(paths, "provider") if block.labels == ("aws",)]


def _json_sources(text: str) -> list[Any]:
    """Return the source of each module of a ``.tf.json`` file, which may have lists anywhere."""
    try:
        file = load_json(text.encode())
    except ValueError:
        return []  # Terraform reports the error.
    groups = [modules for part in _objects(file) for modules in _objects(part.get("module"))]
    calls = [call for group in groups for value in group.values() for call in _objects(value)]
    return [call.get("source") for call in calls]


def _objects(value: Any) -> list[dict[str, Any]]:
    """Return the objects in a JSON value that may be an object or a list of them."""
    return [v for v in (value if isinstance(value, list) else [value]) if isinstance(v, dict)]
