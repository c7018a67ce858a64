"""The step that compares the resources of a plan with the design profile."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from design_calls import from_elsewhere, profile_of, sources_of
from design_judge import judged, kept
from design_profile import ELSEWHERE, InvalidProfileError, design
from findings import Finding, check
from kinds import listed
from radish import before
from radish.utils import console_write
from stack_graph import Stack

_UNREAD = (
    "the HCL was not read, because it is not beside the plan: locals, functions around references, "
    "the backend, lifecycle.ignore_changes and lifecycle.prevent_destroy are not judged"
)
_FEATURE = Path(__file__).resolve().parents[2] / "design.feature"


@before.all
def refuse_an_invalid_profile(*_: Any, **__: Any) -> None:
    """Exit with 1 before any scenario: a profile that cannot be read is not a failed control."""
    try:
        design()
    except FileNotFoundError:
        return  # A folder with other features has no profile, and no step that reads one.
    except InvalidProfileError as error:
        console_write(f"ERROR: {error}")
        raise SystemExit(1) from None


@check("the resources of {control:PROPERTY} are as the design describes", of_design=True)
def of_the_design(stack: Stack, control: str) -> Iterator[Finding]:
    """Require the resources and arguments of a control to be those of ``design.yaml``.

    The last control also covers the resources of controls that have no scenario of the design.
    """
    deviations, passed, _ = judged(stack)
    ids = [control]
    if control == ELSEWHERE:
        known = _controls()
        ids += [i for i in {*passed, *(d.control for d in deviations)} if i not in known]
    for deviation in deviations:
        if deviation.control in ids:
            yield Finding(False, deviation.text)
    if control == ELSEWHERE:
        for module in profile_of(stack).added:
            text = f"module {module}: judged by a profile of its own, which adds to the design"
            yield Finding(True, text)
        if sources_of(stack) is None:
            yield Finding(True, _UNREAD)
            if elsewhere := from_elsewhere(stack):
                text = f"the code of {listed(elsewhere)} is not of this project: review it"
                yield Finding(True, text)
    for text in kept(stack, control):
        yield Finding(True, text)
    count = sum(passed[i] for i in ids)
    yield Finding(True, f"{count} rules of the design for {control} hold, and nothing is beside it")


@cache
def _controls() -> frozenset[str]:
    """Return the controls that have a scenario of the design."""
    return frozenset(re.findall(r"resources of (\w+) are", _FEATURE.read_text(encoding="utf-8")))
