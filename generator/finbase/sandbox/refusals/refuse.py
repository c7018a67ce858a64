"""Refuse a request before moto sees it, if AWS would refuse it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import determine_request_protocol
from moto.core.responses import BaseResponse
from moto.core.utils import get_service_model

from finbase.aws.catalogue import AwsCatalogue
from finbase.sandbox.refusals import model
from finbase.sandbox.refusals.rule import Refusal, Request
from finbase.sandbox.refusals.table import RULES

_plain_parse = BaseResponse.parse_parameters
_catalogue = AwsCatalogue()


def install(project: Path | None = None) -> None:
    """Let ``reason`` report a request that cannot be parsed; call this before the first one.

    ``project`` is the folder of a project, whose own file adds to what AWS offers.
    """
    global _catalogue
    _catalogue = AwsCatalogue(project)
    BaseResponse.parse_parameters = _parse_if_possible  # type: ignore[method-assign]


def reason(response: BaseResponse, operation: str) -> Refusal | None:
    """Return AWS's error for a call, or None if neither its model nor a rule forbids it."""
    service = response.boto3_service_name
    service_model: Any = get_service_model(service)
    if operation not in service_model.operation_names:
        return None
    operation_model = service_model.operation_model(operation)
    protocol = determine_request_protocol(service_model, response.normalized_request.content_type)
    if protocol not in PROTOCOL_PARSERS or operation_model.input_shape is None:
        return None
    try:
        params = parse(response, operation_model, protocol)
    except (ValueError, TypeError, AttributeError) as error:
        code = "SerializationException" if "json" in protocol else "MalformedInput"
        return Refusal(code, str(error))
    if found := model.violations(params, operation_model.input_shape):
        return model.refusal(service, found)
    account, region = response.current_account, response.region
    request = Request(service, operation, params, account, region, _catalogue)
    for rule in RULES:
        if rule.applies_to(request) and (message := rule.check(request)):
            return Refusal(rule.code, message)
    return None


def parse(response: BaseResponse, operation_model: Any, protocol: str) -> dict[str, Any]:
    """Return the input of a request by the names of the service model."""
    http = response.normalized_request
    parser = PROTOCOL_PARSERS[protocol](operation_model)
    parsed: dict[str, Any] = parser.parse(
        {
            "method": http.method,
            "values": http.values,
            "headers": http.headers,
            "body": http.data,
            "url_path": http.path,
            "url_params": response.uri_match,
        }
    )
    return parsed


def _parse_if_possible(self: BaseResponse, request: Any) -> None:
    """Parse a request; leave one that cannot be parsed to ``reason``, which reports it."""
    try:
        _plain_parse(self, request)
    except (ValueError, TypeError, AttributeError):
        self.params = {}
