"""Create the templates of a new module.

The new module renders and passes ``terraform validate`` unchanged. It is copied from the folder
``module/``, in which ``@NAME@`` stands for its name.
"""

from __future__ import annotations

import re
from pathlib import Path, PurePath

from finbase.errors import FinbaseError
from finbase.scaffold import placing
from finbase.scaffold.copying import is_text

_MODULE = re.compile(r"[a-z][a-z0-9_]{0,30}")
_TAKEN = ("environment", "instance")
_TEMPLATES = Path(__file__).parent / "module"
_NAME = "@NAME@"


def new_module(root: Path, name: str) -> tuple[Path, ...]:
    """Write the templates of a new module and return their paths.

    Raises ``FinbaseError`` for an invalid or existing name, or if they cannot be written.
    """
    if _MODULE.fullmatch(name) is None or not is_text(name):
        raise FinbaseError(
            f"{name!r} is not a valid module name",
            "use up to 31 lowercase letters, digits and underscores, starting with a letter; "
            "words that YAML reads as values, such as null or yes, are not allowed",
        )
    if name in _TAKEN:
        raise FinbaseError(
            f"a module cannot be named {name}: wiring uses `{name}.name` for other values",
            "choose another name",
        )
    target = root / "templates" / "modules" / name
    for folder in (target, root / "modules" / name):
        placing.refuse_existing(folder, root, "choose another name for the module")
    files: dict[PurePath, bytes] = {}
    for template in sorted(path for path in _TEMPLATES.rglob("*") if path.is_file()):
        path = PurePath(str(template.relative_to(_TEMPLATES)).replace(_NAME, name))
        files[path] = template.read_bytes().replace(_NAME.encode(), name.encode())
    placing.new_folder(target, files)
    return tuple(target / path for path in files)
