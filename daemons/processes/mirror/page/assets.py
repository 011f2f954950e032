"""The files of the page that a browser loads, and the language of its texts."""

import hashlib
from http import HTTPStatus
from pathlib import Path

from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import CONTENT_TYPES, HttpError, Response, file_response

ASSETS = Path(__file__).parent / "static"
LANGUAGES = ASSETS / "languages"
DEFAULT_LANGUAGE = "en"


def send_file(name: str, request: Request) -> Response:
    """Return the response with a file of the page."""
    return file_response(ASSETS / name, request.headers.get("if-none-match", ""))


def send_asset(request: Request) -> Response:
    """Return the response with the file that a path names; raises HttpError if there is none."""
    folder = LANGUAGES if request.path.startswith("/page/languages/") else ASSETS
    name = request.names["name"]
    if name not in {path.name for path in folder.iterdir() if path.is_file()}:
        raise HttpError(HTTPStatus.NOT_FOUND, f"the page has no file {name!r}")
    return file_response(folder / name, request.headers.get("if-none-match", ""))


def send_page(name: str, locale: str, request: Request) -> Response:
    """Return the response with an HTML page that names the language of a locale."""
    content = (ASSETS / name).read_bytes()
    content = content.replace(b'lang="en"', f'lang="{find_language(locale)}"'.encode(), 1)
    headers = {"ETag": f'"{hashlib.sha256(content).hexdigest()[:32]}"'}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    headers["Content-Type"] = CONTENT_TYPES[".html"]
    return Response(headers=headers, body=content)


def find_language(locale: str) -> str:
    """Return the language of the page for a locale such as "de-AT": its own, that of "de", or English."""
    available = {path.stem for path in LANGUAGES.glob("*.json")}
    parts = locale.split("-")
    candidates = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((tag for tag in candidates if tag in available), DEFAULT_LANGUAGE)
