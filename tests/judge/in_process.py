"""Judge a plan in this process, in milliseconds, where terraform-compliance is not tested."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tests.fuzz.fast_judge import Judge
from tests.support.commands import ROOT

_OF_INSTANCE = re.compile(r"(\S+): ([\w.]+) = .* in (\S*\baws_db_parameter_group\.[\w-]+)")
_PARAMETER = re.compile(r"(\S*\baws_db_parameter_group\.[\w-]+): ([\w.]+) = ")


def failed_places(plan: Mapping[str, Any], stack: Path = Path("no-stack")) -> set[str]:
    """Return the scenarios that the plan fails, such as ``features/x.feature:12``.

    ``stack`` is the folder that was planned, if the steps are to read its HCL.
    """
    return Judge().failed(plan, stack=stack)


def failed_ids(plan: Mapping[str, Any]) -> set[str]:
    """Return the failures of the catalogue whose scenarios the plan fails."""
    return ids_of(failed_places(plan))


def messages(plan: Mapping[str, Any], without: str) -> dict[str, str]:
    """Return what the scenarios say that the plan fails, by id; leave out those of one file."""
    texts: dict[str, list[str]] = {}
    judge = Judge()
    places = tuple(place for place in judge.places if not place.startswith(without))
    for place, text in judge.messages(plan, places).items():
        for id_ in _ids(place):
            texts.setdefault(id_, []).append(text)
    return {id_: "\n".join(lines) for id_, lines in texts.items()}


def message(plan: Mapping[str, Any], id_: str) -> str:
    """Return what the scenarios of one id say that the plan fails, but for that of the design."""
    judge = Judge()
    others = (place for place in judge.places if not place.startswith("features/design.feature:"))
    places = tuple(place for place in others if id_ in _ids(place))
    return "\n".join(judge.messages(plan, places).values())


def subjects(texts: Mapping[str, str]) -> dict[str, set[str]]:
    """Return each id of messages by place, and the addresses that their findings begin with.

    A finding about a parameter is about the parameter, too: ``aws_db_parameter_group.main.ssl``. If
    it begins with an instance, it is about that instance's parameter group instead.
    """
    found: dict[str, set[str]] = {}
    for place, text in texts.items():
        lines = re.sub(r"\x1b\[\d+m|\[[^\]]*\]", "", text).splitlines()
        lines = [_OF_INSTANCE.sub(r"\3: \2 = ", line.lstrip("\t :")) for line in lines]
        heads = [re.split(r": | is ", _PARAMETER.sub(r"\1 \1.\2: ", line))[0] for line in lines]
        for id_ in _ids(place):
            found.setdefault(id_, set()).update(re.findall(r"\w+(?:\.[\w-]+)+", "\n".join(heads)))
    return found


def ids_of(places: Iterable[str]) -> set[str]:
    """Return the ids in the tags of scenarios."""
    return {id_ for place in places for id_ in _ids(place)}


@cache
def _ids(place: str) -> list[str]:
    """Return the ids in the tags above a scenario or above the outline of a row."""
    name, _, line = place.rpartition(":")
    lines = (ROOT / name).read_text().splitlines()[: int(line)]
    tags = next(each for each in reversed(lines) if each.strip().startswith("@"))
    return re.findall(r"@([BDF]\d\d[a-z]?)", tags)
