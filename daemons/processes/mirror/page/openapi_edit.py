"""The part of the OpenAPI description that is about accounts, rules, logs, processes and edits."""

from typing import Any

from daemons.config.explained import WhyDocument
from daemons.editing.documents import (
    CheckDocument,
    EditableDocument,
    JobDocument,
    JobsDocument,
    PlanDocument,
    StoriesDocument,
    TextDocument,
)
from daemons.editing.requests import ApplyBody, EditBody, FormBody, ReplayBody
from daemons.processes.mirror.page.log_routes import LINES, MAX_CURSOR_LENGTH
from daemons.processes.mirror.page.log_routes import WAIT_SECONDS as LOG_WAIT_SECONDS
from daemons.processes.mirror.page.openapi_parts import Schema, reference, response, responses
from daemons.processes.mirror.page.schemas import AccountDocument, LogDocument, RulesDocument

TYPES: tuple[Any, ...] = (
    AccountDocument,
    RulesDocument,
    WhyDocument,
    LogDocument,
    EditableDocument,
    TextDocument,
    CheckDocument,
    PlanDocument,
    StoriesDocument,
    JobDocument,
    JobsDocument,
    EditBody,
    FormBody,
    ReplayBody,
    ApplyBody,
)
CONFLICT = response("This is not possible now, or the file has changed; the reason says it.", "ErrorDocument")
INVALID = response("The edited text has a problem; the reason has all of them.", "ErrorDocument")
BEGUN = response("The job has begun.", "JobDocument")


def edit_paths(devices: list[str], processes: list[str]) -> Schema:
    """Return the description of these routes, for these devices and processes."""
    name = {"name": "name", "in": "path", "required": True, "schema": {"enum": devices}}
    process = {"name": "name", "in": "path", "required": True, "schema": {"enum": processes}}
    action = {
        "name": "action",
        "in": "path",
        "required": True,
        "schema": {"enum": ["restart", "stop", "start"]},
    }
    job = {
        "name": "id",
        "in": "path",
        "required": True,
        "schema": {"type": "string", "pattern": "^[0-9a-f]{16}$"},
    }
    wait = query("wait", {"type": "integer", "minimum": 0, "maximum": LOG_WAIT_SECONDS[-1]})
    job_answers = responses("JobDocument", 404, 429, 503, _409=CONFLICT, _202=BEGUN)
    del job_answers["200"]
    return {
        "/api/account": {
            "get": {"summary": "Read what the account may do", "responses": responses("AccountDocument")}
        },
        "/api/rules/{name}": {
            "get": {
                "summary": "List the rules of a device",
                "parameters": [name],
                "responses": responses("RulesDocument", 404, 503),
            }
        },
        "/api/logs/{name}": {
            "get": {
                "summary": "Read the log of a process",
                "parameters": [
                    process,
                    query("lines", {"type": "integer", "minimum": LINES[0], "maximum": LINES[-1]}),
                    query("after", {"type": "string", "maxLength": MAX_CURSOR_LENGTH}),
                    wait,
                ],
                "responses": responses("LogDocument", 400, 404, 429, _409=CONFLICT),
            }
        },
        "/api/processes/{name}/{action}": {
            "post": {
                "summary": "Restart, stop or start a process",
                "parameters": [process, action],
                "responses": job_answers,
            }
        },
        "/api/jobs": {"get": {"summary": "List the latest jobs", "responses": responses("JobsDocument")}},
        "/api/jobs/{id}": {
            "get": {
                "summary": "Read a job",
                "parameters": [job, wait],
                "responses": responses("JobDocument", 400, 404),
            }
        },
        "/api/edit/undo": {"post": {"summary": "Undo the last edit", "responses": job_answers}},
        "/api/edit/{name}": {
            "get": {
                "summary": "Read the table of a device",
                "parameters": [name],
                "responses": responses("EditableDocument", 404, 503, _409=CONFLICT),
            }
        },
        "/api/edit/{name}/form": post(name, "Change values by a form", "FormBody", "TextDocument"),
        "/api/edit/{name}/check": post(name, "Check an edited text", "EditBody", "CheckDocument"),
        "/api/edit/{name}/plan": post(name, "Show what an edit would do", "EditBody", "PlanDocument"),
        "/api/edit/{name}/stories": post(name, "Play the stories", "EditBody", "StoriesDocument"),
        "/api/edit/{name}/replay": post(name, "Play the past with an edit", "ReplayBody", None),
        "/api/edit/{name}/apply": post(name, "Apply an edit", "ApplyBody", "JobDocument", is_job=True),
    }


def in_path(name: str, schema: Schema) -> Schema:
    """Return the description of a part of the path."""
    return {"name": name, "in": "path", "required": True, "schema": schema}


def query(name: str, schema: Schema) -> Schema:
    """Return the description of a parameter in the query."""
    return {"name": name, "in": "query", "schema": schema}


def post(name: Schema, summary: str, body: str, document: str | None, *, is_job: bool = False) -> Schema:
    """Return the description of a request with an edited text; without a document, any object answers it."""
    found = responses(document or "ErrorDocument", 400, 404, 413, 415, 429, 503, _409=CONFLICT, _422=INVALID)
    if is_job:
        found["202"] = BEGUN
        del found["200"]
    if document is None:
        schema = {"type": "object"}
        found["200"] = {
            "description": "What `house plan --replay --json` prints.",
            "content": {"application/json": {"schema": schema}},
        }
    content = {"application/json": {"schema": reference(body)}}
    return {
        "post": {
            "summary": summary,
            "parameters": [name],
            "requestBody": {"required": True, "content": content},
            "responses": found,
        }
    }
