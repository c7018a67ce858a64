"""The reference pages of the handbook, made of what they are about: ``docs/reference``.

Commands come from click, modules from their rendered READMEs, scenarios from the features, codes
from the tables of codes and rules, documents from the functions that write them. So nothing here
knows the name of a command, module, scenario or code.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from docs.generate import codes, commands, features, json_documents, modules
from docs.generate.markdown import page

__all__ = ["MARK", "pages"]

MARK = "<!-- Written by the tests: FINBASE_UPDATE_DOCS=1 pytest tests/whole/test_reference.py -->"
"""The first line of every page that is written here."""


def pages(root: Path) -> Mapping[str, str]:
    """Every page of a project's reference, by its path below ``docs/reference``.

    Raises ``InputError`` and ``ComplianceError`` where contracts or features are broken.
    """
    made = {
        "commands.md": commands.page(),
        "json.md": json_documents.page(),
        "features.md": features.page(root / "features"),
        "codes.md": codes.page(),
        **{f"modules/{name}.md": text for name, text in modules.pages(root).items()},
    }
    return {path: page(MARK, text) for path, text in made.items()}
