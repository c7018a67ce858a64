"""Run Prowler on the applied stack of production, on the local AWS.

``python -m benchmarks.judges.prowler`` exits 1 for a finding or an error that ``prowler.yaml`` does
not explain, and for an explanation of nothing. With ``--write`` it also writes ``prowler.json``:
what Prowler said, and the versions of the modules of which it said it.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import yaml

from benchmarks.judges.stacks import Files, stacks
from benchmarks.judges.tools import Finding
from finbase.errors import FinbaseError
from finbase.judge.prove import rendered_files
from finbase.rehearsal.scratch import scratch_folder
from finbase.rehearsal.secrets import Secrets
from finbase.rehearsal.terraform import copied
from finbase.sandbox import server
from finbase.sandbox.postgres.find import find_postgres
from finbase.terraform.program import find_terraform

ROOT = Path(__file__).resolve().parents[2]
HOME = ROOT / "build" / "prowler"
"""The virtual environment that `make judge` creates for it."""
EXPLAINED = Path(__file__).with_name("prowler.yaml")
RECORDED = Path(__file__).with_name("prowler.json")
ENVIRONMENT, ACCOUNT, REGION = "production", "111122223333", "eu-west-1"
SERVICES = (
    *("awslambda", "cloudwatch", "ec2", "elasticache", "eventbridge", "iam"),
    *("kms", "rds", "secretsmanager", "sns", "vpc"),
)
"""Prowler's names of the services that the modules use; of S3 they only use an endpoint."""

_MINUTES = 15
_LENGTH = 90
"""Characters of an error that are kept; what comes later differs from run to run."""
_MESSAGE = '"message": "'  # A line is almost JSON: Prowler does not escape quotes.
_OPERATION = re.compile(r"when calling the (\w+) operation")


@dataclass(frozen=True)
class Said:
    """What Prowler said: the number of passed checks by id, its findings, and its log's errors.

    Of the resources, ids that AWS chooses are replaced by ``*``. An error is the operation that was
    not answered, or the text of another error.
    """

    passed: Mapping[str, int]
    failed: tuple[Finding, ...]
    errors: tuple[str, ...]


@dataclass(frozen=True)
class Explanation:
    """Why findings of some checks on some resources stay, or why errors do; all are patterns."""

    checks: tuple[str, ...]
    resource: str
    reason: str

    def covers(self, finding: Finding) -> bool:
        """Return whether it explains a finding."""
        return any(fnmatchcase(finding.check, check) for check in self.checks) and fnmatchcase(
            finding.resource, self.resource
        )


@dataclass(frozen=True)
class Explanations:
    """The content of ``prowler.yaml``."""

    findings: tuple[Explanation, ...]
    errors: tuple[Explanation, ...]

    def problems(self, said: Said) -> Iterator[str]:
        """Yield what is not explained, and the explanations that explain nothing."""
        errors = [Finding(error, "", "") for error in said.errors]
        for kind, found, known in (
            ("finding", said.failed, self.findings),
            ("error", errors, self.errors),
        ):
            for each in found:
                if not any(one.covers(each) for one in known):
                    yield f"unexplained {kind}: {each.check} {each.resource} {each.file}".rstrip()
            for one in known:
                for check in one.checks:
                    alone = Explanation((check,), one.resource, one.reason)
                    if not any(alone.covers(each) for each in found):
                        yield f"explained, but there is no such {kind}: {check} {one.resource}"


def explanations() -> Explanations:
    """Read ``prowler.yaml``."""
    read = yaml.safe_load(EXPLAINED.read_text(encoding="utf-8"))
    findings, errors = (
        tuple(
            Explanation(tuple(each["checks"]), each.get("resource", "*"), each["reason"])
            for each in read[kind]
        )
        for kind in ("findings", "errors")
    )
    return Explanations(findings, errors)


@contextmanager
def applied(environment: str = ENVIRONMENT) -> Iterator[server.Sandbox]:
    """Apply a stack to a local AWS and rotate its secrets once; raises ``FinbaseError``."""
    find_postgres()
    with scratch_folder("judge") as scratch:
        (scratch / "aws").mkdir()
        with (
            server.running(scratch / "aws", account_id=ACCOUNT, region=REGION) as sandbox,
            copied(
                ROOT / "environments" / environment,
                ROOT,
                terraform=find_terraform(),
                scratch=scratch / "work",
                endpoint=sandbox,
            ) as stack,
        ):
            stack.plan("first")
            done = stack.apply("first")
            if done.errors:
                raise FinbaseError("the stack could not be applied: " + "; ".join(done.errors))
            secrets = Secrets(sandbox, REGION)
            for secret in secrets.rotated(stack.state()):
                secrets.rotate(secret)
            yield sandbox


def ask(sandbox: server.Sandbox, folder: Path, services: Iterable[str] = SERVICES) -> Said:
    """Run Prowler; ``folder`` is an empty one for its output. Raises ``FinbaseError``."""
    program = HOME / "bin" / "prowler"
    if not program.is_file():
        raise FinbaseError(f"{HOME} has no Prowler", "run `make judge`, which installs it")
    nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
    command: list[str] = [
        *(str(program), "aws", "--region", REGION, "--service", *services),
        *("--output-formats", "json-ocsf", "--output-directory", ".", "--output-filename", "said"),
        *("--no-banner", "--no-color", "--ignore-exit-code-3"),
        *("--log-level", "ERROR", "--log-file", "log"),
    ]
    finished = subprocess.run(
        command,
        cwd=folder,
        env={
            "PATH": "/usr/bin:/bin",
            "HOME": str(folder),
            "AWS_DEFAULT_REGION": REGION,
            "NO_PROXY": "127.0.0.1",
            **nowhere,
            **server.environment(sandbox),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_MINUTES * 60,
        check=False,
    )
    output = folder / "said.ocsf.json"
    if finished.returncode or not output.is_file():
        raise FinbaseError(f"Prowler failed:\n{finished.stdout[-2000:]}{finished.stderr[-2000:]}")
    log = (folder / "log").read_text(encoding="utf-8") if (folder / "log").is_file() else ""
    return said(json.loads(output.read_bytes()), log.splitlines())


def said(findings: Iterable[Mapping[str, Any]], log: Iterable[str]) -> Said:
    """Read Prowler's findings in the format OCSF, and the lines of its log."""
    passed: dict[str, int] = {}
    failed = []
    for each in findings:
        check, status = each["metadata"]["event_code"], each["status_code"]
        if status == "PASS":
            passed[check] = passed.get(check, 0) + 1
            continue
        # A check without a verdict (MANUAL) counts as failed: nothing was judged.
        resource = _unchosen(each["resources"][0]["uid"].split(":", 5)[-1])
        failed.append(Finding(check, resource, _unchosen(each["status_detail"])))
    errors = set()
    for line in log:
        message = line.partition(_MESSAGE)[2].removesuffix('"}')
        operation = _OPERATION.search(message)
        errors.add(operation[1] if operation else re.sub(r"\[\d+\]", "", message)[:_LENGTH])
    return Said(dict(sorted(passed.items())), tuple(sorted(failed)), tuple(sorted(errors)))


def _unchosen(text: str) -> str:
    """Replace what differs from apply to apply.

    >>> _unchosen("secret:ledger/first-20261129223503850200000010-gKQHou")
    'secret:ledger/first-*-*'
    >>> _unchosen("password-policy"), _unchosen("network-acl/acl-2f1f49d1fa5f6ff64")
    ('password-policy', 'network-acl/acl-*')
    """
    text = re.sub(r"(?<=-)(?:[0-9a-f]{17}|\d{26})\b", "*", text)
    return re.sub(r"^(secret:.+-)\w{6}$", r"\1*", text)


def judged_modules(files: Files) -> dict[str, str]:
    """Return the hash of each module version of the judged stack, by ``name version``."""
    chosen = stacks(files, ENVIRONMENT)
    modules: dict[str, Any] = {}
    for path in sorted(chosen):
        if path.parts[0] == "modules":
            modules.setdefault(" ".join(path.parts[1:3]), hashlib.sha256()).update(
                f"{path}\0".encode() + chosen[path]
            )
    return {name: digest.hexdigest() for name, digest in modules.items()}


@dataclass(frozen=True)
class Recording:
    """The content of ``prowler.json``."""

    date: date
    version: str
    modules: Mapping[str, str]
    said: Said

    def old(self, files: Files) -> list[str]:
        """Return the module versions that the stack has now, and that were not judged."""
        return sorted(
            name
            for name, digest in judged_modules(files).items()
            if self.modules.get(name) != digest
        )


def recording() -> Recording:
    """Read ``prowler.json``."""
    read = json.loads(RECORDED.read_bytes())
    heard = Said(read["passed"], tuple(Finding(*f) for f in read["failed"]), tuple(read["errors"]))
    return Recording(date.fromisoformat(read["date"]), read["prowler"], read["modules"], heard)


def main(arguments: Sequence[str] | None = None) -> int:
    """Apply, judge and print."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.judges.prowler",
        description="Run Prowler on the applied stack of production, on the local AWS.",
    )
    parser.add_argument("--write", action="store_true", help=f"also write {RECORDED.name}")
    options = parser.parse_args(arguments)
    try:
        with applied() as sandbox, scratch_folder("prowler") as folder:
            heard = ask(sandbox, folder)
    except FinbaseError as error:
        print(error, file=sys.stderr)
        return 2
    problems = [*explanations().problems(heard)]
    print(summary(heard, problems), flush=True)
    for problem in problems:
        print(f"WRONG  {problem}")
    if options.write:
        RECORDED.write_text(
            json.dumps(
                {
                    "date": datetime.now(UTC).date().isoformat(),
                    "prowler": installed(),
                    "modules": judged_modules(rendered_files(ROOT)),
                    "passed": heard.passed,
                    "failed": [[f.check, f.resource, f.file] for f in heard.failed],
                    "errors": heard.errors,
                },
                indent=1,
                ensure_ascii=False,
            )
            + "\n",
            encoding="utf-8",
        )
    return 1 if problems else 0


def summary(heard: Said, problems: Sequence[str]) -> str:
    """Return a line like those of the other judges."""
    unexplained = sum(problem.startswith("unexplained finding") for problem in problems)
    return (
        f"Prowler  {f'{ENVIRONMENT}, applied':22} {sum(heard.passed.values()):4} passed, "
        f"{unexplained} failed, {len(heard.failed) - unexplained} explained"
    )


def installed() -> str:
    """Return the version of Prowler in its lock."""
    lock = (ROOT / "requirements" / "prowler.lock").read_text(encoding="utf-8")
    found = re.search(r"^prowler==(\S+)", lock, re.MULTILINE)
    assert found
    return found[1]


if __name__ == "__main__":
    sys.exit(main())
