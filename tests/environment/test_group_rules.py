"""The note about the rules of a security group, counted for each database and its clients."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from tests.environment.test_second_database import loaded, two
from tests.support.sample import SAMPLE


def notes(project: Path, values: dict[str, Any]) -> list[str]:
    """Return the notes about security groups."""
    return [note.message for note in loaded(project, values).notes if note.code == "FB309"]


def clients(count: int) -> dict[str, Any]:
    """Return clients of the database, each with a group of its own."""
    client = {"to": ["database"], "description": "Office", "reason": "It looks at the ledger"}
    return {f"c{number}": client for number in range(count)}


@pytest.mark.parametrize(("further", "fine"), [(False, 56), (True, 57)])
def test_outbound_rules_of_the_application(further: bool, fine: int, project: Path) -> None:
    """A further database has no cache, so its group has one rule less."""
    for count, found in ((fine, []), (fine + 1, ["61 outbound rules in one security group"])):
        ranges = {"internet_cidrs": [f"198.51.100.{number}/32" for number in range(count)]}
        values = two(access=ranges) if further else copy.deepcopy(SAMPLE)
        if not further:
            values["modules"]["access"] |= ranges
        assert [text.partition(";")[0] for text in notes(project, values)] == found


def test_inbound_rules_of_the_endpoints_are_of_all_databases(project: Path) -> None:
    values = two(access={"clients": clients(30)})
    values["modules"]["access"]["clients"] = clients(25)
    assert notes(project, values) == []  # 25 and 30, three of the first and two of the other one.
    values["modules"]["access"]["clients"] = clients(26)
    (text,) = notes(project, values)
    assert text.startswith("61 inbound rules in the group of the endpoints")
