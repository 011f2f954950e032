"""The OpenAPI 3.1 description of the HTTP API, generated from the types in `schemas`.

docs/page.md describes the same API to people.
"""

import json
from typing import Any

import msgspec

from daemons import __version__
from daemons.bus.requests.protocol import CommandRequest
from daemons.config.explained import WhyDocument
from daemons.processes.mirror.page.schemas import (
    DeviceDocument,
    ErrorDocument,
    HealthDocument,
    HistoryDocument,
    HouseDocument,
    ReceiptDocument,
)

Schema = dict[str, Any]
IDENTIFIER: Schema = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}
TIME_PATTERN = r"^(([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+|-?[0-9]{1,10}(\.[0-9]{1,9})?)$"
"""A duration before now, or Unix seconds."""
CSV: Schema = {
    "description": "The request succeeded: a table (RFC 4180).",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}
ERRORS = {
    400: "The request has a mistake.",
    401: "A token is needed.",
    403: "The host name or the origin is not accepted, or the token gives no right to this.",
    404: "There is no such device.",
    413: "The body is too long.",
    415: "The body is not JSON.",
    429: "Too many requests.",
    503: "Not available at this moment.",
}


def reference(name: str) -> Schema:
    """Return a reference to a schema."""
    return {"$ref": f"#/components/schemas/{name}"}


def make_schemas() -> Schema:
    r"""Return the schemas of all documents, by the names of their types.

    A pattern in our types ends with `\Z`. JSON Schema has no `\Z`, so it becomes `$` here.
    """
    types = (
        HouseDocument,
        DeviceDocument,
        CommandRequest,
        ReceiptDocument,
        HistoryDocument,
        WhyDocument,
        ErrorDocument,
        HealthDocument,
    )
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    text = json.dumps(schemas).replace(r"\\Z", "$")
    return dict(json.loads(text))


SCHEMAS = make_schemas()


def response(text: str, schema: str) -> Schema:
    """Return the description of one response."""
    return {"description": text, "content": {"application/json": {"schema": reference(schema)}}}


def responses(schema: str, *errors: int, **others: Schema) -> Schema:
    """Return the responses of a route: its document, its errors, and `others` by status (`_409=...`)."""
    found = {"200": response("The request succeeded.", schema)}
    found |= {str(status): response(ERRORS[status], "ErrorDocument") for status in (401, 403, *errors)}
    return found | {status.strip("_"): described for status, described in others.items()}


def describe_api(devices: list[str]) -> Schema:
    """Return the description for a house with these devices."""
    name = {"name": "name", "in": "path", "required": True, "schema": {"enum": devices}}
    command = {"name": "command", "in": "path", "required": True, "schema": IDENTIFIER}
    past = {"type": "string", "pattern": TIME_PATTERN}
    device_list = {"type": "array", "items": {"enum": devices}}
    history_parameters = [
        {"name": "device", "in": "query", "schema": device_list},
        {"name": "since", "in": "query", "schema": past},
        {"name": "until", "in": "query", "schema": past},
        {"name": "points", "in": "query", "schema": {"type": "integer", "minimum": 10, "maximum": 2000}},
        {"name": "stretches", "in": "query", "schema": {"type": "integer", "minimum": 10, "maximum": 1000}},
    ]
    receipts = {
        "_409": response("The command was rejected, or came too late.", "ReceiptDocument"),
        "_504": response("The device sent no receipt in time.", "ReceiptDocument"),
    }
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "House",
            "version": __version__,
            "description": "One house, as its mirror knows it, and commands to its devices.",
        },
        "components": {
            "schemas": SCHEMAS,
            "securitySchemes": {
                "token": {
                    "type": "http",
                    "scheme": "bearer",
                    "description": "From `house token` or `house token make`.",
                }
            },
        },
        "security": [{}, {"token": []}],
        "paths": {
            "/api/house": {
                "get": {"summary": "Read the whole house", "responses": responses("HouseDocument", 503)}
            },
            "/api/devices/{name}": {
                "get": {
                    "summary": "Read one device",
                    "parameters": [name],
                    "responses": responses("DeviceDocument", 404, 503),
                }
            },
            "/api/devices/{name}/{command}": {
                "post": {
                    "summary": "Send a command to a device",
                    "parameters": [name, command],
                    "requestBody": {
                        "required": False,
                        "content": {"application/json": {"schema": reference("CommandRequest")}},
                    },
                    "responses": responses("ReceiptDocument", 400, 404, 413, 415, 429, **receipts),
                }
            },
            "/api/history": {
                "get": {
                    "summary": "Read the history",
                    "parameters": history_parameters,
                    "responses": responses("HistoryDocument", 400, 404, 503),
                }
            },
            "/api/history.csv": {
                "get": {
                    "summary": "Read the history as a table",
                    "parameters": history_parameters,
                    "responses": responses("HistoryDocument", 400, 404, 503) | {"200": CSV},
                }
            },
            "/api/why/{name}": {
                "get": {
                    "summary": "Explain the last change of a device",
                    "parameters": [name, {"name": "at", "in": "query", "schema": past}],
                    "responses": responses("WhyDocument", 400, 404, 503),
                }
            },
            "/healthz": {
                "get": {"summary": "Check the mirror's health", "responses": responses("HealthDocument", 503)}
            },
        },
    }
