"""Create a CI pipeline for the environments of a project, from the folder ``pipeline/``."""

from __future__ import annotations

import json
import os
import re
import textwrap
from collections.abc import Iterable
from contextlib import ExitStack
from pathlib import Path, PurePath, PurePosixPath
from typing import Final

from finbase.environment.load import discover
from finbase.environment.schema import NAME
from finbase.errors import FinbaseError
from finbase.project.git import folder_in_repository, top_of_repository
from finbase.scaffold import placing

PATHS: Final = {
    "github": PurePosixPath(".github/workflows/finbase.yml"),
    "gitlab": PurePosixPath(".gitlab-ci.yml"),
}
"""CI → the file in which it looks for a pipeline."""

DRIFT: Final = PurePosixPath(".github/workflows/finbase-drift.yml")
"""The workflow of GitHub that looks for drift; on GitLab the same file has such a job."""

OWNERS: Final = {
    "github": PurePosixPath(".github/CODEOWNERS"),
    "gitlab": PurePosixPath(".gitlab/CODEOWNERS"),
}
"""CI → the file in which it looks for the owners of paths."""

OWNER: Final = r"@[A-Za-z0-9][A-Za-z0-9_.-]*(/[A-Za-z0-9_.-]+)*"
"""Form of a user or team, such as ``@bank/security``."""

_TEMPLATES = Path(__file__).parent / "pipeline"
_PLAIN_FOLDER = r"[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)*"
_BODY = re.compile(r"^( *)@BODY@\n", re.MULTILINE)


def misplaced(root: Path, names: Iterable[str]) -> str:
    """Return what to do with files that only the root of a repository can have, or ""."""
    folder = folder_in_repository(root)
    if not folder.parts:
        return ""
    return (
        f"this project is in {folder} of its repository, and these files are read only in the root "
        f"of the repository: {', '.join(names)}; move them there, and change their paths as "
        "docs/how-to/own-repository.md says"
    )


def new_pipeline(root: Path, system: str, owners: tuple[str, ...] = ()) -> tuple[str, ...]:
    """Write the pipeline of a CI, ``github`` or ``gitlab``, and return its files.

    They are in the root of the repository, where the CI reads them, and are named by their paths
    from the project. With ``owners``, the last file names them for every file of the project.
    Raises ``FinbaseError`` for an invalid name, or if a file exists or cannot be written.
    """
    top, folder = top_of_repository(root), folder_in_repository(root)
    if folder.parts and re.fullmatch(_PLAIN_FOLDER, str(folder)) is None:
        raise FinbaseError(
            f"the folder {str(folder)!r} of the repository has a name that is not plain",
            "rename it: letters, digits, and . _ - inside of a name",
        )
    paths = [(top / PATHS[system], f"{system}.yml")]
    if system == "github":
        paths.append((top / DRIFT, "github-drift.yml"))
    existing = [path for path, _ in paths]
    if owners:
        paths.append((top / OWNERS[system], "CODEOWNERS"))
        # The CI reads one of these files, and ignores the others.
        existing += [top / "CODEOWNERS", top / "docs" / "CODEOWNERS", top / OWNERS[system]]
    for path in existing:
        placing.refuse_existing(path, top, "move it away, run this again, and merge the two files")
    for owner in owners:
        if re.fullmatch(OWNER, owner) is None:
            raise FinbaseError(
                f"{owner!r} is not a user or team", "write it as @name or @organisation/team"
            )
    names = [file.stem for file in discover(root)]
    for name in names:
        if re.fullmatch(NAME, name) is None:
            raise FinbaseError(
                f"environments/{name}.yaml is not named like an environment",
                "rename it: lowercase letters, digits and single hyphens",
            )
    with ExitStack() as undo:
        for path, template in paths:
            text = _placed(_BODY.sub(_issue_body, _read(template)), folder, system)
            values = {"@ENVIRONMENTS@": json.dumps(names)[1:-1], "@OWNERS@": " ".join(owners)}
            text = placing.filled(text, values)
            undo.enter_context(placing.new_file(path, text.encode()))
    return tuple(PurePath(os.path.relpath(path, root.resolve())).as_posix() for path, _ in paths)


def _placed(text: str, folder: PurePosixPath, system: str) -> str:
    """Return a template for a project in a folder of the repository, or in its root.

    A line with a setting that the root does not need is left out there.
    """
    if not folder.parts:
        text = re.sub(
            r"^ *(@DEFAULTS@|@PATHS@|@CHANGES@|- cd @FOLDER@)\n", "", text, flags=re.MULTILINE
        )
        owned = ["*"]
    else:
        # What else can ask for the credentials, or says who must review.
        forge = {"github": [".github/"], "gitlab": [".gitlab/", str(PATHS["gitlab"])]}[system]
        owned = [f"/{path}" for path in (f"{folder}/", *forge)]
    prefix = f"{folder}/" if folder.parts else ""
    values = {
        "@CHANGES@": f'changes: ["{folder}/**/*", {PATHS["gitlab"]}]',
        "@DEFAULTS@": f"defaults: {{run: {{working-directory: {folder}}}}}",
        "@FOLDER@": str(folder),
        "@INSIDE@": f"/{folder}" if prefix else "",
        "@OWNED@": "\n".join(f"{path} @OWNERS@" for path in owned),
        "@PATHS@": f'paths: ["{folder}/**", {PATHS["github"]}]',
        "@PREFIX@": prefix,
    }
    return placing.filled(text, values)


def _read(template: str) -> str:
    return (_TEMPLATES / template).read_text(encoding="utf-8")


def _issue_body(place: re.Match[str]) -> str:
    """Return the code that writes an issue, with the indentation of its place."""
    _, _, code = _read("drift_body.py").partition('"""\n\n')
    return textwrap.indent(code, place[1]) + "\n"
