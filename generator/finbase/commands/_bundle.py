"""Collect the members of an evidence bundle."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from finbase.commands._evidence import Evidence
from finbase.errors import FinbaseError
from finbase.report import documents, provenance, verdict_json
from finbase.report.bundle import oscal, sbom, statement
from finbase.report.bundle.archive import AlteredError, pack, unpack
from finbase.source.bounds import load_json

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from finbase.commands._shown import Members
    from finbase.judge.verdict import Verdict

_COMMANDS = {"drift": "drift", "rehearsal": "rehearse"}
"""The command that writes each document that may be attached."""


@dataclass(frozen=True)
class Bundler:
    """A bundle that is being made; ``attached`` are members that the user supplied."""

    evidence: Evidence
    attached: Mapping[str, bytes]
    key: Ed25519PrivateKey | None
    previous: str

    @classmethod
    def start(
        cls,
        root: Path,
        environment: str,
        output: BinaryIO,
        inputs: Members,
        *,
        supplied: bool,
    ) -> Bundler:
        """Read all inputs; raises ``FinbaseError`` for an invalid one, before a plan is made."""
        read = {
            f"{name}.json": _read_attached(name, file, environment)
            for name, file in (("drift", inputs.drift_file), ("rehearsal", inputs.rehearsal_file))
            if file
        }
        shown, digest, made = inputs, "", ""
        if inputs.proof_file:
            read["proof.json"] = inputs.proof_file.read()
            proof = _named(read["proof.json"], inputs.proof_file.name)
            shown = replace(shown, proof_file=proof)
        if inputs.previous_file:
            verdict, digest, made = _previous_verdict(inputs.previous_file, environment)
            shown = replace(shown, previous_file=verdict)
        bundle = (made, digest)
        key = inputs.key_file
        return cls(
            Evidence.start(root, output, shown, supplied=supplied, previous_bundle=bundle),
            read,
            statement.read_private_key(key.read(), key.name) if key else None,
            digest,
        )

    def write(self, verdict: Verdict) -> str:
        """Write the bundle; return its SHA-256."""
        members = self._members(verdict)
        evidence = self.evidence
        payload = statement.statement(
            members,
            verdict,
            evidence.provenance,
            plan=evidence.plans[verdict.environment][1],
            previous=self.previous,
        )
        if self.key:
            members[statement.SIGNED] = statement.sign(payload, self.key)
        else:
            members[statement.UNSIGNED] = payload
        data = pack(members)
        evidence.file.write(data)
        return hashlib.sha256(data).hexdigest()

    def _members(self, verdict: Verdict) -> dict[str, bytes]:
        evidence, name = self.evidence, verdict.environment
        facts = evidence.facts(verdict)
        locks = {
            "releases.lock": evidence.root / "modules" / "releases.lock",
            "provider.lock.hcl": evidence.root / "environments" / name / ".terraform.lock.hcl",
        }
        read = {name: path.read_bytes() for name, path in locks.items() if path.is_file()}
        about = provenance.document(evidence.provenance, facts, name)
        return {
            **self.attached,
            **read,
            "report.html": evidence.page([verdict]).encode(),
            "verdict.json": verdict_json.render([verdict]),
            "provenance.json": documents.dump("evidence", about),
            "assessment-results.json": oscal.assessment_results(
                verdict, evidence.provenance, facts
            ),
            "sbom.cdx.json": sbom.sbom(facts, read.get("provider.lock.hcl", b"").decode()),
        }


def _read_attached(name: str, file: BinaryIO, environment: str) -> bytes:
    """Read a document of another command; it must be about the same environment."""
    command = _COMMANDS[name]
    hint = f"make it with `finbase {command} {environment} --json FILE`"
    data = file.read()
    about = documents.read(command, data, file.name, hint)["environment"]
    if about != environment:
        raise FinbaseError(f"{file.name} is about {about}, not about {environment}", hint)
    return data


def _previous_verdict(file: BinaryIO, environment: str) -> tuple[BinaryIO, str, str]:
    """Return the verdict in the previous bundle, the bundle's SHA-256, and when it was made."""
    data = file.read()
    hint = f"name a bundle that `finbase evidence {environment}` has written"
    try:
        members = unpack(data)
        verdict = members["verdict.json"]
        name = f"verdict.json in {file.name}"
        known = [each.environment for each in verdict_json.read_part(verdict, name).verdicts]
    except documents.OtherFormatError:
        known = [environment]
    except (AlteredError, KeyError) as error:
        raise FinbaseError(f"{file.name} is not a bundle, or was changed", hint) from error
    if known != [environment]:
        raise FinbaseError(f"{file.name} is not about {environment}", hint)
    try:
        made = str(load_json(members["provenance.json"])["made_at"])
    except (ValueError, KeyError, TypeError):
        made = ""  # Only the hashes are needed for a chain.
    return _named(verdict, name), hashlib.sha256(data).hexdigest(), made


def _named(data: bytes, name: str) -> BinaryIO:
    file = io.BytesIO(data)
    file.name = name
    return file
