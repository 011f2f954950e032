"""The HTTP API described to programs (OpenAPI 3.1); docs/page.md describes it to people."""

from typing import Any

from daemons import __version__
from daemons.bus.presence import PRESENCES

Schema = dict[str, Any]
TEXT, NUMBER, COUNT = {"type": "string"}, {"type": "number"}, {"type": "integer", "minimum": 0}
MOMENT: Schema = {"type": "number", "minimum": 0, "description": "Unix seconds"}
IDENTIFIER: Schema = {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[!-~]+$"}
FIELDS: Schema = {"type": "object", "additionalProperties": {"type": ["boolean", "number", "string", "null"]}}


def maybe(schema: Schema) -> Schema:
    """Allow null as well."""
    return {"anyOf": [schema, {"type": "null"}]}


def record(required: Schema, optional: Schema | None = None, **more: Any) -> Schema:
    """Describe an object."""
    return {
        "type": "object",
        "properties": {**required, **(optional or {})},
        "required": list(required),
        **more,
    }


def listing(schema: Schema) -> Schema:
    """Describe a list."""
    return {"type": "array", "items": schema}


def by_name(schema: Schema) -> Schema:
    """Describe an object whose keys are names."""
    return {"type": "object", "additionalProperties": schema}


def of(name: str) -> Schema:
    """Point to a schema by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


STANDING: Schema = {
    "presence": {"enum": list(PRESENCES)},
    "presence_since": maybe(MOMENT),
    "state": maybe(FIELDS),
    "cause": maybe(TEXT),
    "since": maybe(MOMENT),
    "at": maybe(MOMENT),
    "age_seconds": maybe(NUMBER),
    "boot": maybe(COUNT),
    "seq": maybe(COUNT),
    "pid": maybe(COUNT),
    "restarts": maybe(COUNT),
    "started_at": maybe(MOMENT),
    "reason": maybe(TEXT),
    "last_lines": listing(TEXT),
    "retry_at": maybe(MOMENT),
}
SCHEMAS: Schema = {
    "Error": record({"error": TEXT, "reason": TEXT}),
    "Health": record({"ok": {"const": True}}),
    "Standing": record(STANDING),
    "Device": record(
        {
            "name": TEXT,
            "room": TEXT,
            "kind": TEXT,
            "host": maybe(TEXT),
            "elsewhere": {"type": "boolean"},
            "hears": listing(TEXT),
            "commands": by_name(by_name(TEXT)),
            **STANDING,
        }
    ),
    "House": record(
        {
            "type": {"const": "house"},
            "cursor": TEXT,
            "at": MOMENT,
            "house": record({"name": TEXT, "timezone": TEXT, "locale": TEXT, "host": maybe(TEXT)}),
            "mirror": TEXT,
            "message": TEXT,
            "devices": by_name(of("Device")),
            "services": by_name(of("Standing")),
        }
    ),
    "Wish": record(
        {},
        {
            "args": {
                "type": "object",
                "maxProperties": 20,
                "propertyNames": IDENTIFIER,
                "additionalProperties": {
                    "anyOf": [
                        {"type": ["boolean", "number", "null"]},
                        {"type": "string", "maxLength": 1000},
                    ]
                },
            },
            "id": maybe(IDENTIFIER),
            "timeout_seconds": {"type": "number", "minimum": 0.01, "maximum": 60},
        },
        additionalProperties=False,
    ),
    "Receipt": record(
        {
            "id": TEXT,
            "device": TEXT,
            "outcome": {"enum": ["applied", "rejected", "expired", "unanswered"]},
            "took_seconds": NUMBER,
        },
        {"at": MOMENT, "reason": TEXT},
    ),
    "History": record(
        {
            "since": MOMENT,
            "until": MOMENT,
            "resolution_seconds": NUMBER,
            "devices": by_name(
                record(
                    {
                        "stretches": listing(
                            record(
                                {"from": MOMENT, "to": maybe(MOMENT), "state": FIELDS, "cause": maybe(TEXT)}
                            )
                        ),
                        "measurements": by_name(
                            listing({"type": "array", "items": NUMBER, "minItems": 4, "maxItems": 4})
                        ),
                        "processes": listing(
                            record({"at": MOMENT, "life": TEXT, "pid": maybe(COUNT), "reason": maybe(TEXT)})
                        ),
                    }
                )
            ),
            "causes": by_name(record({"device": TEXT, "at": MOMENT, "phase": maybe(TEXT)})),
        }
    ),
}
REASONS = {
    400: "The request has a mistake.",
    401: "A token is needed.",
    403: "Another name, or another site.",
    404: "There is no such device.",
    413: "The body is too long.",
    415: "The body is no JSON.",
    429: "Too many at once.",
    503: "Not at this moment.",
}


def answers(schema: str, *mistakes: int, **others: tuple[str, str]) -> Schema:
    """Describe what a request is answered with."""
    found = {"200": answer("What was asked for.", schema)}
    found |= {str(status): answer(REASONS[status], "Error") for status in (401, 403, *mistakes)}
    return found | {key.strip("_"): answer(*about) for key, about in others.items()}


def answer(text: str, schema: str) -> Schema:
    """Describe one answer."""
    return {"description": text, "content": {"application/json": {"schema": of(schema)}}}


def describe(devices: list[str]) -> Schema:
    """Give the description for a house with these devices."""
    name = {"name": "name", "in": "path", "required": True, "schema": {"enum": devices}}
    command = {"name": "command", "in": "path", "required": True, "schema": IDENTIFIER}
    ago = {"type": "string", "pattern": r"^(([0-9]+(\.[0-9]+)?(ms|s|m|h|d))+|[0-9]{1,10}(\.[0-9]{1,9})?)$"}
    receipts = {"_409": ("It was rejected, or came too late.", "Receipt"), "_504": ("No answer.", "Receipt")}
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
                "token": {"type": "http", "scheme": "bearer", "description": "From `house token`."}
            },
        },
        "security": [{}, {"token": []}],
        "paths": {
            "/api/house": {"get": {"summary": "The whole house", "responses": answers("House", 503)}},
            "/api/devices/{name}": {
                "get": {
                    "summary": "One device",
                    "parameters": [name],
                    "responses": answers("Device", 404, 503),
                }
            },
            "/api/devices/{name}/{command}": {
                "post": {
                    "summary": "Have a device do something",
                    "parameters": [name, command],
                    "requestBody": {
                        "required": False,
                        "content": {"application/json": {"schema": of("Wish")}},
                    },
                    "responses": answers("Receipt", 400, 404, 413, 415, 429, **receipts),
                }
            },
            "/api/history": {
                "get": {
                    "summary": "What was",
                    "parameters": [
                        {"name": "device", "in": "query", "schema": listing({"enum": devices})},
                        {"name": "since", "in": "query", "schema": ago},
                        {"name": "until", "in": "query", "schema": ago},
                        {
                            "name": "points",
                            "in": "query",
                            "schema": {"type": "integer", "minimum": 10, "maximum": 2000},
                        },
                    ],
                    "responses": answers("History", 400, 404, 503),
                }
            },
            "/healthz": {"get": {"summary": "Whether it is at work", "responses": answers("Health", 503)}},
        },
    }
