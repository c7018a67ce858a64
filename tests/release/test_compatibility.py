"""Each kind of change that breaks users, told with file and line; and the nearest that does not."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.contract.constraints import version_range
from finbase.release.compatibility import Level, Reason, required, what_changed
from finbase.release.interface import Interface, read_interface

OLD, NEW = PurePosixPath("modules/x/1.0.0/main.tf"), PurePosixPath("modules/x/2.0.0/main.tf")


def read(text: str, path: PurePosixPath = NEW) -> Interface:
    return read_interface({path: text.encode()})


def changed(before: str, after: str) -> list[Reason]:
    return list(what_changed(read(before, OLD), read(after, NEW)))


def breaks(before: str, after: str, *parts: str) -> Reason:
    """The one change that needs a major release; its words and ``file:line`` hold the parts."""
    (reason,) = [each for each in changed(before, after) if each.level is Level.MAJOR]
    for part in parts:
        assert part in f"{reason.place}: {reason.what}"
    return reason


def level(before: str, after: str) -> Level:
    return required(changed(before, after))


def variable(inside: str, name: str = "a") -> str:
    return f'variable "{name}" {{\n  {inside}\n}}\n'


def validated(condition: str) -> str:
    inside = f'condition = {condition}\n    error_message = "m"'
    return variable(f"type = number\n  validation {{\n    {inside}\n  }}")


def resource(inside: str, kind: str = "aws_db_instance", name: str = "a") -> str:
    return f'resource "{kind}" "{name}" {{\n  {inside}\n}}\n'


def moved(old: str, new: str) -> str:
    return f"moved {{\n  from = {old}\n  to   = {new}\n}}\n"


def test_an_input_that_is_removed() -> None:
    found = breaks(variable("default = 1"), "", "modules/x/1.0.0/main.tf:1", "input a is removed")
    assert found.todo == "no longer give a"


def test_an_input_that_is_renamed_is_told_once() -> None:
    condition = 'validation {{\n condition = var.{0} > 1\n error_message = "m"\n}}'
    before, after = (variable(condition.format(name), name) for name in "ab")
    (found,) = changed(before, after)
    assert found.what == "input a is renamed to b"
    assert found.todo == "give b instead of a"
    assert found.place.path == OLD


def test_an_input_that_is_made_required() -> None:
    breaks(variable("default = 1"), variable(""), "2.0.0/main.tf:1", "no longer has a default")
    breaks("", variable(""), "2.0.0/main.tf:1", "input a is new and has no default")
    assert level("", variable("default = null")) is Level.MINOR
    assert level(variable(""), variable("default = 1")) is Level.MINOR


@pytest.mark.parametrize(
    ("before", "after"),
    [("1", "2"), ("null", '"null"'), ('"1"', "1"), ("null", "0"), ("[1]", "[1, 2]")],
)
def test_a_default_that_changes(before: str, after: str) -> None:
    found = breaks(
        variable(f"default = {before}"),
        variable(f"default = {after}"),
        "2.0.0/main.tf:1",
        f"another default: {after} instead of {before}",
    )
    assert found.todo == f"give a = {before} where it should stay as it was"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("{ a = 1, b = 2 }", '{ b = 2, "a" = 1 }'),
        ("[\n 1,\n 2,\n]", "[1, 2]"),
    ],
)
def test_a_default_that_is_only_written_differently(before: str, after: str) -> None:
    assert changed(variable(f"default = {before}"), variable(f"default = {after}")) == []


NARROWER = [
    ("string", "number"),
    ("number", "string"),
    ("bool", "string"),
    ("any", "string"),
    ("list(string)", "set(string)"),
    ("set(string)", "list(string)"),
    ("list(string)", "list(number)"),
    ("map(string)", "object({ a = string })"),
    ("list(any)", "list(string)"),
    ("tuple([string])", "tuple([string, string])"),
    ("object({ a = string, b = optional(string) })", "object({ a = string })"),
    ("object({ a = string })", "object({ a = string, b = string })"),
    ("object({ a = optional(string) })", "object({ a = string })"),
    (
        "object({ a = list(object({ b = string })) })",
        "object({ a = list(object({ c = string })) })",
    ),
    ("map(object({ a = optional(number) }))", "map(object({ a = number }))"),
    ('object({ a = optional(string, "x") })', 'object({ a = optional(string, "y") })'),
    ("object({ a = optional(string) })", 'object({ a = optional(string, "y") })'),
]


@pytest.mark.parametrize(("before", "after"), NARROWER)
def test_a_type_that_is_narrower(before: str, after: str) -> None:
    old, new = variable(f"type = {before}"), variable(f"type = {after}")
    breaks(old, new, "modules/x/2.0.0/main.tf:1: input a has a narrower type")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("string", "any"),
        ("list(string)", "list(any)"),
        ("object({ a = string })", "object({ a = optional(string) })"),
        ("object({ a = string })", "object({ a = string, b = optional(string) })"),
        ("map(object({ a = number }))", "map(object({ a = optional(number, 1) }))"),
    ],
)
def test_a_type_that_is_wider(before: str, after: str) -> None:
    old, new = variable(f"type = {before}"), variable(f"type = {after}")
    assert [(each.level, each.what.partition(":")[0]) for each in changed(old, new)] == [
        (Level.MINOR, "input a takes more")
    ]


def test_a_type_that_is_only_written_differently() -> None:
    before = "object({ a = string, b = optional(number) })"
    after = 'object({\n    b   = optional(number, null)\n    "a" = string\n  })'
    assert changed(variable(f"type = {before}"), variable(f"type = {after}")) == []


def test_null_and_ephemeral_values_that_are_no_longer_taken() -> None:
    given, refused = variable("default = 1"), variable("default = 1\n  nullable = false")
    breaks(given, refused, "input a no longer takes null")
    breaks(refused, given, "takes null as it is, and no longer as its default")
    breaks(variable(""), variable("nullable = false"), "no longer takes null")
    assert changed(variable("nullable = false"), variable("")) == []
    breaks(variable("ephemeral = true"), variable(""), "no longer takes ephemeral values")
    assert changed(variable(""), variable("ephemeral = true")) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("var.a >= 1", "var.a >= 2"),
        ("var.a >= 1", "var.a >= 1 && var.a <= 9"),
        ("contains([1, 2], var.a)", "contains([1], var.a)"),
        ("!contains([1], var.a)", "!contains([1, 2], var.a)"),
        ('can(regex("^a+$", var.a))', 'can(regex("^a$", var.a))'),
        ("var.a == null ? true : var.a >= 1", "var.a == null ? true : var.a >= 2"),
        ("var.a == null ? true : var.a >= 1", "var.a >= 1"),
        ("p(var.a) || q(var.a)", "p(var.a)"),
        ("true", "alltrue([for x in var.a : x >= 2])"),
        ("alltrue([for x in var.a : x >= 1])", "alltrue([for x in var.a : x >= 2])"),
        ("f(g(var.a, 1))", "f(g(var.a, 2))"),
    ],
)
def test_a_validation_that_demands_more(before: str, after: str) -> None:
    breaks(validated(before), validated(after), "main.tf:1: input a is held to more")


def test_a_validation_that_is_new_or_gone() -> None:
    breaks(variable("type = number"), validated("var.a >= 1"), "held to more: var.a >= 1")
    (found,) = changed(validated("var.a >= 1"), variable("type = number"))
    assert (found.level, found.what) == (Level.MINOR, "input a is held to less")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("var.a >= 1 && p", "p && var.a >= 1"),
        ("alltrue([p, q])", "(p) && (q)"),
        ("contains([1, 2], var.a)", "contains([2, 1], var.a)"),
        ("var.a == 1", "contains([1], var.a)"),
    ],
)
def test_a_validation_that_demands_the_same(before: str, after: str) -> None:
    assert changed(validated(before), validated(after)) == []


def test_the_list_of_a_validation_may_be_a_local() -> None:
    few, many = (
        f"locals {{\n  all = {numbers}\n}}\n" + validated("contains(local.all, var.a)")
        for numbers in ([1], [1, 2])
    )
    breaks(many, few, "held to more")
    assert level(few, many) is Level.MINOR


def test_long_text_is_cut() -> None:
    before, after = (variable(f'default = "{letter * 500}"') for letter in "ab")
    assert len(breaks(before, after).what) < 400


limits = st.integers(-50, 50)


@given(limits, limits)
def test_bounds_that_are_widened_one_way_are_narrowed_the_other(one: int, other: int) -> None:
    texts = [validated(f"var.a >= {low} && var.a <= 100") for low in (one, other)]
    there, back = level(*texts), level(*reversed(texts))
    expected = {Level.PATCH} if one == other else {Level.MINOR, Level.MAJOR}
    assert {there, back} == expected
    assert (there is Level.MAJOR) == (other > one)


numbers = st.sets(st.integers(0, 9), min_size=1)


@given(numbers, numbers, st.sampled_from(["", "!"]))
def test_sets_likewise(one: set[int], more: set[int], negation: str) -> None:
    texts = [validated(f"{negation}contains({sorted(each)}, var.a)") for each in (one, one | more)]
    there, back = level(*texts), level(*reversed(texts))
    if negation:
        there, back = back, there
    same = more <= one
    assert (there, back) == ((Level.PATCH,) * 2 if same else (Level.MINOR, Level.MAJOR))


def output(inside: str, name: str = "o") -> str:
    return f'output "{name}" {{\n  {inside}\n}}\n'


def test_an_output_that_is_removed_renamed_or_hidden() -> None:
    shown = output("value = 1")
    breaks(shown, "", "modules/x/1.0.0/main.tf:1", "output o is removed")
    assert breaks(shown, output("value = 1", "p"), "output o is renamed to p").todo
    breaks(shown, output("value = 1\n  sensitive = true"), "2.0.0/main.tf:1", "sensitive now")
    breaks(shown, output("value = 1\n  ephemeral = true"), "ephemeral now")
    assert changed(output("value = 1\n  sensitive = true"), shown) == []
    assert level("", shown) is Level.MINOR


def test_a_resource_that_is_gone() -> None:
    found = breaks(
        resource("engine = 1"), "", "1.0.0/main.tf:1", "aws_db_instance.a is gone", "the database"
    )
    assert found.todo
    breaks(resource("", name="a"), resource("", name="b"), "aws_db_instance.a is gone")
    assert level("", resource("")) is Level.MINOR


def test_a_resource_that_is_moved_and_what_refers_to_it() -> None:
    def module(name: str) -> str:
        key = resource('description = "d"', "aws_kms_key", name)
        return key + resource(f"kms_key_id = aws_kms_key.{name}.arn")

    moves = moved("aws_kms_key.a", "aws_kms_key.b") + moved("aws_kms_key.b", "aws_kms_key.c")
    (found,) = changed(module("a"), module("c") + moves)
    assert (found.level, found.what) == (Level.MINOR, "aws_kms_key.a is moved to aws_kms_key.c")
    assert changed(module("c") + moves, module("c") + moves) == []


@pytest.mark.parametrize(
    "moves",
    [
        moved("aws_db_instance.a", "aws_db_instance.gone"),
        moved("aws_db_instance.other", "aws_db_instance.b"),
        moved("aws_db_instance.a", "aws_db_instance.c")
        + moved("aws_db_instance.c", "aws_db_instance.a"),
        moved("aws_db_instance.a", "aws_db_instance.a"),
        moved("aws_db_instance.a", "aws_rds_cluster.b"),
    ],
)
def test_moves_that_lead_nowhere(moves: str) -> None:
    after = resource("", name="b") + resource("", "aws_rds_cluster", "b") + moves
    breaks(resource(""), after, "aws_db_instance.a is gone")


def test_a_moved_block_has_to_stay_for_who_skips_a_version() -> None:
    before = resource("", name="b") + moved("aws_db_instance.a", "aws_db_instance.b")
    breaks(before, resource("", name="b"), "1.0.0/main.tf:1", "no longer has a moved block")
    on = resource("", name="c") + moved("aws_db_instance.a", "aws_db_instance.c")
    assert level(before, on + moved("aws_db_instance.b", "aws_db_instance.c")) is Level.MINOR


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "count = 1"),
        ("", "for_each = var.x"),
        ("count = 1", ""),
        ("count = 1", "for_each = var.x"),
        ("for_each = var.x", "for_each = var.y"),
        ("for_each = local.x", "for_each = local.y"),
    ],
)
def test_instances_that_may_have_other_keys(before: str, after: str) -> None:
    values = "locals {\n x = var.x\n y = var.y\n}\n"
    breaks(resource(before) + values, resource(after) + values, "2.0.0/main.tf:", "other keys")


def test_instances_that_keep_their_keys() -> None:
    local = "locals {\n x = var.x\n}\n"
    assert changed(resource("for_each = var.x"), resource("for_each = local.x") + local) == []


def test_an_instance_that_is_moved_is_followed() -> None:
    before = resource('engine = "x"\n  count = 1')
    after = resource('engine = "x"', name="b") + moved("aws_db_instance.a[0]", "aws_db_instance.b")
    breaks(before, after, "the instances of aws_db_instance.a may have other keys")


@pytest.mark.parametrize(
    ("kind", "before", "after", "line"),
    [
        ("aws_db_instance", "engine = 1", "engine = 2", 2),
        ("aws_db_instance", "engine = 1", "", 1),
        ("aws_db_instance", "", "\n  snapshot_identifier = 1", 3),
        ("aws_db_instance", "s3_import {\n b = 1\n}", "s3_import {\n b = 2\n}", 3),
        ("aws_db_instance", "", "restore_to_point_in_time {\n b = 2\n}", 3),
        (
            "aws_db_instance",
            "",
            'dynamic "restore_to_point_in_time" {\n for_each = [1]\n content {}\n}',
            3,
        ),
        ("aws_elasticache_serverless_cache", 'name = "a"', 'name = "b"', 2),
        ("aws_kms_key", "", "multi_region = true", 2),
        ("aws_secretsmanager_secret", 'name = "a"', 'name_prefix = "a"', 0),
        ("aws_secretsmanager_secret_version", "secret_string_wo_version = 1", "", 1),
        ("aws_db_instance", "", "lifecycle {\n replace_triggered_by = [a.b]\n}", 3),
        ("aws_db_instance", "lifecycle {\n ignore_changes = [engine]\n}", "", 1),
        (
            "aws_db_instance",
            "lifecycle {\n ignore_changes = all\n}",
            "lifecycle {\n ignore_changes = [port]\n}",
            3,
        ),
    ],
)
def test_what_replaces_something_with_a_loss(kind: str, before: str, after: str, line: int) -> None:
    found = changed(resource(before, kind), resource(after, kind))
    assert found
    for each in found:
        assert each.level is Level.MAJOR
        assert "would be lost" in each.what
        assert not line or str(each.place) == f"{NEW}:{line}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("engine_version = 1", "engine_version = 2"),
        ("tags = {}", "tags = { engine = 1 }"),
        ("engine = 1", "# why\n  engine = 1"),
        ("", "timeouts {\n engine = 1\n}"),
        ("", "lifecycle {\n prevent_destroy = true\n}"),
        ("", "lifecycle {\n ignore_changes = [engine]\n}"),
        ("lifecycle {\n ignore_changes = [port]\n}", ""),
        ("lifecycle {\n ignore_changes = [engine]\n}", "lifecycle {\n ignore_changes = all\n}"),
        ("lifecycle {\n replace_triggered_by = [a.b]\n}", ""),
    ],
)
def test_what_replaces_nothing(before: str, after: str) -> None:
    assert changed(resource(before), resource(after)) == []
    assert changed(resource("name = 1", "aws_iam_role"), resource("name = 2", "aws_iam_role")) == []


def test_a_local_or_a_neighbour_that_changes_is_seen_where_it_is_used() -> None:
    before, after = (
        f'locals {{\n  name = "{name}"\n}}\n' + resource('db_name = "x-${local.name}"')
        for name in "ab"
    )
    breaks(before, after, f"{NEW}:5", "gets another db_name")
    group = resource("name = aws_lambda_function.a.function_name", "aws_cloudwatch_log_group")
    before, after = (
        group + resource(f'function_name = "{name}"', "aws_lambda_function") for name in "ab"
    )
    whats = [each.what for each in changed(before, after)]
    assert any(what.startswith("aws_cloudwatch_log_group.a gets another name") for what in whats)


def test_a_value_that_moves_into_a_local_is_the_same() -> None:
    plain = resource('db_name = "x-${var.p}"\n  username = "u"')
    local = 'locals {\n  p = "x-${var.p}"\n  u = "u"\n}\n'
    assert changed(plain, local + resource("db_name = local.p\n  username = local.u")) == []


def precondition(condition: str) -> str:
    return resource(
        f'lifecycle {{\n precondition {{\n  condition = {condition}\n  error_message = ""\n }}\n}}'
    )


def test_a_precondition_that_demands_more() -> None:
    breaks(resource(""), precondition("var.x >= 1"), f"{NEW}:3", "a precondition demands more")
    breaks(precondition("var.x >= 1"), precondition("var.x >= 2"), "var.x >= 2")
    assert changed(precondition("var.x >= 2"), precondition("var.x >= 1")) == []
    inside = 'value = 1\n precondition {\n  condition = p\n  error_message = ""\n }'
    breaks(output("value = 1"), output(inside), "a precondition demands more: p")


def needs(terraform: str, aws: str) -> str:
    return f"""terraform {{
  required_version = "{terraform}"
  required_providers {{
    aws = {{
      source  = "hashicorp/aws"
      version = "{aws}"
    }}
  }}
}}
"""


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (">= 1.9", ">= 1.10"),
        (">= 1.9", "> 1.9"),
        (">= 1.9", "~> 1.9"),
        (">= 1.9, < 3", ">= 1.9, < 2"),
        ("~> 5.0", "~> 5.1"),
        ("~> 5.0", "~> 5.0.0"),
        ("~> 5.0", "5.0.0"),
        ("<= 2.0.0", "< 2.0.0"),
        (">= 1.9", ">= 1.9, != 1.9.5"),
        ("", ">= 1.0"),
    ],
)
def test_requirements_that_are_narrower(before: str, after: str) -> None:
    breaks(needs(before, "1"), needs(after, "1"), f"{NEW}:2", "terraform ", after)
    breaks(needs("1", before), needs("1", after), f"{NEW}:4", "hashicorp/aws ", after)
    assert changed(needs(after, after), needs(before, before)) == []


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("~> 5", ">= 5, < 6"),
        ("5.0.0", "= 5.0"),
        (">= 1.9, < 2", "<2.0.0,>=1.9.0"),
        ("~>1.2.3", "~> 1.2.3"),
    ],
)
def test_requirements_that_are_the_same(before: str, after: str) -> None:
    assert changed(needs(before, before), needs(after, after)) == []
    assert version_range(before) == version_range(after)


def test_a_provider_that_is_new() -> None:
    random = 'terraform {\n  required_providers {\n    r = {\n      source = "h/r"\n    }\n  }\n}'
    breaks("", random, f"{NEW}:3", "h/r is required")
    assert changed(random, "") == []


def test_the_greatest_changes_come_first_then_by_place() -> None:
    before = variable("default = 1") + output("value = 1")
    after = variable("default = 1", "b") + variable("default = 2") + output("value = 1", "p")
    found = changed(before, after)
    assert [each.level for each in found] == sorted((e.level for e in found), reverse=True)
    majors = [each.place for each in found if each.level is Level.MAJOR]
    assert majors == sorted(majors)
    assert required([]) is Level.PATCH
