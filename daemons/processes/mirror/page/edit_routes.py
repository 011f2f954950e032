"""The routes that edit a device and manage a process. Each request is done by a program of its own."""

import asyncio
from functools import partial
from http import HTTPStatus
from typing import get_args

import msgspec
from msgspec import structs

from daemons.bus.message import STEWARD
from daemons.editing.jobs import list_jobs, read_job
from daemons.editing.requests import (
    ApplyBody,
    EditAction,
    EditBody,
    FormBody,
    JobHead,
    ProcessAction,
    ProgramRequest,
    ReplayBody,
)
from daemons.processes.mirror.page.edit_program import EditProgram
from daemons.processes.mirror.page.gate import Gate, check_parameters, number
from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import HttpError, Response, json_response
from daemons.processes.mirror.page.routes import Route
from daemons.runtime.rate_limit import TokenBuckets

MAX_BODY_BYTES = 64 * 1024
WAIT_SECONDS = range(26)
POLL_SECONDS = 0.1
"""How often the file of a job is read for a client that waits."""
TRIALS: dict[EditAction, type[EditBody]] = {
    "form": FormBody,
    "check": EditBody,
    "plan": EditBody,
    "stories": EditBody,
    "replay": ReplayBody,
}
"""What can be asked of an edit before it is applied, with the body of such a request."""


class EditRoutes:
    """Answers the requests that change a house."""

    def __init__(self, gate: Gate) -> None:
        self._gate = gate
        self._program = EditProgram()
        self._action_limit = TokenBuckets(2, 10)
        self.routes = (
            Route("POST", "/api/processes/{name}/{action}", self._manage),
            Route("GET", "/api/jobs", self._jobs),
            Route("GET", "/api/jobs/{id}", self._job),
            Route("GET", "/api/edit/{name}", self._read),
            Route("POST", "/api/edit/undo", self._undo),
            *(
                Route("POST", f"/api/edit/{{name}}/{action}", partial(self._try, action, body_type))
                for action, body_type in TRIALS.items()
            ),
            Route("POST", "/api/edit/{name}/apply", self._apply),
        )

    async def close(self) -> None:
        """End the programs that wait for a request."""
        await self._program.close()

    # Processes

    async def _manage(self, request: Request) -> Response:
        """Restart, stop or start a process."""
        self._gate.check_manages(request)
        name, action = self._gate.process(request), request.names["action"]
        if action not in get_args(ProcessAction):
            reason = f"there is no action {action[:60]!r}; allowed: {', '.join(get_args(ProcessAction))}"
            raise HttpError(HTTPStatus.NOT_FOUND, reason)
        if action == "stop" and name == self._gate.context.mirror:
            reason = f"{name} serves this page, so the page cannot stop it; `house stop {name}` does"
            raise HttpError(HTTPStatus.CONFLICT, reason)
        if action == "stop" and name == STEWARD:
            raise HttpError(HTTPStatus.CONFLICT, f"{name} watches all processes, so it cannot be stopped")
        if not self._action_limit.allow(request.remote):
            reason = "more than 2 actions a second"
            raise HttpError(HTTPStatus.TOO_MANY_REQUESTS, reason, {"Retry-After": "1"})
        words = {"restart": "restarts", "stop": "stops", "start": "starts"}
        self._gate.context.log.info("%s %s %s", request.account.who, words[action], name)
        return await self._run(request, msgspec.convert({"action": action, "name": name}, ProgramRequest))

    async def _jobs(self, request: Request) -> Response:
        """Answer with the latest jobs that the account may see."""
        found = await asyncio.to_thread(list_jobs)
        shown = [content for head, content in found if self._may_see(request, head)]
        return json_response(b'{"jobs":[' + b",".join(shown) + b"]}")

    async def _job(self, request: Request) -> Response:
        """Answer with a job, at once or when it has ended."""
        check_parameters(request, "wait")
        wait_seconds = number(request, "wait", 0, WAIT_SECONDS)
        loop = asyncio.get_running_loop()
        end = loop.time() + wait_seconds
        while True:
            found = read_job(request.names["id"]) if request.names["id"].isalnum() else None
            if found is None or not self._may_see(request, found[0]):
                raise HttpError(HTTPStatus.NOT_FOUND, "there is no such job")
            if found[0].state != "running" or loop.time() >= end or request.transport.is_closing():
                return json_response(found[1])
            await asyncio.sleep(POLL_SECONDS)

    def _may_see(self, request: Request, head: JobHead) -> bool:
        """Return whether an account could have begun a job."""
        if head.what in ("apply", "undo"):
            is_editing_on = self._gate.context.options.edit
            return request.account.edit_refusal(is_editing_on=is_editing_on) is None
        return request.account.rights.manages and self._gate.view(request).is_visible(head.name)

    # Edits

    async def _read(self, request: Request) -> Response:
        """Answer with the table of a device."""
        self._gate.check_edits(request)
        return await self._run(request, ProgramRequest(action="read", name=self._gate.device(request)))

    async def _try(self, action: EditAction, body_type: type[EditBody], request: Request) -> Response:
        """Answer with what an edit would do, or with its text; nothing happens to the house."""
        return await self._run(request, await self._edit(action, body_type, request))

    async def _apply(self, request: Request) -> Response:
        """Begin to apply the edit."""
        wanted = await self._edit("apply", ApplyBody, request)
        self._gate.context.log.info("%s applies an edit of %s", request.account.who, wanted.name)
        return await self._run(request, wanted)

    async def _undo(self, request: Request) -> Response:
        """Begin to undo the last edit."""
        self._gate.check_edits(request)
        self._gate.context.log.info("%s undoes the last edit", request.account.who)
        return await self._run(request, ProgramRequest(action="undo"))

    async def _edit(self, action: EditAction, body_type: type[EditBody], request: Request) -> ProgramRequest:
        """Return what the program is asked for, from the body of a request that edits a device."""
        self._gate.check_edits(request)
        name = self._gate.device(request)
        body = await self._gate.read_json(request, body_type, MAX_BODY_BYTES)
        self._gate.check_edits(request)  # the right may have been revoked while the body arrived
        mirror = self._gate.context.mirror
        return ProgramRequest(action=action, name=name, mirror=mirror, **structs.asdict(body))

    async def _run(self, request: Request, program_request: ProgramRequest) -> Response:
        """Return the answer of the program; a refusal becomes an ErrorDocument."""
        by = request.account.who
        found = await self._program.run(structs.replace(program_request, by=by), f"{by} {request.remote}")
        if found.status >= HTTPStatus.BAD_REQUEST:
            reason: str = msgspec.json.decode(found.content)["reason"]
            raise HttpError(found.status, reason)
        return json_response(found.content, found.status)
