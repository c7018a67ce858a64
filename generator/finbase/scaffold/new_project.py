"""Create a project in a folder that has none: the files of finbase, and one environment."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from finbase.contract.lock import PATH as LOCK
from finbase.project.files import wrap_os_errors
from finbase.project.find import is_project
from finbase.project.git import folder_in_repository
from finbase.project.journal import Journal, Step
from finbase.project.tree import apply
from finbase.scaffold import placing, renovate
from finbase.scaffold.shipment import PACKAGES, RECORD, REQUIREMENTS, Record, Shipment

ENVIRONMENT = "development"
_TEMPLATES = Path(__file__).parent / "project"
_IGNORE = PurePosixPath(".gitignore")
_FOLDERS = ("templates", "features", "modules", "environments")


def refuse_project(root: Path) -> None:
    """Raise ``FinbaseError`` if a folder has files that a new project would have, too.

    A ``.gitignore`` may exist: a new repository often has one.
    """
    own = map(str, _own(Shipment(), root).keys() - {_IGNORE})
    for name in (*_FOLDERS, *sorted(own), str(RECORD), str(PACKAGES)):
        placing.refuse_existing(
            root / name, root, "use another folder, or move it away and run this again"
        )


def surrounding_project(root: Path) -> Path | None:
    """Return the nearest folder above ``root`` that is a project as well, or None."""
    return next((f for f in root.resolve().parents if is_project(f)), None)


def new_project(journal: Journal) -> tuple[PurePosixPath, ...]:
    """Write the files of a project, all or none, and return their paths.

    The files are what finbase ships (released modules, templates, ``.feature`` files) and what
    people edit: one environment, a Makefile and the like. An existing ``.gitignore`` keeps its
    lines and gets more. Raises ``TreeError`` for any other file that exists.
    """
    shipment = Shipment()
    own = _own(shipment, journal.files.root)
    files = {**shipment.files, **own, RECORD: Record.of(shipment).text()}
    for module, number in shipment.lock.hashes:
        files |= shipment.release(module, number)
    files[LOCK] = shipment.lock.text().encode()
    steps: dict[PurePosixPath, Step] = {path: (None, data) for path, data in files.items()}
    with wrap_os_errors("read"):
        ignore = journal.files.resolve(_IGNORE)
        before = ignore.read_bytes() if ignore.exists() else None
    if before is not None:
        start = before.rstrip(b"\n") + b"\n\n" if before.strip() else b""
        steps[_IGNORE] = (before, start + files[_IGNORE])
    apply(steps, journal)
    return tuple(files)


def _own(shipment: Shipment, root: Path) -> dict[PurePosixPath, bytes]:
    """Return the files that belong to the project from the start."""
    pins = {f"@{module}@": str(number) for module, number in shipment.newest.items()}
    texts = {
        f"environments/{ENVIRONMENT}.yaml": placing.filled(_read("environment.yaml"), pins),
        "Makefile": _read("Makefile"),
        str(_IGNORE): _read("gitignore"),
        "CODEOWNERS": _read("CODEOWNERS"),
        renovate.NAME: renovate.configuration(folder_in_repository(root)),
        str(REQUIREMENTS): shipment.pinned(_read(REQUIREMENTS.name)),
    }
    files = {PurePosixPath(path): text.encode() for path, text in texts.items()}
    return {**files, **shipment.wheels}


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")
