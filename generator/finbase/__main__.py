"""Run the command line with ``python -m finbase``."""

from __future__ import annotations

from finbase.cli import main

main(prog_name="finbase")
