"""Rules about Lambda functions."""

from __future__ import annotations

import json
from io import BytesIO
from zipfile import is_zipfile

from moto.awslambda.models import lambda_backends

from finbase.sandbox.refusals import kms, policies
from finbase.sandbox.refusals.rule import Request, rule

QUOTA = 10
"""Concurrent executions of a new account; AWS raises the quota with use, or on request."""

_UNRESERVED = 10
"""Executions that a new account must leave unreserved; an account with a higher quota, 100."""

_MOST_VARIABLES = 4_096

_RESERVED_VARIABLES = frozenset(
    """
    AWS_ACCESS_KEY AWS_ACCESS_KEY_ID AWS_DEFAULT_REGION AWS_EXECUTION_ENV
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE AWS_LAMBDA_FUNCTION_NAME AWS_LAMBDA_FUNCTION_VERSION
    AWS_LAMBDA_INITIALIZATION_TYPE AWS_LAMBDA_LOG_GROUP_NAME AWS_LAMBDA_LOG_STREAM_NAME
    AWS_LAMBDA_RUNTIME_API AWS_REGION AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN LAMBDA_RUNTIME_DIR
    LAMBDA_TASK_ROOT _HANDLER
    """.split()
)


@rule(
    "lambda PutFunctionConcurrency",
    "InvalidParameterValueException",
    "awslabs/fhir-works-on-aws-deployment/issues/691",
)
def unreserved_concurrency(request: Request) -> str | None:
    """Functions together reserve no more than the account can spare: in a new one, nothing."""
    name = request.params["FunctionName"].rpartition(":")[2]
    backend = request.of(lambda_backends)
    others = sum(
        int(function.reserved_concurrency or 0)
        for function in backend.list_functions()
        if function.function_name != name
    )
    wanted = request.params["ReservedConcurrentExecutions"]
    if wanted == 0 or QUOTA - others - wanted >= _UNRESERVED:
        return None
    return (
        "Specified ReservedConcurrentExecutions for function decreases account's "
        f"UnreservedConcurrentExecution below its minimum value of [{_UNRESERVED}]."
    )


@rule(
    "lambda CreateFunction UpdateFunctionConfiguration",
    "InvalidParameterValueException",
    "lambda/latest/dg/configuration-envvars.html",
)
def reserved_variable(request: Request) -> str | None:
    """Lambda sets some environment variables itself."""
    variables = (request.params.get("Environment") or {}).get("Variables") or {}
    if reserved := sorted(_RESERVED_VARIABLES & set(variables)):
        return (
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    return None


@rule(
    "lambda CreateFunction UpdateFunctionConfiguration",
    "InvalidParameterValueException",
    "lambda/latest/dg/gettingstarted-limits.html",
)
def large_environment(request: Request) -> str | None:
    """The variables of a function have at most 4 KB as JSON."""
    variables = (request.params.get("Environment") or {}).get("Variables") or {}
    if len(json.dumps(variables, separators=(",", ":")).encode()) <= _MOST_VARIABLES:
        return None
    return (
        "Lambda was unable to configure your environment variables because the environment "
        "variables you have provided exceeded the 4KB limit."
    )


@rule(
    "lambda CreateFunction UpdateFunctionCode",
    "InvalidParameterValueException",
    "lambda/latest/dg/troubleshooting-deployment.html",
)
def not_a_zip(request: Request) -> str | None:
    """The code of a function is a zip file."""
    code = (request.params.get("Code") or request.params).get("ZipFile")
    if code is None or is_zipfile(BytesIO(code)):
        return None
    return "Could not unzip uploaded file. Please check your file, then try to upload again."


@rule(
    "lambda CreateFunction UpdateFunctionConfiguration",
    "InvalidParameterValueException",
    "lambda/latest/dg/lambda-intro-execution-role.html",
)
def untrusting_role(request: Request) -> str | None:
    """Lambda may take the role of a function."""
    role = request.params.get("Role")
    if not role or policies.trusts(request, role, "lambda.amazonaws.com"):
        return None
    return "The role defined for the function cannot be assumed by Lambda."


@rule(
    "lambda CreateFunction UpdateFunctionConfiguration",
    "InvalidParameterValueException",
    "hashicorp/terraform/issues/20813",
)
def unusable_function_key(request: Request) -> str | None:
    """The key of a function's variables exists and is enabled."""
    if not (request.params.get("Environment") or {}).get("Variables"):
        return None
    if problem := kms.problem(request, request.params.get("KMSKeyArn")):
        return (
            "Lambda was unable to configure access to your environment variables because the KMS "
            f"key is invalid for CreateGrant. Please check your KMS key settings. {problem}"
        )
    return None


@rule(
    "lambda AddPermission", "ResourceConflictException", "lambda/latest/api/API_AddPermission.html"
)
def statement_exists(request: Request) -> str | None:
    """Each statement of a function's policy has another id."""
    qualifier = [request.params["Qualifier"]] if request.params.get("Qualifier") else []
    for function in request.of(lambda_backends).list_functions():
        if function.function_name != request.params["FunctionName"].rpartition(":")[2]:
            continue
        for statement in function.policy.statements:
            same = str(statement["Resource"]).split(":")[7:] == qualifier
            if same and statement.get("Sid") == request.params["StatementId"]:
                return (
                    f"The statement id ({statement['Sid']}) provided already exists. Please "
                    "provide a new statement id, or remove the existing statement."
                )
    return None


@rule(
    "lambda AddPermission",
    "InvalidParameterValueException",
    "Pocket/terraform-modules/pull/1037",
)
def unknown_principal(request: Request) -> str | None:
    """A permission is for a service, an account, or a role or user that exists."""
    if policies.is_principal(request, request.params["Principal"]):
        return None
    return "The provided principal was invalid. Please check the principal and try again."
