"""The parts that all of the OpenAPI description uses: references, and the responses of a route."""

from typing import Any

Schema = dict[str, Any]
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


def response(text: str, schema: str) -> Schema:
    """Return the description of one response."""
    return {"description": text, "content": {"application/json": {"schema": reference(schema)}}}


def responses(schema: str, *errors: int, **others: Schema) -> Schema:
    """Return the responses of a route: its document, its errors, and `others` by status (`_409=...`)."""
    found = {"200": response("The request succeeded.", schema)}
    found |= {str(status): response(ERRORS[status], "ErrorDocument") for status in (401, 403, *errors)}
    return found | {status.strip("_"): described for status, described in others.items()}
