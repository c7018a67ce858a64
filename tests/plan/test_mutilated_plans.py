"""A plan that is cut, changed, huge or no plan: a clear error, exit code 2, and never a pass."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.errors import ComplianceError
from finbase.judge import compliance
from finbase.plan.document import read_plan
from finbase.plan.parse import MOST_BYTES, MOST_DEPTH
from finbase.terraform import account
from finbase.terraform.program import Terraform
from tests.support.commands import ROOT, finbase, search_path

FIXTURES = ROOT / "tests" / "fixtures"
PLAN = (FIXTURES / "compliance" / "plan.json").read_bytes()
NESTED = (FIXTURES / "plans" / "nested.json").read_bytes()
SECONDS, MIB = 5.0, 300

Change = Callable[[Any], object]


def changed(change: Change, data: bytes = PLAN) -> bytes:
    """The plan, after a change of what it says."""
    plan = json.loads(data)
    change(plan)
    return json.dumps(plan).encode()


def put(*way: Any) -> Change:
    """Put a value, the last of ``way``, at the place that the others lead to."""
    *path, last, value = way

    def change(plan: Any) -> None:
        for step in path:
            plan = plan[step]
        plan[last] = value

    return change


def drop(*way: Any) -> Change:
    *path, last = way

    def change(plan: Any) -> None:
        for step in path:
            plan = plan[step]
        del plan[last]

    return change


PLANNED = ("planned_values", "root_module", "child_modules", 0, "resources")
CONFIGURED = ("configuration", "root_module", "module_calls", "base", "module", "resources")


def at(plan: Any, way: tuple[Any, ...]) -> Any:
    for step in way:
        plan = plan[step]
    return plan


def deep(levels: int) -> bytes:
    nested = '{"a":' * levels + "1" + "}" * levels
    return PLAN[: PLAN.rindex(b"}")] + b',"deep":' + nested.encode() + b"}"


NOT_JSON: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is not JSON"),
    "blank": (b" \n", "is not JSON"),
    "truncated": (PLAN[: len(PLAN) // 2], "is not JSON: .* line"),
    "without its last brace": (PLAN.rstrip()[:-1], "is not JSON"),
    "beheaded": (PLAN[1:], "is not JSON"),
    "twice": (PLAN * 2, "is not JSON: Extra data"),
    "binary plan": (b"PK\x03\x04" + bytes(200), "is not JSON"),
    "not UTF-8": (PLAN.replace(b"eu-west-1a", b"eu-west-\xff", 1), "byte 0xff at offset .* UTF-8"),
    "byte order mark": (b"\xef\xbb\xbf" + PLAN, "starts with a byte order mark"),
    "UTF-16": (PLAN.decode().encode("utf-16"), "is UTF-16, not UTF-8"),
    "UTF-16 without a mark": (PLAN.decode().encode("utf-16-le"), "is not JSON"),
    "half a pair": (PLAN.replace(b'"eu-west-1a"', b'"\\ud800"', 1), "half of a surrogate pair"),
    "NaN": (PLAN.replace(b"false", b"NaN", 1), "NaN is not a number in JSON"),
    "infinity": (PLAN.replace(b"false", b"-Infinity", 1), "-Infinity is not a number"),
    "beyond a float": (PLAN.replace(b"false", b"1e999", 1), "1e999 is too large for a number"),
    "endless number": (PLAN.replace(b"false", b"1" * 5000, 1), "is not JSON"),
    "a key twice": (
        PLAN.replace(b'"planned_values"', b'"configuration": {}, "planned_values"', 1),
        "the key configuration occurs twice",
    ),
    "deep": (deep(MOST_DEPTH), "nested more than 100 levels"),
    "very deep": (deep(100_000), "nested more than 100 levels"),
    "deep lists": (b"[" * 1_000_000, "nested more than 100 levels"),
}

NO_PLAN: dict[str, tuple[bytes, str]] = {
    "list": (b"[]", "JSON, but not of a Terraform plan"),
    "text": (b'"plan"', "JSON, but not of a Terraform plan"),
    "nothing": (b"null", "JSON, but not of a Terraform plan"),
    "empty object": (b"{}", "JSON, but not of a Terraform plan"),
    "state": (
        changed(lambda plan: plan.update(values=plan.pop("planned_values"))),
        "not of a Terraform plan: it is a state",
    ),
    "state file": (b'{"version": 4, "terraform_version": "1.11.4", "resources": []}', "not of a"),
    "error of Terraform": (b'{"format_version":"1.0"}', "it has no terraform_version"),
    **{
        f"no {key}": (changed(drop(key)), f"it has no {key}")
        for key in ("terraform_version", "planned_values", "configuration")
    },
    "no format": (changed(drop("format_version")), "not of a Terraform plan"),
    **{
        f"format {version!r}": (changed(put("format_version", version)), "Unsupported .* format")
        for version in ("0.1", "0.2", "2.0", "9.9", "1", "", 1.2, None, "1.2\n")
    },
}

PARTIAL: dict[str, tuple[bytes, str]] = {
    "errored": (
        changed(put("errored", True)),
        "is incomplete, because the run of Terraform failed",
    ),
    "errored in words": (
        changed(put("errored", "no")),
        "is incomplete, because the run of Terraform failed",
    ),
    "not complete": (changed(put("complete", False)), "Terraform left out or deferred a part"),
    "deferred": (
        changed(put("deferred_changes", [{"reason": "unknown"}])),
        "Terraform left out or deferred a part",
    ),
    "actions": (
        changed(put("action_invocations", [{"address": "action.aws_lambda_invoke.x"}])),
        "invokes actions of a provider",
    ),
    "no planned root": (changed(drop("planned_values", "root_module")), "planned_values: .*root_m"),
    "no root": (changed(drop("configuration", "root_module")), "configuration: .*root_module"),
    "no changes": (changed(drop("resource_changes")), "not in resource_changes"),
    "nothing planned": (
        changed(put("planned_values", "root_module", {})),
        r"module\.base\.aws_kms_key\.database is configured, but not planned",
    ),
    "nothing configured": (
        changed(put("configuration", "root_module", {})),
        "is planned, but not configured",
    ),
    "a planned resource gone": (changed(drop(*PLANNED, 0)), "does not agree with itself"),
    "a configured resource gone": (changed(drop(*CONFIGURED, 0)), "is planned, but not configured"),
    "a change gone": (changed(drop("resource_changes", 0)), "but not in resource_changes"),
    "a module gone": (
        changed(drop("configuration", "root_module", "module_calls", "base")),
        "is planned, but not configured",
    ),
    "a module given nothing": (
        changed(drop("configuration", "root_module", "module_calls", "base", "expressions")),
        r"module\.base lacks zones, which has no default",
    ),
    "planned twice": (
        changed(lambda plan: at(plan, PLANNED).append(at(plan, PLANNED)[0])),
        "is planned twice",
    ),
    "configured twice": (
        changed(lambda plan: at(plan, CONFIGURED).append(at(plan, CONFIGURED)[0])),
        "is configured twice",
    ),
    "changed twice": (
        changed(lambda plan: plan["resource_changes"].append(plan["resource_changes"][0])),
        "is changed twice",
    ),
    "another value in one place": (
        changed(put(*PLANNED, 0, "values", "multi_region", "spoilt")),
        "other values in planned_values than in resource_changes",
    ),
    "another address": (changed(put(*PLANNED, 0, "address", "aws_eip.x")), "is not the address of"),
    "a change without a type": (
        changed(drop("resource_changes", 0, "type")),
        "another type, name or key",
    ),
    "a change without actions": (
        changed(put("resource_changes", 0, "change", "actions", [])),
        r"resource_changes\[0\]\.change\.actions: \[\] has less than 1 item",
    ),
    "a drift without values": (
        changed(put("resource_drift", [{"address": "a.b", "mode": "managed", "type": "a"}])),
        r'resource_drift\[0\]: "change" is a required property',
    ),
    "planned and deleted": (
        changed(put("resource_changes", 0, "change", "actions", ["delete"])),
        "is planned, and deleted as well",
    ),
    "another type": (changed(put("resource_changes", 0, "type", "x")), "another type, name or key"),
    "output gone": (
        changed(lambda plan: plan["planned_values"]["outputs"].popitem(), NESTED),
        "the output .* is in output_changes, but not everywhere else",
    ),
    "output not changed": (
        changed(lambda plan: plan["output_changes"].popitem(), NESTED),
        "the output .* is not in output_changes",
    ),
}

OTHER_TYPES: dict[str, tuple[bytes, str]] = {
    ".".join(map(str, way)): (changed(put(*way, value)), "is not of type|is not one of")
    for way, value in [
        (("terraform_version",), 1.11),
        (("planned_values",), []),
        (("planned_values", "root_module"), "root"),
        (("planned_values", "root_module", "child_modules"), {}),
        ((*PLANNED[:-1], "address"), None),
        (PLANNED, {"0": {}}),
        ((*PLANNED, 0), "aws_eip.x"),
        ((*PLANNED, 0, "values"), "{}"),
        ((*PLANNED, 0, "mode"), "imaginary"),
        ((*PLANNED, 0, "index"), 1.5),
        (("resource_changes",), {}),
        (("resource_changes", 0, "change"), None),
        (("resource_changes", 0, "change", "actions"), "create"),
        (("resource_changes", 0, "change", "after_unknown"), []),
        (("resource_changes", 0, "change", "after_unknown", "arn"), "known"),
        (("configuration", "root_module", "module_calls", "base", "expressions", "x"), [{}]),
        (("configuration",), "x"),
        (("configuration", "root_module"), []),
        (("configuration", "root_module", "module_calls"), []),
        (("configuration", "provider_config"), []),
        (CONFIGURED, 5),
        ((*CONFIGURED, 0, "expressions"), []),
        ((*CONFIGURED, 0, "expressions", "multi_region"), False),
        ((*CONFIGURED, 0, "expressions", "x"), {"references": "aws_eip.x"}),
        ((*CONFIGURED, 0, "expressions", "x"), [{"y": {"references": [1]}}]),
        ((*CONFIGURED, 0, "depends_on"), "aws_eip.x"),
        (("variables",), {"x": 1}),
        (("complete",), "yes"),
    ]
}


@pytest.mark.parametrize(
    ("data", "message"),
    [
        pytest.param(*case, id=name)
        for group in (NOT_JSON, NO_PLAN, PARTIAL, OTHER_TYPES)
        for name, case in group.items()
    ],
)
def test_read_plan_refuses_mutilated_plans(data: bytes, message: str, tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(data)
    with pytest.raises(ComplianceError, match=message) as raised:
        compliance.run(path, ROOT / "features")
    assert raised.value.message.startswith(str(path))
    assert all(line.isprintable() for line in str(raised.value).splitlines())
    assert raised.value.hint
    assert len(str(raised.value)) < 1000


def test_read_plan_accepts_blocks_without_instances() -> None:
    """Terraform omits ``for_each = toset([])`` from the configuration of a plan."""
    empty: dict[str, Any] = {
        "address": "terraform_data.none",
        "mode": "managed",
        "type": "terraform_data",
    }
    empty |= {"name": "none", "provider_config_key": "terraform", "schema_version": 0}
    data = changed(lambda plan: at(plan, CONFIGURED).append(empty))
    assert read_plan(data, "the plan") == json.loads(data)


@pytest.mark.parametrize("group", [NOT_JSON, NO_PLAN, PARTIAL, OTHER_TYPES], ids=len)
def test_check_of_a_mutilated_plan_exits_2(
    group: dict[str, tuple[bytes, str]], tmp_path: Path
) -> None:
    path = tmp_path / "plan.json"
    for name, (data, _) in group.items():
        path.write_bytes(data)
        report = tmp_path / f"{name}.xml".replace("/", "-")
        done = finbase(ROOT, "check", "--plan", str(path), "--junit", str(report))
        assert done.exit_code == 2, name
        assert "Traceback" not in done.output
        assert str(path) in done.output
        assert "hint: " in done.output
        assert "absent" not in done.output
        assert not report.exists() or not report.read_bytes()


def test_read_plan_accepts_test_plans() -> None:
    for data in (PLAN, NESTED):
        assert read_plan(data, "the plan") == json.loads(data)


def test_read_plan_of_halves() -> None:
    """Wherever the text of a plan ends too early, it is refused."""
    whole = PLAN.rstrip()
    for end in range(0, len(whole), 7):
        with pytest.raises(ComplianceError):
            read_plan(whole[:end], "the plan")


@given(st.integers(0, len(PLAN) - 1), st.integers(0, 7))
def test_read_plan_of_flipped_bits(at: int, bit: int) -> None:
    data = PLAN[:at] + bytes([PLAN[at] ^ 1 << bit]) + PLAN[at + 1 :]
    with suppress(ComplianceError):
        read_plan(data, "the plan")


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)


@given(st.sampled_from([*json.loads(PLAN)]), JSON)
def test_read_plan_of_replaced_parts(key: str, value: Any) -> None:
    data = changed(put(key, value))
    with suppress(ComplianceError):
        read_plan(data, "the plan")


# --- huge plans --------------------------------------------------------------------------


def padded(size: int) -> bytes:
    """The plan with resources of ten thousand bytes each, at all three places where they stand."""
    plan = json.loads(PLAN)
    for number in range(size // 20_500):
        own = {"mode": "managed", "type": "terraform_data", "name": f"padding{number}"}
        own["address"] = f"terraform_data.padding{number}"
        values = {"input": "x" * 10_000}
        plan["planned_values"]["root_module"].setdefault("resources", []).append(
            own | {"values": values}
        )
        plan["configuration"]["root_module"].setdefault("resources", []).append(own)
        change = {"actions": ["create"], "before": None, "after": values, "after_unknown": {}}
        plan["resource_changes"].append(own | {"change": change})
    return json.dumps(plan).encode()


def test_read_plan_refuses_50_mb_quickly(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    path.write_bytes(padded(50_000_000))
    assert path.stat().st_size > 49_000_000
    measured = (
        "import re, resource, sys\n"
        "from finbase.cli import main\n"
        "try:\n    main()\n"
        "finally:\n"
        "    used = resource.getrusage(resource.RUSAGE_SELF)\n"
        "    peak = re.search(r'VmHWM:\\s+(\\d+)', open('/proc/self/status').read())\n"
        "    print(used.ru_utime + used.ru_stime, peak[1], file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", measured, "--project", ROOT, "check", "--plan", path],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    message, hint, used = done.stderr.splitlines()
    assert done.returncode == 2
    assert message == f"{path} is larger than 16 MiB"
    assert "pass the plan of one stack" in hint
    seconds, kilobytes = map(float, used.split())
    assert seconds < SECONDS
    assert kilobytes < MIB * 1024


_JUDGE = """
import resource, sys
from pathlib import Path
from finbase.judge import compliance
verdict = compliance.run(Path(sys.argv[1]).read_bytes(), Path(sys.argv[2]))
print(verdict.passed, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""


def test_check_judges_the_largest_plan(tmp_path: Path) -> None:
    """The padding changes nothing that the scenarios see.

    A process of its own judges it, so that its peak of memory counts and no other test's.
    """
    data = padded(MOST_BYTES - 200_000)
    assert MOST_BYTES - 1_000_000 < len(data) < MOST_BYTES
    plan = tmp_path / "plan.json"
    plan.write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _JUDGE, str(plan), str(FIXTURES / "compliance" / "features")],
        env={**os.environ, "PYTHONPATH": search_path()},
        capture_output=True,
        text=True,
        check=True,
    )
    passed, kilobytes = done.stdout.split()
    assert passed == "True"
    assert int(kilobytes) < 2 * MIB * 1024


# --- what else reads a plan ---------------------------------------------------------------


def test_apply_refuses_mutilated_plans(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Of a plan that `terraform show` gives in part, nothing is applied."""
    applied: list[Path] = []
    broken = changed(drop("resource_changes", 0))
    monkeypatch.setattr(account, "initialise", lambda *_, **__: None)
    monkeypatch.setattr(account, "show", lambda *_: broken)
    monkeypatch.setattr(account, "apply", lambda *given: applied.append(given[-1]))
    monkeypatch.setattr("finbase.plan.saved.verify", lambda *_: None)
    monkeypatch.setattr(
        "finbase.terraform.program.find_terraform",
        lambda: Terraform(Path("terraform"), "Terraform", (1, 11, 4), "linux_amd64"),
    )
    saved = tmp_path / "production.tfplan"
    saved.write_bytes(b"a saved plan")
    done = finbase(ROOT, "apply", "production", str(saved))
    assert done.exit_code == 2, done.output
    assert "the plan does not agree with itself" in done.output
    assert not applied
    assert saved.exists()
