"""The checks that several routes share: a visible device, a right, a JSON body, a number in the query."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TypeVar

import msgspec

from daemons.processes.mirror.page import PageContext
from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import HttpError, reject
from daemons.processes.mirror.page.view import View, view_of

T = TypeVar("T")
MOST_DIGITS = 6
ReadBody = Callable[[Request, int], Awaitable[bytes]]
"""Reads the body of a request, up to so many bytes, and checks the access once more."""


class Gate:
    """Checks requests by the rights of their accounts; each check raises HttpError."""

    def __init__(self, context: PageContext, read_body: ReadBody) -> None:
        self.context = context
        self._read_body = read_body

    def view(self, request: Request) -> View:
        """Return what the account of a request is shown."""
        return view_of(self.context, request.account)

    def check_visible(self, request: Request, name: str) -> None:
        """Refuse a process that the account may not see, also one that does not exist."""
        if not self.view(request).is_visible(name):
            raise forbidden(request, f"may not see {name[:60]!r}")

    def visible_device(self, request: Request) -> str:
        """Return the device in the path; the account must see it."""
        self.check_visible(request, request.names["name"])
        return self.device(request)

    def device(self, request: Request) -> str:
        """Return the device in the path."""
        name = request.names["name"]
        if name not in self.context.peers:
            raise HttpError(HTTPStatus.NOT_FOUND, f"there is no device {name!r}")
        return name

    def process(self, request: Request) -> str:
        """Return the device or the service in the path; the account must see it."""
        name = request.names["name"]
        self.check_visible(request, name)
        if name not in self.context.peers and name not in self.context.services:
            raise HttpError(HTTPStatus.NOT_FOUND, f"there is no process {name!r}")
        return name

    def check_manages(self, request: Request) -> None:
        """Refuse an account without the right to manage processes."""
        if not request.account.rights.manages:
            raise forbidden(request, "may not manage processes; `house token make NAME --manage` allows it")

    def check_edits(self, request: Request) -> None:
        """Refuse an account that may not edit."""
        if refusal := request.account.edit_refusal(is_editing_on=self.context.options.edit):
            raise HttpError(HTTPStatus.FORBIDDEN, refusal.reason)

    async def read_json(self, request: Request, type_: type[T], most_bytes: int) -> T:
        """Return the body of a request as a document of a type."""
        body = await self._read_body(request, most_bytes)
        if request.content_type != "application/json":
            raise HttpError(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "the body must be application/json")
        try:
            return msgspec.json.decode(body, type=type_)
        except (msgspec.MsgspecError, RecursionError, UnicodeError) as error:
            reject(error)


def check_parameters(request: Request, *allowed: str) -> None:
    """Refuse a request with a parameter that its route does not have."""
    if unknown := request.query.keys() - {*allowed}:
        raise HttpError(HTTPStatus.BAD_REQUEST, f"unknown parameter {min(unknown)!r}")


def number(request: Request, key: str, default: int, allowed: range) -> int:
    """Return a whole number in the query."""
    text = request.query.get(key, [str(default)])[0]
    is_number = text.isascii() and text.isdecimal() and len(text) <= MOST_DIGITS
    if not is_number or int(text) not in allowed:
        reason = f"{key} must be a whole number from {allowed[0]} to {allowed[-1]}"
        raise HttpError(HTTPStatus.BAD_REQUEST, reason)
    return int(text)


def forbidden(request: Request, reason: str) -> HttpError:
    """Return the error for a request that the rights of its account do not allow.

    An unknown device has the same error as one that the account may not see.
    """
    return HttpError(HTTPStatus.FORBIDDEN, f"{request.account.name} {reason}")
