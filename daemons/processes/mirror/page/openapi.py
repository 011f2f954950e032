"""The OpenAPI 3.1 description of the HTTP API, generated from the types in `schemas`.

docs/page.md describes the same API to people.
"""

import json
from collections.abc import Iterable

import msgspec

from daemons import __version__
from daemons.bus.requests.protocol import CommandRequest
from daemons.processes.mirror.page.openapi_edit import TYPES, edit_paths
from daemons.processes.mirror.page.openapi_parts import Schema, reference, response, responses
from daemons.processes.mirror.page.schemas import (
    DeviceDocument,
    ErrorDocument,
    HealthDocument,
    HistoryDocument,
    HouseDocument,
    ReceiptDocument,
)

IDENTIFIER: Schema = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}
TIME_PATTERN = r"^(([0-9]{1,4}(\.[0-9]{1,3})?(ms|s|m|h|d)){1,3}|-?[0-9]{1,10}(\.[0-9]{1,9})?)$"
"""A duration before now, or Unix seconds."""
CSV: Schema = {
    "description": "The request succeeded: a table (RFC 4180).",
    "content": {"text/csv": {"schema": {"type": "string"}}},
}


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
        ErrorDocument,
        HealthDocument,
        *TYPES,
    )
    _, schemas = msgspec.json.schema_components(types, ref_template="#/components/schemas/{name}")
    text = json.dumps(schemas).replace(r"\\Z", "$")
    return dict(json.loads(text))


SCHEMAS = make_schemas()


def describe_api(devices: list[str], services: Iterable[str] = ()) -> Schema:
    """Return the description for a house with these devices and services."""
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
            **edit_paths(devices, [*devices, *services]),
            "/healthz": {
                "get": {"summary": "Check the mirror's health", "responses": responses("HealthDocument", 503)}
            },
        },
    }
