from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from generator.conditions import demands_no_more, implies, terms


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("var.x >= 1", ["var.x >= 1"]),
        ("var.x >= 1 && var.x <= 9", ["var.x >= 1", "var.x <= 9"]),
        ("((a) && (b))", ["a", "b"]),
        ("(a) && (b)", ["a", "b"]),
        ("a || b && c", ["a || b", "a || c"]),
        ("a && b || c", ["a || c", "b || c"]),
        ("var.x == null ? true : a && b", ["var.x == null || a", "var.x == null || b"]),
        ("p || q ? true : a", ["p || q || a"]),
        ("p ? q : a && b", ["(p ? q : a && b)"]),
        ("var.x == null ? true : p ? q : r && s", ["var.x == null || (p ? q : r && s)"]),
        ("alltrue([a, f(b, c)])", ["a", "f(b, c)"]),
        ("anytrue([a, b && c])", ["a || b", "a || c"]),
        (
            "alltrue([for k in keys(var.x) : p(k) && q(k)])",
            ["alltrue([for k in keys(var.x) : p(k)])", "alltrue([for k in keys(var.x) : q(k)])"],
        ),
        ("alltrue([for k in x : p && q if r])", ["alltrue([for k in x : p && q if r])"]),
        ('f("a && b", "${g("x && y")} && z")', ['f("a && b", "${g("x && y")} && z")']),
        (r'can(regex("^[\"&& (]$", var.x)) && b', [r'can(regex("^[\"&& (]$", var.x))', "b"]),
        ('"$${" == x && b', ['"$${" == x', "b"]),
    ],
)
def test_terms(condition: str, expected: list[str]) -> None:
    assert list(terms(condition)) == expected


WIDER = [
    ("var.x >= 5", "var.x >= 4"),
    ("var.x <= 5", "var.x <= 5.5"),
    ("var.x > 5", "var.x >= 5"),
    ("var.x >= -1", "var.x >= -2"),
    ("length(var.x) >= 2", "length(var.x) >= 1"),
    ("var.x == 5", "var.x >= 5 && var.x <= 6"),
    ("contains([7, 14], var.x)", "var.x >= 7 && var.x <= 14"),
    ('contains(["a"], var.x)', 'contains(["a", "b"], var.x)'),
    ('var.x == "a"', 'contains(["b", "a"], var.x)'),
    ('!contains(["a", "b"], var.x)', '!contains(["a"], var.x)'),
    ('!(contains(["a", "b"], var.x) || p)', '!contains(["a"], var.x)'),
    ("!(var.x >= 5)", "!(var.x >= 6)"),
    ("a", "a || b"),
    ("a && b", "a"),
    ("a && b", "b || c"),
    ("var.x >= 5 && a", "var.x >= 5"),
    ("var.x >= 5", "var.x == null ? true : var.x >= 5"),
    ("var.x == null ? true : var.x >= 5", "var.x == null ? true : var.x >= 3"),
    ("alltrue([for k in x : k >= 5])", "alltrue([for k in x : k >= 4])"),
    ("anytrue([for k in x : k >= 5])", "anytrue([for k in x : k >= 4])"),
    ("alltrue([for k in x : p && q])", "alltrue([for k in x : p])"),
    ("var.x >= 31 && var.x <= 713 && p", "contains([7], var.x) || (var.x >= 31 && p)"),
]


@pytest.mark.parametrize(("narrow", "wide"), WIDER)
def test_widening_demands_no_more_and_narrowing_does(narrow: str, wide: str) -> None:
    assert demands_no_more(narrow, wide)
    assert not demands_no_more(wide, narrow)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("var.x >= 5", "var.y >= 5"),
        ("var.x >= 5", "var.x <= 5"),
        ('can(regex("^a$", var.x))', 'can(regex("^ab?$", var.x))'),
        ("a || b && c", "c"),
        ("p ? q : a && b", "b"),
        ('contains(["a"], x) ? can(p) : can(q)', 'contains(["a", "b"], x) ? can(p) : can(q)'),
        ("a == var.x >= 5", "a == var.x >= 4"),
        ("!var.x == contains([1, 2], y)", "!var.x == contains([1], y)"),
        ('contains(var.x, "a")', 'contains(var.x, "b")'),
        ("var.x >= 5 * 2", "var.x >= 5 * 1"),
        ("alltrue([for k in x : k >= 5])", "alltrue([for k in y : k >= 4])"),
        ("alltrue([for k in x : k >= 5 if a])", "alltrue([for k in x : k >= 4 if b])"),
        ("var.x == 5", "var.x >= 6"),
    ],
)
def test_what_cannot_be_told_is_implied_by_neither(one: str, other: str) -> None:
    assert not demands_no_more(one, other)
    assert not demands_no_more(other, one)


def test_many_alternatives_stay_whole_but_are_themselves() -> None:
    condition = " || ".join(f"(a{n} && b{n})" for n in range(20))
    assert len(list(terms(condition))) == 1
    assert demands_no_more(condition, condition)


# Conditions on one number, which Python can judge: HCL differs in three words.
ATOMS = st.one_of(
    st.builds(
        "x {} {}".format, st.sampled_from([">=", "<=", ">", "<", "==", "!="]), st.integers(-2, 3)
    ),
    st.lists(st.integers(-2, 3), min_size=1, max_size=3).map(lambda n: f"contains({n}, x)"),
)


def _joined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.builds("({} && {})".format, inner, inner),
        st.builds("{} || {}".format, inner, inner).map("({})".format),
        st.builds("({} || {} && {})".format, inner, inner, inner),
        st.builds("({} ? true : {})".format, inner, inner),
        st.builds("({} ? {} : {})".format, inner, inner, inner),
        inner.map("!({})".format),
        st.builds("alltrue([{}, {}])".format, inner, inner),
        st.builds("anytrue([{}, {}])".format, inner, inner),
        inner.map("alltrue([for k in [x] : {}])".format),
    )


CONDITIONS = st.recursive(ATOMS, _joined, max_leaves=6)
BARE = CONDITIONS.map(lambda text: text[1:-1] if text.startswith("(") else text)


def holds(condition: str, x: int) -> bool:
    """Judge by Python: its choice is turned round, and its words are others."""
    return bool(eval(_python(condition), {"x": x, "contains": lambda a, b: b in a}))


def _python(text: str) -> str:
    """Translate with the precedence of HCL: ``?:``, then ``||``, ``&&``, comparisons."""
    text = text.replace("alltrue([for k in [x] : ", "all([").replace("alltrue([", "all([")
    text = text.replace("anytrue([", "any([")
    text = re.sub(r"contains\((\[[^\]]*)\), x\)", r"contains(\1, x)", text)
    return _choices(text.replace("true", "True"))


def _choices(text: str) -> str:
    words = re.sub(r"!(?=\()", " not ", text).replace("&&", "and").replace("||", "or")
    return _turned(words)


def _turned(text: str) -> str:
    """Turn each ``a ? b : c`` in brackets into Python's ``b if a else c``."""
    depth, question, colon, inner = 0, -1, -1, []
    at = 0
    while at < len(text):
        if text[at] in "([":
            end = _closing(text, at)
            inner.append((at, end))
            at = end
        elif text[at] == "?" and question < 0:
            question = at
        elif text[at] == ":" and question >= 0 and colon < 0:
            colon = at
        elif text[at] == "," and depth == 0 and question < 0:
            pass
        at += 1
    if question >= 0:
        test, then, other = text[:question], text[question + 1 : colon], text[colon + 1 :]
        return f"({_turned(then)}) if ({_turned(test)}) else ({_turned(other)})"
    if "," in _outside(text, inner):
        return ",".join(_turned(part) for part in _parts(text, inner))
    out, last = "", 0
    for start, end in inner:
        out += text[last : start + 1] + _turned(text[start + 1 : end])
        last = end
    return out + text[last:]


def _closing(text: str, start: int) -> int:
    depth = 0
    for at in range(start, len(text)):
        depth += (text[at] in "([") - (text[at] in ")]")
        if depth == 0:
            return at
    raise AssertionError(text)


def _outside(text: str, inner: list[tuple[int, int]]) -> str:
    return "".join(c for at, c in enumerate(text) if not any(s <= at <= e for s, e in inner))


def _parts(text: str, inner: list[tuple[int, int]]) -> list[str]:
    cuts = [
        at
        for at, letter in enumerate(text)
        if letter == "," and not any(s <= at <= e for s, e in inner)
    ]
    return [text[a + 1 : b] for a, b in zip([-1, *cuts], [*cuts, len(text)], strict=True)]


@given(BARE, BARE)
def test_no_more_is_demanded_only_where_nothing_is_refused_anew(old: str, new: str) -> None:
    if demands_no_more(old, new):
        for x in range(-4, 6):
            assert not holds(old, x) or holds(new, x), (x, old, new)


@given(BARE)
def test_the_terms_say_what_the_condition_says(condition: str) -> None:
    split = list(terms(condition))
    for x in range(-4, 6):
        assert holds(condition, x) == all(holds(term, x) for term in split)


@given(BARE)
def test_a_condition_demands_no_more_than_itself(condition: str) -> None:
    assert demands_no_more(condition, condition)


@given(st.integers(-99, 99), st.integers(1, 99), st.sampled_from([">=", "<="]))
def test_bounds_widen_one_way_and_narrow_the_other(limit: int, step: int, sign: str) -> None:
    lower, upper = f"var.x {sign} {limit}", f"var.x {sign} {limit + step}"
    wide, narrow = (lower, upper) if sign == ">=" else (upper, lower)
    assert implies(narrow, wide)
    assert not implies(wide, narrow)


WORDS = st.sets(st.text('abc,"\\]) ${&|?:', max_size=5), min_size=1, max_size=5)


def _quoted(words: set[str]) -> str:
    escaped = (
        word.replace("\\", "\\\\").replace('"', '\\"').replace("${", "$${").replace("%{", "%%{")
        for word in sorted(words)
    )
    return f"[{', '.join(f'{chr(34)}{word}{chr(34)}' for word in escaped)}]"


@given(WORDS, WORDS)
def test_sets_widen_one_way_and_narrow_the_other(few: set[str], others: set[str]) -> None:
    wide = f"contains({_quoted(few | others)}, var.x)"
    narrow = f"contains({_quoted(few)}, var.x)"
    assert implies(narrow, wide)
    assert implies(f"!{wide}", f"!{narrow}")
    assert implies(wide, narrow) == implies(f"!{narrow}", f"!{wide}") == (others <= few)
