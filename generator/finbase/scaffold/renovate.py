"""The configuration for Renovate of a new project, and which pins a configuration finds."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath
from typing import Any, Final

from finbase.environment.model import Environment
from finbase.project.git import folder_in_repository, top_of_repository
from finbase.project.terraform_files import PROVIDER
from finbase.scaffold.placing import filled
from finbase.source.document import Where

NAME: Final = "renovate.json"
_TEMPLATE: Final = Path(__file__).parent / "project" / NAME


def configuration(folder: PurePosixPath) -> str:
    """Return the configuration of a project in a folder of its repository; ``.`` is the root."""
    prefix = "".join(f"{part}/" for part in folder.parts)
    values = {
        "@FOLDER_RE@": re.escape(prefix),
        "@FOLDER@": prefix,
        "@DEPTH@": str(len(folder.parts) + 1),
    }
    quoted = {name: json.dumps(value, ensure_ascii=False)[1:-1] for name, value in values.items()}
    return filled(_TEMPLATE.read_text(encoding="utf-8"), quoted)


def missed(root: Path, environments: Iterable[Environment]) -> list[str] | None:
    """Return each pin that finbase reads and the project's configuration does not find.

    Returns None for a project without a configuration. Raises ``ValueError`` if it is not JSON
    of Renovate's form.
    """
    folders = (root, top_of_repository(root))
    path = next((f / NAME for f in folders if (f / NAME).is_file()), None)
    if path is None:
        return None
    loaded = json.loads(path.read_bytes())
    if not isinstance(loaded, dict):
        raise ValueError("it is not a mapping")
    managers = [m for m in loaded.get("customManagers", ()) if isinstance(m, dict)]
    lines = []
    for environment in environments:
        name = str(folder_in_repository(root) / environment.document.path)
        text = (root / environment.document.path).read_bytes().decode()
        found = {pin for manager in managers for pin in pins(manager, name, text)}
        wanted: list[tuple[Where, str, str]] = [
            (("modules", use.name, "version"), use.name, str(use.version))
            for use in environment.modules
        ]
        if environment.provider:
            wanted.insert(0, (("provider",), PROVIDER, environment.provider))
        for where, dependency, version in wanted:
            if (dependency, version) not in found:
                line, _ = environment.document.position(where)
                lines.append(f"{environment.document.path}:{line}: {dependency}")
    return lines


def pins(manager: dict[str, Any], path: str, text: str) -> Iterator[tuple[str, str]]:
    """Yield name and version of each pin that a custom manager finds in a file.

    Each expression is applied to the whole text, as Renovate does.
    """
    patterns = (p for p in manager.get("managerFilePatterns", ()) if isinstance(p, str))
    if not any(re.search(p[1:-1], path) for p in patterns if p[:1] == p[-1:] == "/"):
        return
    for expression in manager.get("matchStrings", ()):
        for match in re.finditer(str(expression).replace("(?<", "(?P<"), text):
            groups = match.groupdict()
            name = groups.get("depName") or manager.get("depNameTemplate", "")
            yield str(name), groups.get("currentValue") or ""
