"""Evidence bundles: what is in one, and that no byte of one can change unnoticed."""

from __future__ import annotations

import ast
import hashlib
import io
import json
import subprocess
import sys
import zipfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from finbase.commands import _bundle, _evidence
from finbase.errors import FinbaseError
from finbase.judge.drift import Drift
from finbase.rehearsal.model import Rehearsal, Step
from finbase.report import documents, verdict_json
from finbase.report.bundle import oscal, sbom, statement
from finbase.report.bundle.archive import AlteredError, pack, unpack
from finbase.report.drift import DriftReport
from finbase.report.provenance import Facts, Provenance, document
from finbase.report.rehearsal import RehearsalReport
from tests.report.test_json import fits
from tests.support.commands import ROOT, finbase, search_path
from tests.support.cyclonedx import faults
from tests.support.evidence import DIRTY, FACTS, MATRIX, PROVENANCE, verdict

VERIFIER = ROOT / "docs" / "how-to" / "verify_bundle.py"
OSCAL = ROOT / "build" / "oscal" / "bin" / "python"

# A fixed seed, so that a failure can be repeated.
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
OTHER = Ed25519PrivateKey.from_private_bytes(bytes(32))


def public(key: Ed25519PrivateKey = KEY) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private(key: Ed25519PrivateKey = KEY) -> bytes:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def signed(
    members: Mapping[str, bytes], *, previous: str = "", provenance: Provenance = PROVENANCE
) -> bytes:
    seen = verdict("production", ("F01",))
    payload = statement.statement(members, seen, provenance, plan="3" * 64, previous=previous)
    return pack({**members, statement.SIGNED: statement.sign(payload, KEY)})


SMALL = signed({"report.html": b"<p>all</p>", "verdict.json": b"{}\n"}, previous="4" * 64)


def alone() -> Callable[[bytes, bytes], str]:
    """Return the function of the verifier in the documentation, which itself reads arguments."""
    tree = ast.parse(VERIFIER.read_text(encoding="utf-8"))
    tree.body = [
        n
        for n in tree.body
        if isinstance(n, ast.Import | ast.ImportFrom | ast.Assign | ast.FunctionDef)
        and "argv" not in ast.unparse(n)
    ]
    scope: dict[str, Any] = {}
    exec(compile(tree, str(VERIFIER), "exec"), scope)

    def problem(data: bytes, pem: bytes) -> str:
        try:
            scope["verified"](data, pem)
        except Exception as error:
            return repr(error)
        return ""

    return problem


ALONE = alone()


def valid(data: bytes, key: Ed25519PrivateKey = KEY) -> bool:
    try:
        statement.verify(data, key.public_key())
    except AlteredError:
        return False
    return True


# Every byte


def test_a_bundle_is_valid_for_its_key_alone() -> None:
    assert valid(SMALL)
    assert ALONE(SMALL, public()) == ""
    assert not valid(SMALL, OTHER)
    assert ALONE(SMALL, public(OTHER))


def test_every_changed_byte_is_found() -> None:
    """All bytes, each changed in one way; the verifier of the documentation sees every 40th."""
    for place in range(len(SMALL)):
        changed = bytearray(SMALL)
        changed[place] ^= 1 << place % 8
        assert not valid(bytes(changed)), place
        if not place % 40:
            assert ALONE(bytes(changed), public()), place


@given(st.data())
def test_any_changed_bundle_is_found(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, len(SMALL)))
    end = data.draw(st.integers(start, min(len(SMALL), start + 4)))
    changed = SMALL[:start] + data.draw(st.binary(max_size=4)) + SMALL[end:]
    assert valid(changed) == (changed == SMALL)
    assert (ALONE(changed, public()) == "") == (changed == SMALL)


def repacked(**members: bytes | None) -> bytes:
    found = unpack(SMALL) | {name.replace("_", "."): data for name, data in members.items()}
    return pack({name: data for name, data in found.items() if data is not None})


def compressed() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in unpack(SMALL).items():
            archive.writestr(zipfile.ZipInfo(name), data)
    return buffer.getvalue()


def with_envelope(change: Callable[[dict[str, Any]], object]) -> bytes:
    envelope = json.loads(unpack(SMALL)[statement.SIGNED])
    change(envelope)
    return repacked(statement_dsse_json=statement.dump(envelope))


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (repacked(report_html=b"<p>none</p>"), "report.html is not what the statement describes"),
        (repacked(report_html=None), "report.html is not what"),
        (repacked(more_txt=b""), "more.txt is not what"),
        (repacked(statement_dsse_json=None), "it is not signed"),
        (repacked(statement_dsse_json=b"[]"), "statement.dsse.json is not an envelope"),
        (with_envelope(lambda e: e.update(more=1)), "is not what finbase writes"),
        (with_envelope(lambda e: e["signatures"].append({})), "is not what finbase writes"),
        (
            with_envelope(lambda e: e["signatures"][0].update(keyid="")),
            "is not what finbase writes",
        ),
        (with_envelope(lambda e: e.update(signatures=[])), "is not an envelope"),
        (with_envelope(lambda e: e.update(payloadType="x")), "is not what finbase writes"),
        (with_envelope(lambda e: e.update(payload="e30=")), "another key signed it"),
        (compressed(), "its bytes are not those"),
        (b"", "its bytes are not those"),
        (b"PK\x03\x04", "its bytes are not those"),
        (SMALL + SMALL, "its bytes are not those"),
    ],
)
def test_reasons(data: bytes, why: str) -> None:
    with pytest.raises(AlteredError, match=why):
        statement.verify(data, KEY.public_key())
    assert ALONE(data, public())


def test_a_signature_of_another_statement_type_is_refused() -> None:
    """The key may sign other envelopes, too; none of them passes for a bundle."""
    for content in (b"{}", statement.dump({"subject": [], "predicate": {"previous": None}})):
        data = pack({statement.SIGNED: statement.sign(content, KEY)})
        with pytest.raises(AlteredError, match="its statement is not one of finbase"):
            statement.verify(data, KEY.public_key())


def test_unsigned_bundles() -> None:
    members = {"verdict.json": b"{}\n"}
    payload = statement.statement(members, verdict("x"), PROVENANCE, plan="", previous="")
    data = pack({**members, statement.UNSIGNED: payload})
    assert statement.verify(data, None).key == ""
    with pytest.raises(AlteredError, match="it is not signed"):
        statement.verify(data, KEY.public_key())
    with pytest.raises(AlteredError, match="so that its public key is needed"):
        statement.verify(SMALL, None)
    changed = pack({"verdict.json": b"[]\n", statement.UNSIGNED: payload})
    with pytest.raises(AlteredError, match=r"verdict\.json is not what"):
        statement.verify(changed, None)


def test_archive_does_not_depend_on_order_or_clock() -> None:
    members = {"b": b"2", "a": b"1"}
    assert pack(members) == pack(dict(sorted(members.items())))
    assert unpack(pack(members)) == members
    with zipfile.ZipFile(io.BytesIO(pack(members))) as archive:
        assert archive.testzip() is None
        assert {i.date_time for i in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_statement_follows_in_toto() -> None:
    """Every field of the types that the statement names; see the addresses in statement.py."""
    members = {"report.html": b"r", "verdict.json": b"v"}
    bundle = statement.verify(
        signed(members, previous="4" * 64, provenance=DIRTY), KEY.public_key()
    )
    content = bundle.statement
    assert content["_type"] == "https://in-toto.io/Statement/v1"
    assert content["predicateType"] == "https://in-toto.io/attestation/test-result/v0.1"
    assert {s["name"]: s["digest"]["sha256"] for s in content["subject"]} == {
        name: hashlib.sha256(data).hexdigest() for name, data in members.items()
    }
    predicate = content["predicate"]
    assert (predicate["result"], predicate["failedTests"]) == ("FAILED", ["F01"])
    assert "F03" in predicate["passedTests"]
    assert predicate["configuration"] == [
        {"name": "plan", "digest": {"sha256": "3" * 64}},
        {
            "name": "commit",
            "uri": "git+https://github.com/bank/ledger",
            "digest": {"gitCommit": "1" * 40},
        },
    ]
    assert (predicate["made"], bundle.previous) == ("2024-05-06T07:08:09+00:00", "4" * 64)


def test_the_verifier_is_short_and_needs_no_package() -> None:
    text = VERIFIER.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 80
    page = VERIFIER.with_name("evidence-for-an-auditor.md").read_text(encoding="utf-8")
    assert f"has {len(text.splitlines())} lines" in page
    imported = {
        name.partition(".")[0]
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
        )
        if name
    }
    assert imported <= sys.stdlib_module_names


@given(st.binary(max_size=64), st.binary(min_size=32, max_size=32))
@settings(max_examples=25)
def test_the_verifier_agrees_on_signatures(message: bytes, seed: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    members = {"a": message}
    payload = statement.statement(members, verdict("x"), PROVENANCE, plan="", previous="")
    data = pack({**members, statement.SIGNED: statement.sign(payload, key)})
    assert valid(data, key)
    assert ALONE(data, public(key)) == ""


# Documents in a bundle


OSCAL_SCRIPT = """
import argparse, pathlib, sys
from trestle.core.validator_factory import validator_factory
from trestle.oscal.assessment_results import AssessmentResults
validator = validator_factory.get(argparse.Namespace(mode="all"))
for path in map(pathlib.Path, sys.argv[1:]):
    try:
        found = AssessmentResults.oscal_read(path)
        print(path.name, validator.model_is_valid(found, True, None))
    except Exception:
        print(path.name, False)
"""


def test_oscal_is_valid(tmp_path: Path) -> None:
    """Also with controls that fail; the validator refuses it without a part that it must have."""
    for name, failing in (("passed.json", ()), ("failed.json", ("F01", "B02"))):
        (tmp_path / name).write_bytes(assessed(failing))
    broken = json.loads(assessed(()))
    del broken["assessment-results"]["results"][0]["reviewed-controls"]
    (tmp_path / "broken.json").write_text(json.dumps(broken), encoding="utf-8")
    assert OSCAL.is_file(), "`make build/oscal/ready` installs it"
    paths = sorted(map(str, tmp_path.iterdir()))
    command = [str(OSCAL), "-c", OSCAL_SCRIPT, *paths]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["broken.json False", "failed.json True", "passed.json True"]


def assessed(failing: tuple[str, ...]) -> bytes:
    """Return the assessment results of a verdict, whose parts belong to each other."""
    seen = verdict("production", failing)
    results = oscal.assessment_results(seen, PROVENANCE, FACTS)
    (result,) = json.loads(results)["assessment-results"]["results"]
    states = {f["target"]["target-id"]: f["target"]["status"]["state"] for f in result["findings"]}
    assert {id_ for id_, state in states.items() if state == "not-satisfied"} == {
        id_.lower() for id_ in failing
    }
    assert len(states) == len(seen.by_failure())
    observations = {o["uuid"] for o in result["observations"]}
    assert len(observations) == len(seen.scenarios)
    for finding in result["findings"]:
        assert {o["observation-uuid"] for o in finding["related-observations"]} <= observations
    return results


def test_bill_of_materials_is_valid_and_locked() -> None:
    lock = (ROOT / "environments" / "production" / ".terraform.lock.hcl").read_text()
    facts = FACTS.__class__(
        plan=FACTS.plan.__class__(
            terraform="1.11.4", providers=("registry.terraform.io/hashicorp/aws 5.100.0",)
        ),
        modules=FACTS.modules,
    )
    made = json.loads(sbom.sbom(facts, lock))
    assert faults(made) == []
    components = made["components"]
    found = {
        c["name"]: c["version"] for c in components if c.get("purl", "").startswith("pkg:pypi")
    }
    assert {"click", "jinja2", "pyyaml", "terraform-compliance", "radish-bdd"} <= found.keys()
    locked = (ROOT / "requirements" / "all.lock").read_text().lower()
    assert [f"{n}=={v}" for n, v in found.items() if f"{n}=={v}" not in locked] == []
    provider = next(
        c for c in components if c["group" if "group" in c else "name"] == "terraform provider"
    )
    assert (provider["name"], provider["version"]) == (
        "registry.terraform.io/hashicorp/aws",
        "5.100.0",
    )
    assert {p["value"] for p in provider["properties"]} >= {
        "h1:Ijt7pOlB7Tr7maGQIqtsLFbl7pSMIj06TVdkoSBcYOw="
    }
    components[0]["type"] = "pamphlet"
    assert faults(made) != []


def test_facts_as_json() -> None:
    facts = document(DIRTY, FACTS, "production")
    assert facts["plan"]["sha256"] == "3" * 64
    assert (facts["commit"], facts["changed_files"]) == ("1" * 40, ["features/a.feature"])
    assert facts["not_judged"] == ["aws_s3_bucket.logs"]
    assert facts["pipeline_run"]["system"] == "GitHub Actions"
    assert facts["made_at"] == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC).isoformat()
    for seen in (facts, document(PROVENANCE, Facts(), "plan.json")):
        fits(documents.dump("evidence", seen), "evidence")


# Keys


def test_other_keys_are_refused() -> None:
    from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

    other = X25519PrivateKey.generate()
    pem = other.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(FinbaseError, match="another algorithm than Ed25519"):
        statement.read_private_key(pem, "key.pem")
    pem = other.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(FinbaseError, match="another algorithm than Ed25519"):
        statement.read_public_key(pem, "key.pem")
    for read in (statement.read_private_key, statement.read_public_key):
        with pytest.raises(FinbaseError, match=r"key\.pem is not a .* key in PEM"):
            read(b"x", "key.pem")
    with pytest.raises(FinbaseError, match=r"not a public key in PEM"):
        statement.read_public_key(private(), "key.pem")
    locked = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
    with pytest.raises(FinbaseError, match="a key with a password"):
        statement.read_private_key(locked, "key.pem")


# The commands


def test_verify_command(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("1.zip", "2.zip", "3.zip"))
    members = {"verdict.json": b"{}\n"}
    first.write_bytes(signed(members))
    second.write_bytes(signed(members, previous=hashlib.sha256(first.read_bytes()).hexdigest()))
    third.write_bytes(signed(members, previous="5" * 64))
    pem = tmp_path / "key.pub.pem"
    pem.write_bytes(public())
    # Verifying needs no project.
    done = finbase(
        tmp_path, "evidence", "verify", str(first), str(second), "--public-key", str(pem)
    )
    assert done.exit_code == 0, done.output
    assert "production: FAILED, made 2024-05-06T07:08:09+00:00" in done.output
    done = finbase(
        tmp_path, "evidence", "verify", str(second), str(third), "--public-key", str(pem)
    )
    assert done.exit_code == 1
    assert f"does not name {second} as the previous one" in done.output
    pem.write_bytes(public(OTHER))
    done = finbase(tmp_path, "evidence", "verify", str(first), "--public-key", str(pem))
    assert (done.exit_code, "another key signed it" in done.output) == (1, True)
    assert "hint: do not rely on it" in done.output
    alone = [sys.executable, "-I", str(VERIFIER), str(first), str(pem)]
    assert subprocess.run(alone, check=False, capture_output=True).returncode == 1
    pem.write_bytes(public())
    assert subprocess.run(alone, check=False, capture_output=True).returncode == 0
    chain = [*alone[:3], str(first), str(second), str(pem)]
    seen = subprocess.run(chain, check=False, capture_output=True, text=True)
    assert (seen.returncode, seen.stderr) == (0, "")
    for line, file in zip(seen.stdout.splitlines(), (first, second), strict=True):
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        made = "production: FAILED, made 2024-05-06T07:08:09+00:00"
        assert line == f"valid: {file}: {made}, sha256 {digest}"
    swapped = [*chain[:3], chain[4], chain[3], chain[5]]
    broken = [*chain[:4], str(third), chain[5]]
    none = [*alone[:4], str(tmp_path / "none.pem")]
    usage = "usage: python3 verify_bundle.py OLDEST.zip"
    for wrong, said in (
        (alone[:3], usage),
        (alone[:4], usage),
        ([*alone[:3], str(pem)], usage),
        (none, f"not valid: {first}: "),
        (swapped, f"not valid: {first}: "),
        (broken, f"not valid: {third}: "),
    ):
        seen = subprocess.run(wrong, check=False, capture_output=True, text=True)
        assert (seen.returncode, "Traceback" in seen.stderr) == (1, False), wrong
        assert seen.stderr.startswith(said), wrong
    assert "it does not name the bundle before it" in seen.stderr


@pytest.mark.parametrize("command", [("production", "--output", "x.zip"), ("verify", __file__)])
def test_unsigned_must_be_asked_for(command: tuple[str, ...]) -> None:
    done = finbase(ROOT, "evidence", *command)
    assert done.exit_code == 2
    assert "choose either --" in done.output


@pytest.mark.parametrize(
    ("option", "content", "message"),
    [
        ("--drift", b"{}", "is not from `finbase drift --json`"),
        ("--rehearsal", b"x", "is not from `finbase rehearse --json`"),
        ("--proof", b"{}", "is not from `finbase prove --json`"),
        ("--previous", b"PK", "is not a bundle, or was changed"),
        ("--key", b"x", "is not a private key in PEM"),
    ],
)
def test_inputs_are_read_before_planning(
    option: str, content: bytes, message: str, tmp_path: Path
) -> None:
    path, output = tmp_path / "input", tmp_path / "x.zip"
    path.write_bytes(content)
    more = () if option == "--key" else ("--unsigned",)
    done = finbase(ROOT, "evidence", "staging", "--output", str(output), option, str(path), *more)
    assert done.exit_code == 2, done.output
    assert message in done.output
    assert not output.exists()


def test_bundle_in_another_format_is_named_but_not_compared() -> None:
    document = json.loads(verdict_json.render([verdict("production")]))
    for version, known in ((1, ["production"]), (2, [])):
        content = json.dumps(document | {"schema_version": version}).encode()
        file = named(signed({"verdict.json": content}))
        seen, digest, made = _bundle._previous_verdict(file, "production")
        assert made == ""
        assert digest == hashlib.sha256(file.getvalue()).hexdigest()
        earlier, _ = _evidence.read_previous(seen)
        assert list(earlier) == known


def named(data: bytes) -> io.BytesIO:
    file = io.BytesIO(data)
    file.name = "last.zip"
    return file


def drift(environment: str) -> bytes:
    seen = verdict(environment)
    return documents.render(
        DriftReport(Drift(environment, b"", seen, seen, (), (), (), (), (), ()), 80)
    )


@pytest.mark.terraform
@pytest.mark.usefixtures("shared_workspace")
def test_evidence_of_an_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "1700000000")
    names = ("key.pem", "key.pub.pem", "proof.json", "drift.json", "rehearsal.json")
    key, pem, proof, compared, rehearsed = (tmp_path / name for name in names)
    first, second = tmp_path / "1.zip", tmp_path / "2.zip"
    steps = (Step("apply", 1.5, 12, 132, ("132 resources",), ()),)
    report = RehearsalReport(Rehearsal("development", steps), 80)
    rehearsed.write_bytes(documents.render(report))
    key.write_bytes(private())
    pem.write_bytes(public())
    proof.write_text(json.dumps(MATRIX), encoding="utf-8")
    compared.write_bytes(drift("development"))
    start = ("evidence", "development", "--key", str(key))
    done = finbase(ROOT, *start, "--output", str(first))
    assert done.exit_code == 0, done.output
    assert hashlib.sha256(first.read_bytes()).hexdigest() in done.output
    files = {"--previous": first, "--proof": proof, "--drift": compared, "--rehearsal": rehearsed}
    more = [word for option, path in files.items() for word in (option, str(path))]
    done = finbase(ROOT, *start, "--output", str(second), *more)
    assert done.exit_code == 0, done.output
    done = finbase(
        tmp_path, "evidence", "verify", str(first), str(second), "--public-key", str(pem)
    )
    assert done.exit_code == 0, done.output
    assert ALONE(second.read_bytes(), pem.read_bytes()) == ""
    members = unpack(second.read_bytes())
    assert set(members) == {
        *("assessment-results.json", "drift.json", "proof.json", "provenance.json"),
        *("provider.lock.hcl", "releases.lock", "report.html", "sbom.cdx.json"),
        "rehearsal.json",
        *("statement.dsse.json", "verdict.json"),
    }
    assert members["releases.lock"] == (ROOT / "modules" / "releases.lock").read_bytes()
    assert b"No control has another result or other evidence." in members["report.html"]
    before = hashlib.sha256(first.read_bytes()).hexdigest()
    text = f'2023-11-14T22:13:20+00:00 with the SHA-256 <span class="code">{before}'
    assert text.encode() in members["report.html"]
    facts = fits(members["provenance.json"], "evidence")
    assert facts["plan"]["offline"]
    assert members["rehearsal.json"] == rehearsed.read_bytes()
    assert facts["made_at"] == "2023-11-14T22:13:20+00:00"
    assert {row["address"] for row in facts["resources"] if not row["controls"]} == set()
    (judged,) = verdict_json.read_part(members["verdict.json"], "verdict.json").verdicts
    assert judged.passed
    # The same plan makes the same bytes.
    third = tmp_path / "3.zip"
    assert finbase(ROOT, *start, "--output", str(third), *more).exit_code == 0
    assert third.read_bytes() == second.read_bytes()
    compared.write_bytes(drift("staging"))
    done = finbase(ROOT, *start, "--output", str(third), *more)
    assert (done.exit_code, "is about staging, not about development" in done.output) == (2, True)


def test_evidence_of_a_plan_that_fails(tmp_path: Path) -> None:
    """A failed check is evidence, too; the project need not have the environment."""
    plan = ROOT / "tests" / "fixtures" / "compliance" / "plan.json"
    bundle = tmp_path / "x.zip"
    arguments = ("theirs", "--plan", str(plan), "--unsigned", "--output", str(bundle))
    done = finbase(ROOT, "evidence", *arguments)
    assert done.exit_code == 1, done.output
    read = statement.verify(bundle.read_bytes(), None)
    assert read.statement["predicate"]["result"] == "FAILED"
    assert "F01" in read.statement["predicate"]["failedTests"]
    facts = json.loads(read.members["provenance.json"])
    assert [facts["account_id"], facts["region"]] == [None, "eu-west-1"]
    assert facts["modules"] == [{"name": "base", "version": "1.0.0", "hash": ""}]
    assert facts["plan"]["sha256"] == hashlib.sha256(plan.read_bytes()).hexdigest()
    assert "provider.lock.hcl" not in read.members
    done = finbase(tmp_path, "evidence", "verify", "--unsigned", str(bundle))
    assert (done.exit_code, "valid, not signed" in done.output) == (0, True)


def test_help_imports_no_cryptography() -> None:
    code = (
        "import sys; from click.testing import CliRunner; from finbase.cli import main;"
        "r = CliRunner().invoke(main, ['evidence', 'verify', '--help']);"
        "assert r.exit_code == 0 and '--public-key' in r.output, r.output;"
        "print([m for m in sys.modules if m.startswith(('cryptography', 'jinja2', 'json',"
        " 'finbase.report', 'finbase.judge', 'zipfile'))])"
    )
    environ = {"PYTHONPATH": search_path(), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=False
    )
    assert (done.stderr, done.stdout) == ("", "[]\n")


@pytest.mark.parametrize(
    "change",
    [
        {"environment": "a\nlast.zip: valid, signed by 00"},
        {"environment": "\x1b[31m"},
        {"environment": None},
        {"result": 1},
        {"made": "\u202e"},
        {"previous": {"digest": {"sha256": "a\nb"}}},
    ],
)
def test_statement_writes_no_line_of_its_own(change: dict[str, Any]) -> None:
    members = {"a": b"1"}
    seen = verdict("production", ("F01",))
    content = json.loads(statement.statement(members, seen, PROVENANCE, plan="3" * 64, previous=""))
    for key, valid in (({}, True), (change, False)):
        content["predicate"] |= key
        data = pack({**members, statement.UNSIGNED: statement.dump(content)})
        if valid:
            statement.verify(data, None)
        else:
            with pytest.raises(AlteredError, match="not one of finbase"):
                statement.verify(data, None)


@pytest.mark.parametrize("key", [KEY, None], ids=["signed", "unsigned"])
def test_subject_that_is_named_twice_is_refused(key: Ed25519PrivateKey | None) -> None:
    payload = statement.statement({"a": b"1"}, verdict("x"), PROVENANCE, plan="", previous="")
    content = json.loads(payload)
    content["subject"] *= 2
    payload = statement.dump(content)
    name, data = statement.UNSIGNED, payload
    if key:
        name, data = statement.SIGNED, statement.sign(payload, key)
    bundle = pack({"a": b"1", name: data})
    with pytest.raises(AlteredError, match="not one of finbase"):
        statement.verify(bundle, key.public_key() if key else None)
    assert ALONE(bundle, public())


@pytest.mark.parametrize("name", [statement.SIGNED, statement.UNSIGNED])
def test_statement_that_is_nested_too_deeply_is_refused(name: str) -> None:
    key = KEY.public_key() if name == statement.SIGNED else None
    with pytest.raises(AlteredError):
        statement.verify(pack({name: b"[" * 100_000}), key)
