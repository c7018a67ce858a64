"""Create a control of the project itself: entry of the catalogue, feature, mutation and step.

The new control passes on a stack of the design, and its mutation makes it fail. It is copied from
the folder ``control/``.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from finbase.project.journal import Journal, Step
from finbase.project.tree import apply
from finbase.scaffold import placing

_TEMPLATES = Path(__file__).parent / "control"
_FOLDER = PurePosixPath("features", "own")
_CATALOGUE = _FOLDER / "failures.yaml"
_ENTRY = "@ENTRY@\n"
_STOCK = "every aws_db_instance has tags_all.{} with a letter"
_TAGS = {
    "Owner": ("an owner", "nobody can find whom to call when the database is full"),
    "CostCentre": ("a cost centre", "nobody can find who pays for the database"),
    "Project": ("a project", "nobody can find what the database is for"),
    "ManagedBy": ("a manager", "nobody can find where the database is changed"),
}
"""The tag that a draft demands, what it is, and why: each draft takes one that no other breaks."""


def _free_tag(root: Path) -> str:
    """Return a tag that no mutation of the project renames yet; the first one if there is none.

    Two drafts about one tag would break each other, and neither would be proved.
    """
    mutations = sorted((root / _FOLDER / "mutations").glob("*.yaml"))
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in mutations]
    return next(
        (t for t in _TAGS if not any(f"find: {t} =" in x for x in texts)), next(iter(_TAGS))
    )


def new_control(
    journal: Journal, root: Path, identity: str, environment: str, *, step: bool
) -> tuple[PurePosixPath, ...]:
    """Write the files of a control, all or none, and return their paths.

    The id is not in the catalogue yet. The mutation changes the stack of ``environment``. ``step``
    adds a sentence of its own. Raises ``FinbaseError`` for a file that exists, and ``TreeError``.
    """
    slug = identity.lower()
    tag = _free_tag(root)
    noun, why = _TAGS[tag]
    sentence = f"every database has {noun}, as {identity} demands" if step else _STOCK.format(tag)

    values = {
        "@ID@": identity,
        "@SLUG@": slug,
        "@ENVIRONMENT@": environment,
        "@SENTENCE@": sentence,
        "@TAG@": tag,
        "@A_NOUN@": noun[0].upper() + noun[1:],
        "@NOUN@": noun.partition(" ")[2],
        "@WHY@": why,
    }

    def text(template: str) -> str:
        return placing.filled((_TEMPLATES / template).read_text(encoding="utf-8"), values)

    files = {
        _FOLDER / f"{slug}.feature": text("control.feature"),
        _FOLDER / "mutations" / f"{slug}.yaml": text("mutations.yaml"),
    }
    if step:
        files[_FOLDER / "steps" / f"{slug.replace('-', '_')}.py"] = text("step.py")
    for path in files:
        placing.refuse_existing(root / path, root, "choose another number, or delete it")
    header, entry = text(_CATALOGUE.name).split(_ENTRY)
    catalogue = root / _CATALOGUE
    before = catalogue.read_bytes() if catalogue.exists() else None
    start = before.decode().rstrip("\n") + "\n" if before is not None else header
    steps: dict[PurePosixPath, Step] = {path: (None, file.encode()) for path, file in files.items()}
    steps[_CATALOGUE] = (before, f"{start}\n{entry}".encode())
    apply(steps, journal)
    return tuple(sorted(steps))
