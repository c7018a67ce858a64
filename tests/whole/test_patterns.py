"""No regular expression backtracks more than a polynomial of its input: steps are counted.

Each pattern is tried as if it had to match a whole text, which is the hardest case.
"""

from __future__ import annotations

import re
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.backtracking import Hostile, Matcher, TooManyStepsError, growth
from tests.support.patterns import (
    Pattern,
    in_design,
    in_python,
    in_schemas,
    in_tables,
)

CUBIC = 2**3
"""How much the steps of a pattern may grow when its input becomes twice as long."""

FROM_DATA = {
    "generator/finbase/console/speech.py": "in_tables has the patterns of the tables",
    "generator/finbase/environment/refusals.py": "in_schemas has the form of a version",
    "generator/finbase/judge/edits.py": "words, which are escaped, and white space between them",
    "generator/finbase/scaffold/renovate.py": "in_tables has the expressions of a new project",
    "generator/finbase/sandbox/refusals/notices.py": "in_tables has the forms of endpoints",
    "generator/finbase/sandbox/refusals/patterns.py": "the patterns of AWS's own models",
    "generator/finbase/sandbox/refusals/policies.py": "in_tables has the forms of principals",
    "generator/finbase/sandbox/refusals/refused.py": "in_tables has the patterns of the rules",
    "features/steps/checks/baseline_permissions.py": "a name of AWS's policies, which is escaped",
    "features/steps/shared/design_judge.py": "in_design has the patterns of the design",
    "features/steps/shared/design_policies.py": "in_design has the patterns of the design",
    "features/steps/shared/design_provider.py": "in_design has the patterns of the design",
    "features/steps/shared/design_rules.py": "in_design has the patterns of the design",
    "features/steps/shared/lent.py": "its own table of ids, and names, which are escaped",
    "features/steps/shared/rotation_parts.py": "in_tables has the forms of a name",
    "features/steps/shared/windows.py": "the name of a day or a month",
}
"""A file with patterns that are in its data → where they are tried, or what they are."""


@cache
def python() -> list[Pattern | str]:
    """All that the Python files have; to read them takes a second, which only these tests need."""
    return list(in_python())


@cache
def unique() -> list[Pattern]:
    """Every pattern once."""
    own = (pattern for pattern in python() if isinstance(pattern, Pattern))
    patterns = [*own, *in_tables(), *in_schemas(), *in_design()]
    return list({(pattern.text, pattern.flags): pattern for pattern in reversed(patterns)}.values())


BAD = [r"(a+)+$", r"(a|a)*b", r"(a|ab|b)*c", r"([\w-]+\.?)+@", r"^(\s*a?)*$", r'("[^"]*"|\S)+']
GOOD = [r"a+$", r"\w+-[\w-]*", r"(a+b)+$", r"(?>(a+)+)$", r"(?:a++)+$", r"[a-z]{1,60}", r"(ab|ac)*"]


def test_in_python_lists_what_has_no_text() -> None:
    without = {place.partition(":")[0] for place in python() if isinstance(place, str)}
    assert without == set(FROM_DATA)


def test_sources_of_patterns_are_complete() -> None:
    """Each source has patterns: a collector that finds nothing would make the test below pass."""
    assert len([p for p in python() if isinstance(p, Pattern)]) > 180
    assert len(list(in_schemas())) > 40
    assert len(list(in_tables())) > 5
    assert len(list(in_design())) > 3


@pytest.mark.parametrize("pattern", BAD)
def test_growth_exceeds_bound_for_bad_patterns(pattern: str) -> None:
    assert growth(pattern) > CUBIC


@pytest.mark.parametrize("pattern", GOOD)
def test_growth_keeps_bound_for_good_patterns(pattern: str) -> None:
    assert growth(pattern) <= CUBIC


def test_no_pattern_backtracks_exponentially() -> None:
    grown = {
        f"{pattern.place}: {pattern.text!r}": steps
        for pattern in unique()
        if (steps := growth(pattern.text, pattern.flags)) > CUBIC
    }
    assert grown == {}


def test_matcher_stops_after_too_many_steps() -> None:
    with pytest.raises(TooManyStepsError):
        Matcher("(a+)+$", most=10_000).match("a" * 30 + "!")


# The matcher agrees with re.

ATOMS = st.sampled_from(
    [*"abc", ".", "[ab]", "[^a]", r"\w", r"\d", r"\b", "^", "$", "(?=a)", "(?!b)", "(?<=a)", r"\Z"]
)


def compound(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    repeats = st.sampled_from(
        ["*", "+", "?", "*?", "+?", "??", "{1,2}", "{2}", "{0,2}?", "*+", "?+"]
    )
    return st.one_of(
        st.builds("{}{}".format, inner, inner),
        st.builds("(?:{}|{})".format, inner, inner),
        st.builds("({})".format, inner),
        st.builds("(?>{})".format, inner),
        st.builds("(?:{}){}".format, inner, repeats),
    )


PATTERN = st.recursive(ATOMS, compound, max_leaves=6)


@given(pattern=PATTERN, text=st.text("abc1 \nA", max_size=8))
def test_matcher_agrees_with_re(pattern: str, text: str) -> None:
    for flags in (0, re.IGNORECASE | re.MULTILINE | re.DOTALL):
        matcher = Matcher(pattern, flags)
        match = re.compile(pattern, flags).match(text)
        assert matcher.match(text) == (match.end() if match else None)
        assert matcher.fullmatch(text) == bool(re.compile(pattern, flags).fullmatch(text))


@given(data=st.data())
def test_matcher_agrees_with_re_for_own_patterns(data: st.DataObject) -> None:
    pattern = data.draw(st.sampled_from(unique()))
    expression = re.compile(pattern.text, pattern.flags)
    hostile = Hostile(pattern.text, pattern.flags)
    pumps = list(hostile.pumps()) or [("", "")]
    pieces = st.sampled_from([*hostile.characters, *(p for pump in pumps for p in pump)])
    text = "".join(data.draw(st.lists(pieces, max_size=6)))
    subject = text.encode("latin-1") if isinstance(pattern.text, bytes) else text
    match = expression.match(subject)  # type: ignore[arg-type]
    matcher = Matcher(pattern.text, pattern.flags)
    assert matcher.match(text) == (match.end() if match else None)
    assert matcher.fullmatch(text) == bool(expression.fullmatch(subject))  # type: ignore[arg-type]


def test_matcher_resolves_back_references() -> None:
    assert Matcher(r"(a|b)\1").fullmatch("bb")
    assert not Matcher(r"(a|b)\1").fullmatch("ab")
