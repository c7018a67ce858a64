"""Two databases in one stack: created, rotated, compared with AWS and destroyed side by side."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.support.commands import finbase
from tests.support.second import with_second

LOGINS = 6
"""The master user and two roles of each database."""


@pytest.mark.soak
@pytest.mark.terraform
def test_two_databases_live_side_by_side(project: Path, tmp_path: Path) -> None:
    with_second(project, "development", database_name="reports", username="reports_owner")
    report = tmp_path / "rehearsal.json"
    done = finbase(project, "rehearse", "development", "--json", str(report))
    assert done.exit_code == 0, done.output
    steps = json.loads(report.read_bytes())["steps"]
    notes = {step["name"]: "\n".join(step["notes"]) for step in steps}
    for step in ("compare passwords", "rotation 1", "rotation 2"):
        assert len(re.findall(r"^\S+( of \S+)? logs in", notes[step], re.MULTILINE)) == LOGINS
    hosts = re.findall(r"^\S+ of (\S+) logs in", notes["compare passwords"], re.MULTILINE)
    assert sorted(map(hosts.count, {*hosts})) == [LOGINS / 2, LOGINS / 2]
    assert re.search(r"^reports_owner of ledger-development-reports\.", notes["compare passwords"])
