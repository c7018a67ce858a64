"""Write the generated pages: ``python -m docs.generate``, which ``make reference`` runs."""

from __future__ import annotations

from pathlib import Path

from docs.generate import write

write(Path(__file__).resolve().parents[2])
