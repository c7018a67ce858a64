from __future__ import annotations

import operator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.release.conditions import demands_no_more, implies, terms


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
    ("contains(([1]), var.x)", "contains([1, 2], (var.x))"),
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


# A condition on one number, and the numbers from -4 to 5 that meet it.
Meaning = tuple[str, frozenset[int]]
ALL = frozenset(range(-4, 6))
SIGNS = {
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
    "==": operator.eq,
    "!=": operator.ne,
}


def compared(sign: str, limit: int) -> Meaning:
    return f"x {sign} {limit}", frozenset(n for n in ALL if SIGNS[sign](n, limit))


def chosen(numbers: list[int]) -> Meaning:
    return f"contains({numbers}, x)", frozenset(numbers)


def chain(parts: list[tuple[str, Meaning]]) -> Meaning:
    """Join with ``&&`` and ``||`` and no parentheses: what binds tighter goes first."""
    text = parts[0][1][0] + "".join(f" {sign} {meaning[0]}" for sign, meaning in parts[1:])
    groups = [parts[0][1][1]]
    for sign, (_, met) in parts[1:]:
        if sign == "&&":
            groups[-1] &= met
        else:
            groups.append(met)
    return f"({text})", frozenset().union(*groups)


def built(inner: st.SearchStrategy[Meaning]) -> st.SearchStrategy[Meaning]:
    signed = st.tuples(st.sampled_from(["&&", "||"]), inner)
    several = st.lists(inner, min_size=1, max_size=3)
    return st.one_of(
        st.lists(signed, min_size=2, max_size=4).map(chain),
        inner.map(lambda a: (f"!({a[0]})", ALL - a[1])),
        st.tuples(inner, inner).map(
            lambda m: (f"({m[0][0]} ? true : {m[1][0]})", m[0][1] | m[1][1])
        ),
        st.tuples(inner, inner, inner).map(
            lambda m: (
                f"({m[0][0]} ? {m[1][0]} : {m[2][0]})",
                (m[0][1] & m[1][1]) | (m[2][1] - m[0][1]),
            )
        ),
        several.map(
            lambda m: (
                f"alltrue([{', '.join(text for text, _ in m)}])",
                ALL.intersection(*(met for _, met in m)),
            )
        ),
        several.map(
            lambda m: (
                f"anytrue([{', '.join(text for text, _ in m)}])",
                frozenset().union(*(met for _, met in m)),
            )
        ),
        inner.map(lambda a: (f"alltrue([for k in [x] : {a[0]}])", a[1])),
        inner.map(lambda a: (f"anytrue([for k in [x] : {a[0]}])", a[1])),
    )


MEANINGS = st.recursive(
    st.builds(compared, st.sampled_from([*SIGNS]), st.integers(-2, 3))
    | st.lists(st.integers(-2, 3), min_size=1, max_size=3).map(chosen),
    built,
    max_leaves=6,
).map(lambda m: (m[0][1:-1] if m[0].startswith("(") else m[0], m[1]))


@given(MEANINGS, MEANINGS)
def test_no_more_is_demanded_only_where_nothing_is_refused_anew(old: Meaning, new: Meaning) -> None:
    assert not demands_no_more(old[0], new[0]) or old[1] <= new[1]


@given(MEANINGS, MEANINGS)
def test_one_of_several_demands_no_more(one: Meaning, other: Meaning) -> None:
    assert demands_no_more(one[0], one[0])
    assert demands_no_more(one[0], f"({one[0]}) || ({other[0]})")
    assert demands_no_more(f"({one[0]}) && ({other[0]})", other[0])


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
