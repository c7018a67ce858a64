"""The pipeline run that a report names."""

from __future__ import annotations

import pytest

from finbase.ci.pipeline import PipelineRun, pipeline_run

GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "bank/ledger",
    "GITHUB_WORKFLOW": "check",
    "GITHUB_RUN_ID": "7",
    "GITHUB_RUN_ATTEMPT": "2",
    "GITHUB_ACTOR": "octocat",
}
RUNS = [
    (
        GITHUB,
        ("GitHub Actions", "check, run 7, try 2", "octocat"),
        "https://github.com/bank/ledger/actions/runs/7/attempts/2",
    ),
    (
        {"GITLAB_CI": "true", "CI_PIPELINE_ID": "3", "CI_JOB_ID": "4", "GITLAB_USER_LOGIN": "root"}
        | {"CI_JOB_URL": "https://gitlab.example/b/l/-/jobs/4"},
        ("GitLab CI", "pipeline 3, job 4", "root"),
        "https://gitlab.example/b/l/-/jobs/4",
    ),
    (
        {"BITBUCKET_BUILD_NUMBER": "5", "BITBUCKET_GIT_HTTP_ORIGIN": "https://bitbucket.org/b/l"},
        ("Bitbucket Pipelines", "build 5", ""),
        "https://bitbucket.org/b/l/pipelines/results/5",
    ),
    (
        {"TF_BUILD": "True", "BUILD_DEFINITIONNAME": "check", "BUILD_BUILDNUMBER": "20260101.1"}
        | {"SYSTEM_COLLECTIONURI": "https://dev.azure.com/bank/", "SYSTEM_TEAMPROJECT": "ledger"}
        | {"BUILD_BUILDID": "9", "BUILD_REQUESTEDFOR": "A. Clerk"},
        ("Azure Pipelines", "check 20260101.1", "A. Clerk"),
        "https://dev.azure.com/bank/ledger/_build/results?buildId=9",
    ),
    (
        {"CIRCLE_BUILD_NUM": "6", "CIRCLE_BUILD_URL": "https://circleci.com/gh/b/l/6"},
        ("CircleCI", "build 6", ""),
        "https://circleci.com/gh/b/l/6",
    ),
    (
        {"JENKINS_URL": "https://ci.example/", "BUILD_NUMBER": "8", "JOB_NAME": "ledger"}
        | {"BUILD_URL": "https://ci.example/job/ledger/8/"},
        ("Jenkins", "ledger #8", ""),
        "https://ci.example/job/ledger/8/",
    ),
]


@pytest.mark.parametrize(("environ", "names", "url"), RUNS)
def test_run_of_a_known_system(
    environ: dict[str, str], names: tuple[str, str, str], url: str
) -> None:
    assert pipeline_run(environ) == PipelineRun(*names, url)


def test_no_run_without_a_known_system() -> None:
    assert pipeline_run({"CI": "true", "HOME": "/root"}) is None


@pytest.mark.parametrize("server", ["javascript:alert(1)//", "https://a\nb", 'https://a"b', ""])
def test_an_address_that_is_not_plain_is_left_out(server: str) -> None:
    run = pipeline_run(GITHUB | {"GITHUB_SERVER_URL": server})
    assert run is not None
    assert run.url == ""


def test_invisible_characters_are_escaped() -> None:
    run = pipeline_run(GITHUB | {"GITHUB_ACTOR": "octo\u202ecat\n", "GITHUB_WORKFLOW": "x" * 999})
    assert run is not None
    assert run.actor == "octo\\u202ecat\\u000a"
    assert len(run.name) < 600
