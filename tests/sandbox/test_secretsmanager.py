"""The local Secrets Manager does what AWS does, where moto by itself does not.

Each test says what AWS returns and where that is documented: "API" is the API Reference of
Secrets Manager, at the operation that is named; "Guide" is its User Guide; "observed" is what users
of AWS report, and no page of it tells.
"""

from __future__ import annotations

import json
import logging
import threading
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from werkzeug.serving import make_server

from finbase.render.archive import pack
from finbase.sandbox import rotation_steps
from finbase.sandbox.rotation_steps import RotationIncompleteError
from finbase.sandbox.services import secretsmanager
from tests.support.rotations import check, rotate

RULES = {"AutomaticallyAfterDays": 30, "Duration": "3h"}


@dataclass
class Account:
    client: Any
    function: str

    def secret(self, *, rotating: bool = True) -> str:
        """Make a secret with the value ``one``; returns its name."""
        name = f"ledger/{uuid.uuid4().hex}"
        self.client.create_secret(Name=name, SecretString="one")
        if rotating:
            self.client.rotate_secret(
                SecretId=name,
                RotationLambdaARN=self.function,
                RotationRules=RULES,
                RotateImmediately=False,
            )
        return name

    def invoke(self, event: Mapping[str, str]) -> None:
        """Do the two steps of a rotation function that have to do with Secrets Manager."""
        arn, token = event["SecretId"], event["ClientRequestToken"]
        if event["Step"] == "createSecret":
            self.client.put_secret_value(
                SecretId=arn,
                ClientRequestToken=token,
                SecretString=f"value of {token}",
                VersionStages=["AWSPENDING"],
            )
        elif event["Step"] == "finishSecret":
            self.client.update_secret_version_stage(
                SecretId=arn,
                VersionStage="AWSCURRENT",
                MoveToVersionId=token,
                RemoveFromVersionId=self.labels(arn)["AWSCURRENT"],
            )

    def labels(self, secret: str) -> dict[str, str]:
        stages = self.described(secret)["VersionIdsToStages"]
        return {label: version for version, labels in stages.items() for label in labels}

    def described(self, secret: str) -> dict[str, Any]:
        return dict(self.client.describe_secret(SecretId=secret))

    def listed(self, secret: str, **options: Any) -> list[str]:
        answer = self.client.list_secret_version_ids(SecretId=secret, **options)
        return [version["VersionId"] for version in answer["Versions"]]


@pytest.fixture(scope="module")
def account() -> Iterator[Account]:
    """Moto by itself, with no driver: the tests run the steps of a rotation."""
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    secretsmanager.install()
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    application = DomainDispatcherApplication(create_backend_app)
    server = make_server("127.0.0.1", 0, application, threaded=True)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    options: dict[str, Any] = {
        "endpoint_url": f"http://127.0.0.1:{server.server_port}",
        "region_name": "eu-west-1",
        "aws_access_key_id": "local",
        "aws_secret_access_key": "local",
    }
    principal = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}}
    role = boto3.client("iam", **options).create_role(
        RoleName=f"rotation-{uuid.uuid4().hex}",
        AssumeRolePolicyDocument=json.dumps(
            {"Version": "2012-10-17", "Statement": [principal | {"Action": "sts:AssumeRole"}]}
        ),
    )
    function = boto3.client("lambda", **options).create_function(
        FunctionName=f"rotation-{uuid.uuid4().hex}",
        Role=role["Role"]["Arn"],
        Runtime="python3.13",
        Handler="rotation.handler",
        Code={"ZipFile": pack({"rotation.py": b""})},
    )
    yield Account(boto3.client("secretsmanager", **options), function["FunctionArn"])
    server.shutdown()
    server.server_close()


# 1. Who calls the function -------------------------------------------------------------------


def test_rotate_adds_empty_version(account: Account) -> None:
    """API, RotateSecret: "starts the asynchronous process". API, DescribeSecret,
    VersionIdsToStages: "Secrets Manager creates an AWSPENDING version ID before creating the new
    secret version. To check if a secret version exists, call GetSecretValue"."""
    name = account.secret()
    before = account.labels(name)["AWSCURRENT"]
    token = account.client.rotate_secret(SecretId=name)["VersionId"]
    assert account.labels(name) == {"AWSCURRENT": before, "AWSPENDING": token}
    with pytest.raises(account.client.exceptions.ResourceNotFoundException):
        account.client.get_secret_value(SecretId=name, VersionStage="AWSPENDING")


def test_complete_runs_steps_in_order(account: Account) -> None:
    """Guide, "Rotation by Lambda function"."""
    name, events = account.secret(), list[Mapping[str, str]]()

    def invoke(event: Mapping[str, str]) -> None:
        events.append(event)
        account.invoke(event)

    token = rotate(account.client, name, invoke)
    assert [event["Step"] for event in events] == list(rotation_steps.STEPS)
    assert {event["ClientRequestToken"] for event in events} == {token}
    assert account.labels(name)["AWSCURRENT"] == token


# 2. A step that fails ------------------------------------------------------------------------


@pytest.mark.parametrize("failing", rotation_steps.STEPS)
def test_complete_stops_at_first_error(account: Account, failing: str) -> None:
    """API, RotateSecret: "When rotation is unsuccessful, the AWSPENDING staging label might be
    attached to an empty secret version". That a step which fails is the last is inferred from
    "If any rotation step fails, Secrets Manager retries the entire rotation process multiple times"
    (Guide, "Rotation by Lambda function")."""
    name, steps = account.secret(), list[str]()
    before = account.labels(name)["AWSCURRENT"]

    def invoke(event: Mapping[str, str]) -> None:
        steps.append(event["Step"])
        if event["Step"] == failing:
            raise ZeroDivisionError
        account.invoke(event)

    with pytest.raises(ZeroDivisionError):
        rotate(account.client, name, invoke)
    assert steps == list(rotation_steps.STEPS[: rotation_steps.STEPS.index(failing) + 1])
    assert account.labels(name)["AWSCURRENT"] == before
    pending = account.labels(name)["AWSPENDING"]
    assert rotate(account.client, name, account.invoke, token=pending) == pending


def test_complete_reports_missing_label(account: Account) -> None:
    """Inferred from API, RotateSecret: "When rotation is successful, the AWSPENDING staging label
    might be attached to the same version as the AWSCURRENT version", or to none."""
    name = account.secret()
    with pytest.raises(RotationIncompleteError, match="but its version is not AWSCURRENT"):
        rotate(account.client, name, lambda _: None)


# 3. One rotation at a time -------------------------------------------------------------------


def test_rotate_refuses_second_rotation(account: Account) -> None:
    """API, RotateSecret: "If the AWSPENDING staging label is present but not attached to the same
    version as AWSCURRENT, then any later invocation of RotateSecret assumes that a previous
    rotation request is still in progress and returns an error". Its name and text are observed."""
    name = account.secret()
    token = account.client.rotate_secret(SecretId=name)["VersionId"]
    for immediately in (True, False):
        with pytest.raises(account.client.exceptions.InvalidRequestException, match="reattempted"):
            account.client.rotate_secret(SecretId=name, RotateImmediately=immediately)
    assert account.labels(name)["AWSPENDING"] == token


def test_rotate_with_both_labels_on_one_version(account: Account) -> None:
    """API, RotateSecret: AWSPENDING "might be attached to the same version as the AWSCURRENT"."""
    name = account.secret()
    token = rotate(account.client, name, account.invoke)
    account.client.update_secret_version_stage(
        SecretId=name, VersionStage="AWSPENDING", MoveToVersionId=token
    )
    assert rotate(account.client, name, account.invoke) != token


def test_rotate_twice_with_same_token(account: Account) -> None:
    """API, RotateSecret, ClientRequestToken: "to prevent the accidental creation of duplicate
    versions if there are failures and retries during a rotation"."""
    name, token = account.secret(), str(uuid.uuid4())
    for _ in range(2):
        account.client.rotate_secret(SecretId=name, ClientRequestToken=token)
    rotate(account.client, name, account.invoke, token=token)
    rotate(account.client, name, account.invoke, token=token)
    assert account.labels(name)["AWSCURRENT"] == token
    assert len(account.listed(name, IncludeDeprecated=True)) == 2


# 4. Configuration that is not given again ----------------------------------------------------


def test_rotate_keeps_earlier_settings(account: Account) -> None:
    """API, RotateSecret: without configuration it "starts a rotation with the values already
    stored in the secret". AWSCURRENT stays where it is until the function moves it."""
    name = account.secret()
    before = account.labels(name)["AWSCURRENT"]
    account.client.rotate_secret(SecretId=name)
    described = account.described(name)
    assert described["RotationLambdaARN"] == account.function
    assert described["RotationRules"] == RULES
    assert described["RotationEnabled"] is True
    assert account.labels(name)["AWSCURRENT"] == before
    assert account.client.get_secret_value(SecretId=name)["SecretString"] == "one"


def test_rotate_requires_existing_function(account: Account) -> None:
    """API, InvalidRequestException: "You tried to enable rotation on a secret that doesn't already
    have a Lambda function ARN configured and you didn't include such an ARN as a parameter in this
    call". The error for a function that is not there is inferred."""
    name = account.secret(rotating=False)
    with pytest.raises(account.client.exceptions.InvalidRequestException, match="ARN"):
        account.client.rotate_secret(SecretId=name, RotationRules=RULES)
    with pytest.raises(account.client.exceptions.ResourceNotFoundException, match="Lambda"):
        account.client.rotate_secret(
            SecretId=name, RotationLambdaARN=f"{account.function}-x", RotationRules=RULES
        )
    assert "RotationEnabled" not in account.described(name)


# 5. A version's value ------------------------------------------------------------------------


@pytest.mark.parametrize("stage", ["AWSPENDING", "AWSCURRENT"])
def test_put_refuses_changed_value(account: Account, stage: str) -> None:
    """API, PutSecretValue: the same data again "succeeds but does nothing"; with other data it
    "fails because you can't modify an existing version"."""
    name, token = account.secret(), str(uuid.uuid4())
    put = {"SecretId": name, "ClientRequestToken": token, "VersionStages": [stage]}
    for _ in range(2):
        assert account.client.put_secret_value(**put, SecretString="two")["VersionId"] == token
    with pytest.raises(account.client.exceptions.ResourceExistsException, match=token):
        account.client.put_secret_value(**put, SecretString="three")
    assert account.client.get_secret_value(SecretId=name, VersionId=token)["SecretString"] == "two"


def test_put_moves_label(account: Account) -> None:
    """API, PutSecretValue, VersionStages: "Secrets Manager removes the label from the other version
    and attaches it to this version"; with AWSCURRENT, it "also moves the staging label AWSPREVIOUS
    to the version that AWSCURRENT was removed from". API, UpdateSecret does that as well. That
    other labels stay is inferred."""
    name = account.secret()
    first = account.labels(name)["AWSCURRENT"]
    account.client.update_secret_version_stage(
        SecretId=name, VersionStage="initial", MoveToVersionId=first
    )
    put = account.client.put_secret_value(SecretId=name, SecretString="two")
    labels = {"initial": first, "AWSPREVIOUS": first, "AWSCURRENT": put["VersionId"]}
    assert account.labels(name) == labels
    assert put["VersionStages"] == ["AWSCURRENT"]
    account.client.update_secret_version_stage(
        SecretId=name, VersionStage="ours", MoveToVersionId=put["VersionId"]
    )
    account.client.update_secret(SecretId=name, SecretString="three")
    third = account.client.get_secret_value(SecretId=name)["VersionId"]
    assert account.labels(name) == {
        "initial": first,
        "ours": put["VersionId"],
        "AWSPREVIOUS": put["VersionId"],
        "AWSCURRENT": third,
    }


def test_put_makes_first_version_current(account: Account) -> None:
    """API, PutSecretValue: "If this operation creates the first version for the secret, then
    Secrets Manager automatically attaches the staging label AWSCURRENT to it"."""
    name = f"ledger/{uuid.uuid4().hex}"
    account.client.create_secret(Name=name)
    token = account.client.put_secret_value(
        SecretId=name, SecretString="one", VersionStages=["initial"]
    )["VersionId"]
    assert account.labels(name) == {"initial": token, "AWSCURRENT": token}


# 6. The value without a label ----------------------------------------------------------------


def test_get_value_defaults_to_current(account: Account) -> None:
    """API, GetSecretValue, VersionStage: "If you don't specify either a VersionStage or VersionId,
    Secrets Manager returns the AWSCURRENT version", whoever has moved that label."""
    name = account.secret()
    first = account.labels(name)["AWSCURRENT"]
    token = rotate(account.client, name, account.invoke)
    assert account.client.get_secret_value(SecretId=name)["VersionId"] == token
    account.client.update_secret_version_stage(
        SecretId=name,
        VersionStage="AWSCURRENT",
        MoveToVersionId=first,
        RemoveFromVersionId=token,
    )
    assert account.client.get_secret_value(SecretId=name)["SecretString"] == "one"
    assert account.labels(name) == {"AWSCURRENT": first, "AWSPREVIOUS": token}


# 7. Schedules --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rules",
    [
        {"ScheduleExpression": "cron(0 3 1 * ? *)", "Duration": "2h"},
        {"ScheduleExpression": "rate(10 days)"},
        {"AutomaticallyAfterDays": 7, "Duration": "3h"},
    ],
)
def test_rotate_stores_schedule(account: Account, rules: dict[str, object]) -> None:
    """API, RotationRulesType. API, DescribeSecret, RotationRules. AutomaticallyAfterDays "is
    calculated from the rotation schedule after every successful rotation" on AWS, and left out for
    an expression here."""
    name = account.secret(rotating=False)
    account.client.rotate_secret(
        SecretId=name, RotationLambdaARN=account.function, RotationRules=rules
    )
    described = account.described(name)
    assert described["RotationEnabled"] is True
    assert described["RotationRules"] == rules
    assert ("NextRotationDate" in described) == ("AutomaticallyAfterDays" in rules)


@pytest.mark.parametrize(
    "rules",
    [
        {"Duration": "3h"},
        {"AutomaticallyAfterDays": 7, "ScheduleExpression": "rate(7 days)"},
        {"AutomaticallyAfterDays": 1000, "ScheduleExpression": "rate(7 days)"},
    ],
)
def test_rotate_refuses_schedule(account: Account, rules: dict[str, object]) -> None:
    """API, RotationRulesType, AutomaticallyAfterDays: "you can set the rotation schedule in
    RotationRules with AutomaticallyAfterDays or ScheduleExpression, but not both". That neither is
    an error is inferred, and so is the error's name."""
    name = account.secret(rotating=False)
    with pytest.raises(account.client.exceptions.InvalidParameterException):
        account.client.rotate_secret(
            SecretId=name, RotationLambdaARN=account.function, RotationRules=rules
        )


def test_cancel_keeps_schedule_and_label(account: Account) -> None:
    """API, CancelRotateSecret: "You might need to remove the staging label AWSPENDING". API,
    DescribeSecret, RotationRules: "this field shows the previous rotation schedule";
    NextRotationDate: "If the secret isn't configured for rotation or rotation has been disabled,
    Secrets Manager returns null"."""
    name = account.secret()
    token = account.client.rotate_secret(SecretId=name)["VersionId"]
    account.client.cancel_rotate_secret(SecretId=name)
    described = account.described(name)
    assert described["RotationEnabled"] is False
    assert described["RotationRules"] == RULES
    assert "NextRotationDate" not in described
    assert account.labels(name)["AWSPENDING"] == token


# 8. Names, dead versions, tests of a set-up, lists -------------------------------------------


def test_rotate_by_name_sends_arn(account: Account) -> None:
    """Guide, "Lambda rotation functions": the event's SecretId is the ARN, which is observed for a
    secret that was rotated by its name."""
    name, seen = account.secret(), set[str]()

    def invoke(event: Mapping[str, str]) -> None:
        seen.add(event["SecretId"])
        account.invoke(event)

    rotate(account.client, name, invoke)
    assert seen == {account.described(name)["ARN"]}


def test_describe_omits_unlabelled_versions(account: Account) -> None:
    """API, DescribeSecret, VersionIdsToStages: the versions "that have staging labels attached"."""
    name = account.secret()
    for _ in range(3):
        rotate(account.client, name, account.invoke)
    assert sorted(account.described(name)["VersionIdsToStages"].values()) == [
        ["AWSCURRENT"],
        ["AWSPREVIOUS"],
    ]


def test_check_leaves_nothing(account: Account) -> None:
    """API, RotateSecret, RotateImmediately: the test "creates an AWSPENDING version of the
    secret and then removes it", and runs testSecret alone."""
    name, steps = account.secret(), list[str]()
    before = account.described(name)["VersionIdsToStages"]

    def invoke(event: Mapping[str, str]) -> None:
        steps.append(event["Step"])
        assert account.labels(name)["AWSPENDING"] == event["ClientRequestToken"]
        if len(steps) == 2:
            raise ZeroDivisionError

    check(account.client, name, invoke)
    assert account.described(name)["VersionIdsToStages"] == before
    with pytest.raises(ZeroDivisionError):
        check(account.client, name, invoke)
    assert account.described(name)["VersionIdsToStages"] == before
    assert steps == ["testSecret", "testSecret"]


def test_list_versions_by_label(account: Account) -> None:
    """API, ListSecretVersionIds: it "only returns versions that contain a secret value";
    IncludeDeprecated: "By default, versions without staging labels aren't included"; ARN. That
    these have no VersionStages is inferred from its least length, 1."""
    name = account.secret()
    first = account.labels(name)["AWSCURRENT"]
    second, third = (rotate(account.client, name, account.invoke) for _ in range(2))
    account.client.rotate_secret(SecretId=name)  # empty
    assert account.listed(name) == [second, third]
    assert account.listed(name, IncludeDeprecated=True) == [first, second, third]
    answer = account.client.list_secret_version_ids(SecretId=name, IncludeDeprecated=True)
    assert answer["ARN"] == account.described(name)["ARN"]
    assert "NextToken" not in answer
    assert "VersionStages" not in answer["Versions"][0]
    dates = [version["CreatedDate"] for version in answer["Versions"]]
    assert dates == sorted(dates)
    assert len(set(dates)) == 3


def test_list_versions_in_pages(account: Account) -> None:
    """API, ListSecretVersionIds: MaxResults and NextToken."""
    name = account.secret()
    for _ in range(4):
        rotate(account.client, name, account.invoke)
    pages, more = list[int](), {"IncludeDeprecated": True, "MaxResults": 2}
    seen = set[str]()
    while True:
        answer = account.client.list_secret_version_ids(SecretId=name, **more)
        pages.append(len(answer["Versions"]))
        seen |= {version["VersionId"] for version in answer["Versions"]}
        if "NextToken" not in answer:
            break
        more["NextToken"] = answer["NextToken"]
    assert pages == [2, 2, 1]
    assert len(seen) == 5


def test_random_password_of_no_characters(account: Account) -> None:
    """API, GetRandomPassword, errors: InvalidParameterException. That this is one is inferred."""
    with pytest.raises(account.client.exceptions.InvalidParameterException):
        account.client.get_random_password(
            ExcludeNumbers=True,
            ExcludePunctuation=True,
            ExcludeUppercase=True,
            ExcludeLowercase=True,
        )
    made = account.client.get_random_password(PasswordLength=20, ExcludePunctuation=True)
    assert len(made["RandomPassword"]) == 20


# Labels --------------------------------------------------------------------------------------


def test_update_stage_ends_rotation(account: Account) -> None:
    """API, UpdateSecretVersionStage: "Whenever you move AWSCURRENT, Secrets Manager automatically
    moves the label AWSPREVIOUS to the version that AWSCURRENT was removed from". Guide, "Lambda
    rotation functions", finishSecret: the same call removes AWSPENDING."""
    name = account.secret()
    first = account.labels(name)["AWSCURRENT"]
    token = rotate(account.client, name, account.invoke)
    assert account.labels(name) == {"AWSCURRENT": token, "AWSPREVIOUS": first}
    assert "LastRotatedDate" in account.described(name)


def test_update_stage_requires_holder(account: Account) -> None:
    """API, UpdateSecretVersionStage, RemoveFromVersionId: "If the label is attached and you either
    do not specify this parameter, or the version ID does not match, then the operation fails". The
    errors' names and texts are observed."""
    name = account.secret()
    rotate(account.client, name, account.invoke)
    labels, errors = account.labels(name), account.client.exceptions
    current, previous = labels["AWSCURRENT"], labels["AWSPREVIOUS"]
    move = {"SecretId": name, "VersionStage": "AWSCURRENT", "MoveToVersionId": previous}
    with pytest.raises(errors.InvalidParameterException, match="can't be empty"):
        account.client.update_secret_version_stage(**move)
    with pytest.raises(errors.InvalidParameterException, match="not attached"):
        account.client.update_secret_version_stage(**move, RemoveFromVersionId=previous)
    with pytest.raises(errors.InvalidParameterException, match="completely removed"):
        account.client.update_secret_version_stage(
            SecretId=name, VersionStage="AWSCURRENT", RemoveFromVersionId=current
        )
    with pytest.raises(errors.ResourceNotFoundException):
        account.client.update_secret_version_stage(
            **move | {"MoveToVersionId": str(uuid.uuid4())}, RemoveFromVersionId=current
        )
    assert account.labels(name) == labels


def test_deleted_secret_is_read_only(account: Account) -> None:
    """API, InvalidRequestException: "The secret is scheduled for deletion"."""
    name = account.secret()
    account.client.delete_secret(SecretId=name)
    with pytest.raises(account.client.exceptions.InvalidRequestException):
        rotate(account.client, name, account.invoke)
    with pytest.raises(account.client.exceptions.InvalidRequestException):
        account.client.put_secret_value(SecretId=name, SecretString="two")


def test_install_twice(account: Account) -> None:
    name = account.secret()
    secretsmanager.install()
    assert account.client.get_secret_value(SecretId=name)["SecretString"] == "one"
    rotate(account.client, name, account.invoke)


def test_last_access_has_no_time(account: Account) -> None:
    """A day without a time. API, DescribeSecret, LastAccessedDate: "This field is omitted if the
    secret has never been retrieved in the Region"."""
    name = account.secret()
    assert "LastAccessedDate" not in account.described(name)
    account.client.get_secret_value(SecretId=name)
    accessed = account.described(name)["LastAccessedDate"].astimezone(UTC)
    assert (accessed.hour, accessed.minute, accessed.second) == (0, 0, 0)
    assert datetime.now(UTC) - accessed < timedelta(days=2)
