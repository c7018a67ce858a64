"""Create the Terraform of the state bucket of an environment, from the folder ``state/``."""

from __future__ import annotations

from pathlib import Path, PurePath
from typing import Final

from finbase.environment.model import Environment
from finbase.project.terraform_files import LOCK_FILE
from finbase.render.stack import ProviderChoice, constraints, default_tags
from finbase.render.templating import render_file
from finbase.scaffold import placing

_TEMPLATES: Final = Path(__file__).parent
_FOLDER: Final = "bootstrap"


def new_state(root: Path, environment: Environment, *, key_exists: bool) -> tuple[Path, ...]:
    """Write ``bootstrap/<environment>/`` and return its files.

    It has a key only if the file names one by an alias and ``key_exists`` is false. Versions of
    Terraform and the provider are those of the stack. Raises ``FinbaseError`` if the folder exists
    or cannot be written.
    """
    folder = root / _FOLDER / environment.name
    placing.refuse_existing(folder, root, "move it away, and run this again")
    alias = environment.state["kms_key_id"].startswith("alias/") and not key_exists
    tags = default_tags(environment)
    tags |= {"Project": environment.project, "Environment": environment.name}
    context = {"environment": environment, "alias": alias, "tags": tags}
    header = f"Made once by finbase new state from {environment.document.path}; it is yours."
    rendered = render_file(_TEMPLATES, "state/main.tf.j2", "main.tf.j2", context, header)
    pins, provider, _ = ProviderChoice(root / "templates")(environment)
    rendered |= render_file(
        root / "templates", "stack/versions.tf.j2", "versions.tf.j2", {"pins": pins}, header
    )
    versions = constraints([pins["providers"]], provider.source)
    rendered[LOCK_FILE] = provider.lock_file(header, versions)
    placing.new_folder(folder, {PurePath(name): text for name, text in rendered.items()})
    return tuple(folder / name for name in rendered)
