"""Rehearsals: a whole one, with Terraform killed twice, and the parts that they are made of."""

from __future__ import annotations

import gzip
import io
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
import zipfile
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finbase.rehearsal.drift import ALLOWED, Allowed, drifts
from finbase.rehearsal.inventory import Thing
from finbase.rehearsal.model import Drift, Rehearsal, Search, Step
from finbase.rehearsal.orphans import import_blocks, orphans
from finbase.rehearsal.rehearse import Cuts, rehearse
from finbase.rehearsal.scratch import scratch_folder
from finbase.rehearsal.search import Gaps, forms, search
from finbase.rehearsal.terraform import Applied, kill_between_writes
from finbase.report.rehearsal import RehearsalReport
from finbase.terraform.program import find_terraform
from tests.support.commands import ROOT, search_path
from tests.support.rehearsed import (
    differences,
    normalised,
    own_temporary_folder,
    users_of,
    wait_for_none,
)

SEED = int(os.environ.get("SOAK_SEED", "20261125"))
ENVIRONMENT = "development"
SECRET = "Sesame+/open='1\\é"
# In the background, where tests may well run, shells have programs ignore SIGINT.
_SCRIPT = (
    "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); "
    "from finbase.cli import main; main(prog_name='finbase')"
)


@contextmanager
def finbase(
    project: Path, temporary: Path, *arguments: str, **environ: str
) -> Iterator[subprocess.Popen[str]]:
    """Run ``finbase``, whose scratch folders all are in ``temporary``."""
    with subprocess.Popen(
        [sys.executable, "-c", _SCRIPT, "--project", str(project), *arguments],
        env={
            **os.environ,
            "PYTHONPATH": search_path(),
            "PYTHONDONTWRITEBYTECODE": "1",
            "TMPDIR": str(temporary),
            **environ,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as child:
        try:
            yield child
        finally:
            child.kill()


# A whole rehearsal ---------------------------------------------------------------------------


@pytest.mark.terraform
def test_development_lives_rotates_and_goes_though_terraform_is_killed_twice(
    tmp_path: Path,
) -> None:
    told = tmp_path / "rehearsal.json"
    options = ("--json", str(told), "--cut-apply", "50", "--cut-destroy", "50")
    with own_temporary_folder() as temporary:
        with finbase(ROOT, temporary, "rehearse", ENVIRONMENT, *options) as child:
            output, errors = child.communicate()
        assert child.returncode == 0, output + errors
        assert not users_of(temporary)
    result = json.loads(told.read_text())
    assert result["passed"]
    assert result["seconds"] < 8 * 60
    steps = {step["name"]: step for step in result["steps"]}
    assert not [step for step in result["steps"] if step["problems"]]
    assert steps["plan after the apply"]["told"] == ["No changes"]
    assert steps["plan after the rotations"]["told"] == ["No changes"]
    assert "refuses the old password and takes the new one" in steps["rotation 2"]["told"][0]
    applied = (
        steps["apply, killed at 50%"]["resources"] + steps["take up what was lost"]["resources"]
    )
    assert applied + steps["apply"]["resources"] > 90
    assert steps["apply"]["calls"] > 100
    assert not result["drifts"]
    assert result["search"]["passwords"] == 3
    assert result["search"]["files"] > 50
    kinds = {thing.split()[0] for thing in result["kept_by_aws"]}
    assert kinds <= {"aws_kms_key", "aws_secretsmanager_secret", "aws_db_snapshot"}
    for words in ("rotation 2", "calls of the API", "rehearsal of development passed"):
        assert words in output


# An interrupted one --------------------------------------------------------------------------


@pytest.fixture
def fake(tmp_path: Path) -> Path:
    """A program that looks like Terraform."""
    program = tmp_path / "terraform"
    source = ROOT / "tests" / "fixtures" / "fake_terraform.py"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -B {source} "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize(
    ("command", "number"),
    [("init", signal.SIGTERM), ("apply", signal.SIGINT)],
)
def test_one_that_is_interrupted_leaves_no_process_port_or_file(
    tmp_path: Path, fake: Path, command: str, number: signal.Signals
) -> None:
    mark = tmp_path / "mark"
    environ = {"FINBASE_TERRAFORM": str(fake), "FAKE_HANG": command, "FAKE_MARK": str(mark)}
    with own_temporary_folder() as temporary:
        with finbase(ROOT, temporary, "rehearse", ENVIRONMENT, **environ) as child:
            end = time.monotonic() + 120
            while not (mark.is_file() and mark.read_text()) and time.monotonic() < end:
                assert child.poll() is None, child.communicate()
                time.sleep(0.05)
            users = "\n".join(users_of(temporary))
            assert "finbase.sandbox.server" in users
            assert "sleep" in users
            assert ("bin/postgres" in users) == (command == "apply")
            child.send_signal(number)
            child.send_signal(number)  # Impatience does not help.
            output, errors = child.communicate(timeout=120)
        assert child.returncode == 130, errors
        assert "interrupted: nothing is left running" in errors
        assert not output
        assert not wait_for_none(temporary, seconds=0.5)
    address = urlsplit(mark.read_text())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((address.hostname, address.port), timeout=5)


def test_one_that_is_killed_leaves_no_server(tmp_path: Path, fake: Path) -> None:
    mark = tmp_path / "mark"
    environ = {"FINBASE_TERRAFORM": str(fake), "FAKE_HANG": "apply", "FAKE_MARK": str(mark)}
    with scratch_folder() as temporary:
        with finbase(ROOT, temporary, "rehearse", ENVIRONMENT, **environ) as child:
            end = time.monotonic() + 120
            while not (mark.is_file() and mark.read_text()) and time.monotonic() < end:
                time.sleep(0.05)
            child.kill()
            child.communicate()
        end = time.monotonic() + 60
        while time.monotonic() < end:
            left = [each for each in users_of(temporary) if "terraform" not in each]
            if not [each for each in left if "sleep" not in each]:
                break
            time.sleep(0.1)
        else:
            raise AssertionError(left)
        for each in users_of(temporary):  # Terraform itself, which would end by its own errors.
            os.kill(int(each.split()[0]), signal.SIGKILL)


def test_what_goes_wrong_in_the_first_step_is_an_error_and_no_rehearsal(
    fake: Path,
) -> None:
    fake.write_text(fake.read_text().replace("exec", '[ "$1" = init ] && exit 1\nexec'))
    with own_temporary_folder() as temporary:
        with finbase(
            ROOT, temporary, "rehearse", ENVIRONMENT, FINBASE_TERRAFORM=str(fake)
        ) as child:
            _, errors = child.communicate()
        assert child.returncode == 2
        assert "terraform init failed" in errors


def test_what_goes_wrong_with_the_stack_is_told_and_exits_1(fake: Path) -> None:
    fake.write_text(fake.read_text().replace("exec", '[ "$1" = apply ] && exit 1\nexec'))
    with own_temporary_folder() as temporary:
        with finbase(
            ROOT, temporary, "rehearse", ENVIRONMENT, FINBASE_TERRAFORM=str(fake)
        ) as child:
            output, _ = child.communicate()
        assert child.returncode == 1
        assert "rehearsal of development failed: 1 problem" in output


# Killing Terraform ---------------------------------------------------------------------------


def test_terraform_s_lines_become_what_is_finished_and_what_is_not() -> None:
    def line(kind: str, address: str, action: str = "create") -> bytes:
        hook = {"resource": {"addr": address}, "action": action}
        return json.dumps({"type": kind, "hook": hook}).encode()

    applied = Applied()
    finished = [
        applied.read(said)
        for said in (
            line("apply_start", "a"),
            line("apply_start", "b"),
            line("apply_start", "data.c", "read"),
            line("apply_complete", "data.c", "read"),
            line("apply_complete", "a"),
            line("apply_start", "d"),
            line("apply_errored", "d"),
            b"no JSON",
        )
    ]
    assert finished == [False, False, False, False, True, False, False, False]
    assert (applied.finished, applied.begun) == (["a"], ["b"])
    error = {"address": "d", "summary": "failed", "detail": "very\n  badly"}
    applied.read(json.dumps({"@level": "error", "diagnostic": error}).encode())
    assert applied.errors == ["d: failed: very badly"]


def test_a_kill_waits_until_the_state_is_whole(tmp_path: Path) -> None:
    """A writer that empties the file, waits, and writes it, as Terraform does more quickly."""
    state = tmp_path / "terraform.tfstate"
    script = (
        "import sys, time\n"
        "while True:\n"
        "    with open(sys.argv[1], 'w') as file:\n"
        "        file.flush(); time.sleep(0.05); file.write('{\"resources\": []}')\n"
        "    time.sleep(0.01)"
    )
    for _ in range(5):
        writer = subprocess.Popen([sys.executable, "-c", script, state], process_group=0)
        while not state.exists():
            time.sleep(0.01)
        kill_between_writes(writer.pid, state)
        assert writer.wait(20) == -signal.SIGKILL
        assert json.loads(state.read_text()) == {"resources": []}
        state.unlink()


def state_of(*resources: tuple[str, str, Mapping[str, Any]]) -> dict[str, Any]:
    made = [
        {"mode": "managed", "address": address, "type": kind, "values": dict(values)}
        for address, kind, values in resources
    ]
    return {"values": {"root_module": {"child_modules": [{"resources": made}]}}}


def plan_of(
    *resources: tuple[str, str, Mapping[str, Any]], action: str = "create"
) -> dict[str, Any]:
    return {
        "resource_changes": [
            {
                "mode": "managed",
                "address": address,
                "type": kind,
                "change": {"actions": [action], "before": None, "after": dict(after)},
            }
            for address, kind, after in resources
        ]
    }


def thing(kind: str, identifier: str, *facts: str, **more: bool) -> Thing:
    return Thing(kind, identifier, frozenset(facts), **more)


def test_what_no_state_knows_is_matched_with_who_wanted_it() -> None:
    there = [
        thing("aws_vpc", "vpc-1", "ledger"),
        thing("aws_kms_key", "k-1", "for logs"),
        thing("aws_kms_key", "k-2", "for secrets"),
        thing("aws_kms_key", "k-3", "gone", going=True),
        thing("aws_eip", "eip-1", "other's"),
        thing("aws_flow_log", "fl-1"),
        thing("aws_route", "rtb-1_0.0.0.0/0", "rtb-1", "0.0.0.0/0", composed=True),
        thing("aws_route", "rtb-2_0.0.0.0/0", "rtb-2", "0.0.0.0/0", composed=True),
        thing("aws_vpc_security_group_ingress_rule", "sgr-1", "sg-1", "sg-2", "tcp", "5432"),
    ]
    state = state_of(
        ("m.vpc", "aws_vpc", {"id": "vpc-1"}),
        ("m.one", "aws_route", {"route_table_id": "rtb-1", "destination_cidr_block": "0.0.0.0/0"}),
    )
    rule = {
        "security_group_id": "sg-1",
        "referenced_security_group_id": "sg-2",
        "ip_protocol": "tcp",
        "from_port": 5432,
        "to_port": 5432,
    }
    plan = plan_of(
        ("m.logs", "aws_kms_key", {"description": "for logs"}),
        ("m.secrets", "aws_kms_key", {"description": "for secrets"}),
        ("m.eip", "aws_eip", {"tags_all": {"Name": "ledger"}}),
        ("m.flow", "aws_flow_log", {"traffic_type": "ALL"}),
        ("m.two", "aws_route", {"route_table_id": "rtb-2", "destination_cidr_block": "0.0.0.0/0"}),
        ("m.other", "aws_vpc_security_group_ingress_rule", rule | {"from_port": 1, "to_port": 1}),
        ("m.rule", "aws_vpc_security_group_ingress_rule", rule),
    )
    assert {orphan.thing.id: orphan.address for orphan in orphans(there, state, plan)} == {
        "k-1": "m.logs",
        "k-2": "m.secrets",
        "eip-1": None,
        "fl-1": "m.flow",
        "rtb-2_0.0.0.0/0": "m.two",
        "sgr-1": "m.rule",
    }


def test_a_second_of_its_kind_is_nobody_s() -> None:
    there = [thing("aws_eip", "eip-1", "ledger"), thing("aws_eip", "eip-2", "ledger")]
    plan = plan_of(("m.eip", "aws_eip", {"tags_all": {"Name": "ledger"}}))
    assert [orphan.address for orphan in orphans(there, {}, plan)] == ["m.eip", None]


def test_import_blocks_name_address_and_id() -> None:
    [found] = orphans([thing("aws_eip", "eip-1")], {}, plan_of(('m.a["x"]', "aws_eip", {})))
    assert import_blocks([found]) == 'import {\n  to = m.a["x"]\n  id = "eip-1"\n}\n'


# Drift ---------------------------------------------------------------------------------------


def changed(
    before: dict[str, Any], after: dict[str, Any], unknown: dict[str, Any]
) -> dict[str, Any]:
    change = {"actions": ["update"], "before": before, "after": after, "after_unknown": unknown}
    resource = {"mode": "managed", "address": "m.x", "type": "aws_x", "change": change}
    return {"resource_changes": [resource]}


def test_a_drift_names_the_arguments_that_differ() -> None:
    plan = changed({"a": 1, "b": 2, "c": 3}, {"a": 1, "b": 4}, {"c": True})
    assert drifts(plan, "later") == (Drift("later", "m.x", "update", ("b", "c")),)


def test_only_what_is_allowed_and_nothing_more_is_excused() -> None:
    allowed = [Allowed("aws_x", frozenset({"b"}), "no such thing here")]
    [drift] = drifts(changed({"b": 1}, {"b": 2}, {}), "later", allowed)
    assert drift.excuse == "no such thing here"
    [drift] = drifts(changed({"b": 1, "c": 1}, {"b": 2, "c": 2}, {}), "later", allowed)
    assert not drift.excuse
    [drift] = drifts(plan_of(("m.x", "aws_x", {"b": 1})), "later", allowed)
    assert not drift.excuse


def test_an_output_that_changes_is_a_drift() -> None:
    plan = {"output_changes": {"host": {"actions": ["update"]}, "port": {"actions": ["no-op"]}}}
    assert [drift.address for drift in drifts(plan, "later")] == ["output.host"]


def test_the_allow_list_stays_short_and_has_reasons() -> None:
    assert len(ALLOWED) <= 5
    assert all(entry.reason and entry.arguments for entry in ALLOWED)


# The search for passwords --------------------------------------------------------------------


def zipped(content: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tfstate", content)
    return made.getvalue()


DISGUISES: dict[str, Callable[[bytes], bytes]] = {
    "as it is": lambda plain: plain,
    "in base64": b64encode,
    "in base64 for URLs": urlsafe_b64encode,
    "escaped for a URL": lambda plain: quote(plain.decode(), safe="").encode(),
    "escaped for JSON": lambda plain: json.dumps(plain.decode()).encode(),
    "in JSON in JSON": lambda plain: json.dumps(json.dumps({"p": plain.decode()})).encode(),
    "in hexadecimal": lambda plain: plain.hex().encode(),
    "in UTF-16": lambda plain: plain.decode().encode("utf-16-le"),
    "in a zip": zipped,
    "compressed": gzip.compress,
    "compressed in a zip": lambda plain: zipped(gzip.compress(plain)),
}


@pytest.mark.parametrize("disguise", DISGUISES)
def test_a_planted_password_is_found(tmp_path: Path, disguise: str) -> None:
    place = tmp_path / "deep" / ".hidden"
    place.parent.mkdir()
    place.write_bytes(DISGUISES[disguise](f"before {SECRET} after".encode()))
    assert search(tmp_path, ["not in there", SECRET])[0].found
    assert search(tmp_path, ["not in there"])[0].found == ()


@given(before=st.binary(max_size=9), after=st.binary(max_size=9), urlsafe=st.booleans())
def test_it_is_found_wherever_it_begins_in_base64(
    before: bytes, after: bytes, urlsafe: bool
) -> None:
    encoded = (urlsafe_b64encode if urlsafe else b64encode)(before + SECRET.encode() + after)
    assert any(form in encoded for form in forms(SECRET))


@given(st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=8, max_size=60))
def test_every_password_has_forms_of_some_length(password: str) -> None:
    found = forms(password)
    assert password.encode() in found
    assert min(map(len, found)) >= 8


def test_what_is_found_is_not_told_with_the_password(tmp_path: Path) -> None:
    (tmp_path / "log").write_text(f"password={SECRET}")
    found, gaps = search(tmp_path, [SECRET])
    assert gaps == Gaps()
    assert found == Search(1, 1, (tmp_path / "log").stat().st_size, ("log: as it is",))


def test_links_lead_nowhere_and_odd_files_are_passed_over(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.write_text(SECRET)
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to(outside)
    (inside / "empty").touch()
    (inside / "broken.zip").write_bytes(b"PK\x03\x04 and no more")
    os.mkfifo(inside / "pipe")
    gaps = Gaps(("broken.zip: File is not a zip file",))
    assert search(inside, [SECRET]) == (Search(1, 2, 16, ()), gaps)


def test_a_secret_that_would_be_found_anywhere_is_refused() -> None:
    with pytest.raises(ValueError, match="4 characters"):
        forms("four")


# The report ----------------------------------------------------------------------------------

STEPS = (
    Step("apply", 61.2, 450, 101, ("told " * 30,)),
    Step("plan", 2.0, 1, 0, ("1 changes",), ("it drifts " * 30,)),
)


def test_the_report_says_what_was_wrong_within_the_width() -> None:
    excused = Drift("later", "m.x", "update", ("b",), "no such thing here")
    result = Rehearsal("development", STEPS, (excused,), ("aws_kms_key k-1",))
    text = RehearsalReport(result, 90).text()
    assert not result.passed
    assert "FAIL" in text
    assert "it drifts" in text
    assert "aws_kms_key k-1" in text
    assert "no such thing here" in text
    assert "rehearsal of development failed: 1 problem, 1:03 minutes, 451 calls" in text
    assert max(map(len, text.splitlines())) <= 90


def test_the_values_for_machines_have_all_of_it() -> None:
    values = json.loads(
        json.dumps(RehearsalReport(Rehearsal("development", STEPS[:1]), 90).document())
    )
    assert values["passed"]
    assert values["steps"][0]["calls"] == 450
    assert values["search"]["found"] == []


# The long campaigns --------------------------------------------------------------------------


def hold(temporary: Path, cuts: Cuts, **more: Any) -> tuple[Rehearsal, dict[str, Any]]:
    states: dict[str, Any] = {}

    def keep(name: str, state: Mapping[str, Any]) -> None:
        states[name] = normalised(state)

    result = rehearse(
        ROOT,
        ENVIRONMENT,
        account_id="777788889999",
        region="eu-west-1",
        scratch=temporary,
        terraform=find_terraform(),
        progress=lambda *_: None,
        cuts=cuts,
        observe=keep,
        **more,
    )
    return result, states


def test_states_that_differ_in_more_than_what_aws_draws_are_told_apart() -> None:
    def state(**values: object) -> dict[str, Any]:
        return normalised(state_of(("m.x", "aws_vpc", values)))

    one = state(id="vpc-0123456789", cidr="10.0.0.0/16", tags={}, port=5432)
    assert not differences(one, state(id="vpc-abcdef0123", cidr="10.0.0.0/16", port=5432))
    assert len(differences(one, state(id="vpc-0123456789", cidr="10.1.0.0/16", port=5433))) == 2
    assert differences(one, {}) == ["m.x: only in one"]


@pytest.fixture(scope="module")
def uncut() -> dict[str, Any]:
    """The states of a rehearsal in which nothing was killed."""
    with scratch_folder() as folder:
        result, states = hold(folder, Cuts())
    assert result.passed, result.problems
    return states


def drawn_cuts(count: int) -> list[Cuts]:
    draw = random.Random(SEED)
    return [Cuts((draw.uniform(0.02, 0.98),), (draw.uniform(0.02, 0.98),)) for _ in range(count)]


@pytest.mark.soak
@pytest.mark.terraform
@pytest.mark.parametrize(
    "cuts",
    [
        *(Cuts((share,), (share,)) for share in (0.25, 0.5, 0.75)),
        Cuts((0.25, 0.5, 0.75), (0.25, 0.5, 0.75)),
        *drawn_cuts(4),
    ],
    ids=str,
)
def test_a_stack_that_was_cut_ends_as_one_that_was_not(
    uncut: dict[str, Any], cuts: Cuts, record_property: Callable[[str, object], None]
) -> None:
    with scratch_folder() as folder:
        result, states = hold(folder, cuts)
    assert result.passed, result.problems
    for when in ("after the apply", "after the rotations"):
        assert len(states[when]) > 90
        assert not differences(uncut[when], states[when])
    assert states["destroy"] == {}
    for step in result.steps:
        if step.name == "take up what was lost":
            record_property("seen", f"{step.resources} lost and imported")


@pytest.mark.soak
@pytest.mark.terraform
def test_the_search_finds_what_a_trace_of_the_provider_gives_away() -> None:
    with scratch_folder() as folder:
        result, _ = hold(folder, Cuts(), trace=True)
    assert {place.partition(":")[0] for place in result.search.found} == {"work/trace.log"}


@pytest.mark.soak
@pytest.mark.terraform
@pytest.mark.parametrize("number", range(6))
def test_ctrl_c_at_any_moment_leaves_nothing(number: int) -> None:
    seconds = random.Random(f"{SEED} {number}").uniform(0.2, 240)
    with own_temporary_folder() as temporary:
        with finbase(ROOT, temporary, "rehearse", ENVIRONMENT) as child:
            time.sleep(seconds)
            child.send_signal(signal.SIGINT)
            _, errors = child.communicate(timeout=120)
        assert child.returncode == 130, errors
        assert not wait_for_none(temporary, seconds=0.5)
