"""The run of a pipeline that finbase is part of, by the variables of well-known CI systems."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from finbase.system.printable import printable_name

_URL = re.compile(r"https?://[\w.:-]+(?:/[\w.~%@:+=&?#/-]*)?")


@dataclass(frozen=True)
class PipelineRun:
    """A run: its system, what identifies it there, who started it, and its page.

    ``actor`` and ``url`` are empty if the system does not name them.
    """

    system: str
    name: str
    actor: str = ""
    url: str = ""


def pipeline_run(environ: Mapping[str, str]) -> PipelineRun | None:
    """Return the run that the variables describe, or None without a known CI system.

    A value is text of other people: invisible characters are escaped, and an address that is not
    plain is left out.
    """
    get = {name: printable_name(value)[:500] for name, value in environ.items()}.get
    run = None
    if get("GITHUB_ACTIONS"):
        base = f"{get('GITHUB_SERVER_URL')}/{get('GITHUB_REPOSITORY')}"
        attempt = get("GITHUB_RUN_ATTEMPT", "1")
        name = f"{get('GITHUB_WORKFLOW', 'workflow')}, run {get('GITHUB_RUN_ID')}, try {attempt}"
        url = f"{base}/actions/runs/{get('GITHUB_RUN_ID')}/attempts/{attempt}"
        run = PipelineRun("GitHub Actions", name, get("GITHUB_ACTOR", ""), url)
    elif get("GITLAB_CI"):
        name = f"pipeline {get('CI_PIPELINE_ID')}, job {get('CI_JOB_ID')}"
        run = PipelineRun("GitLab CI", name, get("GITLAB_USER_LOGIN", ""), get("CI_JOB_URL", ""))
    elif number := get("BITBUCKET_BUILD_NUMBER"):
        url = f"{get('BITBUCKET_GIT_HTTP_ORIGIN')}/pipelines/results/{number}"
        run = PipelineRun("Bitbucket Pipelines", f"build {number}", url=url)
    elif get("TF_BUILD"):
        name = f"{get('BUILD_DEFINITIONNAME', 'build')} {get('BUILD_BUILDNUMBER')}"
        actor = get("BUILD_REQUESTEDFOR", "")
        base = f"{get('SYSTEM_COLLECTIONURI')}{get('SYSTEM_TEAMPROJECT')}"
        url = f"{base}/_build/results?buildId={get('BUILD_BUILDID')}"
        run = PipelineRun("Azure Pipelines", name, actor, url)
    elif number := get("CIRCLE_BUILD_NUM"):
        actor = get("CIRCLE_USERNAME", "")
        run = PipelineRun("CircleCI", f"build {number}", actor, get("CIRCLE_BUILD_URL", ""))
    elif get("JENKINS_URL") and get("BUILD_NUMBER"):
        name = f"{get('JOB_NAME', 'job')} #{get('BUILD_NUMBER')}"
        run = PipelineRun("Jenkins", name, url=get("BUILD_URL", ""))
    if run and not _URL.fullmatch(run.url):
        return PipelineRun(run.system, run.name, run.actor)
    return run
