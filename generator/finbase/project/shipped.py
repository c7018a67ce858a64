"""Find the folders of finbase itself that projects get copies of."""

from __future__ import annotations

from pathlib import Path

_PACKAGE = Path(__file__).parents[1]


def shipped(folder: str) -> Path:
    """Return a folder, such as ``features`` or ``modules``, that finbase was released with.

    A wheel has it in the package. In a checkout of finbase it is the checkout's own.
    """
    packaged = _PACKAGE / folder
    return packaged if packaged.is_dir() else _PACKAGE.parents[1] / folder
