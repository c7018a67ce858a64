"""Two plans, compared by address and argument."""

from __future__ import annotations

import json
from typing import Any

import pytest

from finbase.plan.effects import Argument, Effect, effects


def resource(address: str, after: dict[str, Any], **change: Any) -> dict[str, Any]:
    kind = address.split("[")[0].split(".")[-2]
    return {
        "address": address,
        "mode": "managed",
        "type": kind,
        "change": {"after": after, "after_unknown": {}, "after_sensitive": {}, **change},
    }


def plan(*resources: dict[str, Any], **expressions: dict[str, Any]) -> dict[str, Any]:
    found = [
        {"address": address.replace("__", "."), "expressions": arguments}
        for address, arguments in expressions.items()
    ]
    return {
        "resource_changes": list(resources),
        "configuration": {"root_module": {"module_calls": {"m": {"module": {"resources": found}}}}},
    }


TOPIC = resource("module.m.aws_sns_topic.a", {"name": "a"})
KEY = resource("module.m.aws_kms_key.k", {"multi_region": False, "description": "d"})


def test_effects_of_equal_plans_are_empty() -> None:
    assert effects(plan(TOPIC, KEY), plan(KEY, TOPIC), {}) == ()


def test_effects_add_and_destroy() -> None:
    assert effects(plan(TOPIC), plan(KEY), {}) == (
        Effect("module.m.aws_kms_key.k", "add"),
        effects(plan(TOPIC), plan(), {})[0],
    )
    (gone,) = effects(plan(KEY), plan(), {})
    assert gone.action == "destroy"
    assert "the key" in gone.loses


def test_effects_ignore_data_sources() -> None:
    data = {**resource("module.m.aws_kms_key.k", {}), "mode": "data"}
    assert effects(plan(data), plan(), {}) == ()


@pytest.mark.parametrize("index", ["", '["a"]', "[0]", '["a.b"]'])
def test_effects_follow_moves_with_keys(index: str) -> None:
    old = resource(f"module.m.aws_sns_topic.a{index}", {"name": "a"})
    new = resource(f"module.m.aws_sns_topic.c{index}", {"name": "a"})
    chain = {
        "module.m.aws_sns_topic.a": "module.m.aws_sns_topic.b",
        "module.m.aws_sns_topic.b": "module.m.aws_sns_topic.c",
    }
    (effect,) = effects(plan(old), plan(new), chain)
    assert effect == Effect(new["address"], "move", moved_from=old["address"])


def test_a_move_to_a_key_does_not_move_what_has_one() -> None:
    bare, keyed = "module.m.aws_sns_topic.a", 'module.m.aws_sns_topic.a["k"]'
    moved = {bare: keyed}
    assert effects(plan(resource(keyed, {})), plan(resource(keyed, {})), moved) == ()
    (effect,) = effects(plan(resource(bare, {})), plan(resource(keyed, {})), moved)
    assert effect == Effect(keyed, "move", moved_from=bare)


def test_effects_end_on_circular_moves() -> None:
    circle = {"aws_sns_topic.a": "aws_sns_topic.b", "aws_sns_topic.b": "aws_sns_topic.a"}
    one = resource("x.aws_sns_topic.a", {})
    assert effects(plan(one), plan(one), circle) == ()


def test_effects_name_nested_arguments() -> None:
    before = {"name": "a", "rules": [{"days": 7}], "tags": {"A": "1"}, "tags_all": {"A": "1"}}
    after = {"name": "a", "rules": [{"days": 8}], "tags": {"A": "2"}, "tags_all": {"A": "2"}}
    address = "module.m.aws_x.y"
    (effect,) = effects(plan(resource(address, before)), plan(resource(address, after)), {})
    assert effect.action == "change"
    assert effect.arguments == (
        Argument("rules[0].days", "7", "8"),
        Argument("tags.A", '"1"', '"2"'),
    )


def test_effects_compare_parts_of_documents() -> None:
    def with_action(action: str) -> dict[str, Any]:
        policy = json.dumps({"Statement": [{"Action": action}], "Version": "v"})
        return plan(resource("module.m.aws_x.y", {"policy": policy}))

    (effect,) = effects(with_action("kms:*"), with_action("kms:Decrypt"), {})
    changed = Argument("policy.Statement[0].Action", '"kms:*"', '"kms:Decrypt"')
    assert effect.arguments == (changed,)


@pytest.mark.parametrize(
    ("argument", "kind"), [("multi_region", "replace"), ("description", "change")]
)
def test_effects_replace_a_key(argument: str, kind: str) -> None:
    after = {**KEY["change"]["after"], argument: "other"}
    (effect,) = effects(plan(KEY), plan(resource(KEY["address"], after)), {})
    assert effect.action == kind
    assert bool(effect.loses) == (kind == "replace")


@pytest.mark.parametrize("before", [True, False])
@pytest.mark.parametrize("after", [True, False])
def test_effects_say_where_terraform_will_refuse(before: bool, after: bool) -> None:
    address = "module.database_reports.aws_db_instance.primary"
    guard = resource("terraform_data.keep_database_reports", {})
    module = {"module_address": "module.database_reports"}

    def stack(name: str, guarded: bool) -> dict[str, Any]:
        database = resource(address, {"username": name}) | module
        return plan(database, *([guard] if guarded else []))

    found = effects(stack("a", before), stack("b", after), {})
    [effect] = [effect for effect in found if effect.address == address]
    assert effect.action == "replace"
    assert ("Terraform refuses that" in effect.loses) == (before and after)


@pytest.mark.parametrize("ignored", [{"name_prefix"}, {"all"}])
def test_effects_without_ignored_changes(ignored: set[str]) -> None:
    address = "module.m.aws_secretsmanager_secret.s"
    before = resource(address, {"name": "a", "name_prefix": None})
    after = resource(address, {"name_prefix": "b-"}, after_unknown={"name": True})
    (effect,) = effects(plan(before), plan(after), {})
    assert effect.action == "replace"
    assert effects(plan(before), plan(after), {}, {address: frozenset(ignored)}) == ()
    renamed = resource(address, {"name": "b", "name_prefix": None})
    (effect,) = effects(plan(before), plan(renamed), {}, {address: frozenset({"name_prefix"})})
    assert effect.action == "replace"


def test_effects_mark_unknown_and_sensitive() -> None:
    known = resource("module.m.aws_x.y", {"arn": "a", "token": "one"})
    later = resource(
        "module.m.aws_x.y",
        {"token": "two"},
        after_unknown={"arn": True},
        after_sensitive={"token": True},
    )
    (effect,) = effects(plan(known), plan(later), {})
    assert effect.arguments == (
        Argument("arn", '"a"', "(known after apply)"),
        Argument("token", '"one"', "(sensitive)"),
    )
    assert "two" not in str(effect)


def test_effects_compare_references_of_unknown() -> None:
    def with_key(name: str) -> dict[str, Any]:
        one = resource("module.m.aws_x.y", {}, after_unknown={"kms_key_id": True})
        references = [f"aws_kms_key.{name}.arn", f"aws_kms_key.{name}"]
        return plan(one, aws_x__y={"kms_key_id": {"references": references}})

    (effect,) = effects(with_key("database"), with_key("logs"), {})
    (argument,) = effect.arguments
    assert argument.name == "kms_key_id"
    assert "aws_kms_key.logs.arn" in argument.after
    moved = {"module.m.aws_kms_key.database": "module.m.aws_kms_key.logs"}
    assert effects(with_key("database"), with_key("logs"), moved) == ()
