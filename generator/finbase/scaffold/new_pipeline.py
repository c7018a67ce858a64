"""Create a CI pipeline for the environments of a project, from the folder ``pipeline/``."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import Final

from finbase.environment.load import discover
from finbase.scaffold import placing

PATHS: Final = {
    "github": PurePosixPath(".github/workflows/finbase.yml"),
    "gitlab": PurePosixPath(".gitlab-ci.yml"),
}
"""CI → the file in which it looks for a pipeline."""

_TEMPLATES = Path(__file__).parent / "pipeline"
_ENVIRONMENTS = "@ENVIRONMENTS@"


def new_pipeline(root: Path, system: str) -> Path:
    """Write the pipeline of a CI, ``github`` or ``gitlab``, and return its path.

    Raises ``FinbaseError`` if the file exists or cannot be written.
    """
    path = root / PATHS[system]
    placing.refuse_existing(path, root, "move it away, run this again, and merge the two files")
    template = (_TEMPLATES / f"{system}.yml").read_text(encoding="utf-8")
    environments = ", ".join(file.stem for file in discover(root))
    with placing.new_file(path, template.replace(_ENVIRONMENTS, environments).encode()):
        return path
