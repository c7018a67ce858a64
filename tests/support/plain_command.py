"""The ``terraform-compliance`` command itself, without finbase."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path


def comply(folder: Path, features: Path) -> tuple[int, str]:
    """Judge ``plan.json`` of a folder; return the command's exit code and its output."""
    program = Path(sys.executable).with_name("terraform-compliance")
    finished = subprocess.run(
        [
            *(program, "-f", features, "-b", features / "steps", "-p", folder / "plan.json"),
            *("--no-ansi", f"--cucumber-json={folder / 'report.json'}"),
        ],
        cwd=folder,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
        capture_output=True,
        text=True,
        check=False,
    )
    return finished.returncode, finished.stdout + finished.stderr


def judge_plainly(plan: bytes, folder: Path, features: Path) -> tuple[int, str, list[str]]:
    """Return the command's exit code, its output, and the state of each scenario."""
    (folder / "plan.json").write_bytes(plan)
    code, output = comply(folder, features)
    report = json.loads((folder / "report.json").read_text())
    states = [
        {step["result"]["status"] for step in element["steps"]}
        for feature in sorted(report, key=lambda feature: str(feature["uri"]))
        for element in sorted(feature["elements"], key=lambda e: int(e["steps"][-1]["line"]))
    ]
    names = ("failed", "skipped", "passed")
    return code, output, [next(name for name in names if name in state) for state in states]
