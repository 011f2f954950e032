"""Sends the files that a browser loads: the page in a language, its bundle, and all other files."""

from http import HTTPStatus

from daemons.processes.mirror.page import bundle
from daemons.processes.mirror.page.bundle import DEFAULT_LANGUAGE, STATIC, Bundle, File
from daemons.processes.mirror.page.request import Request
from daemons.processes.mirror.page.responses import (
    CONTENT_TYPES,
    HttpError,
    Response,
    file_response,
)

FOR_EVER = "public, max-age=31536000, immutable"
"""How a browser keeps a file whose path has its version."""


def send_document(name: str, locale: str, request: Request) -> Response:
    """Return the response with a document, in the language that the address names, or in that of a locale."""
    files = bundle.current()
    wanted = request.query.get("lang", [locale])[0]
    return send_bundled(files, f"{find_language(wanted, files)}.{name}", request)


def read_document(name: str, locale: str) -> bytes:
    """Return a document in the language of a locale."""
    files = bundle.current()
    return files.files[f"{find_language(locale, files)}.{name}"].content


def send_bundle(request: Request) -> Response:
    """Return the response with a file of the bundle; raises HttpError if there is no such file or version."""
    files = bundle.current()
    name, version = request.names["name"], request.names["version"]
    if version != files.version or name not in files.files:
        raise HttpError(HTTPStatus.NOT_FOUND, f"this version of the page has no file {name!r}")
    response = send_bundled(files, name, request)
    response.headers["Cache-Control"] = FOR_EVER
    return response


def send_bundled(files: Bundle, name: str, request: Request) -> Response:
    """Return the response with a file of the bundle, compressed if the client accepts that."""
    headers = {"ETag": f'"{files.version}-{name}"', "Vary": "Accept-Encoding"}
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status=HTTPStatus.NOT_MODIFIED, headers=headers)
    found: File = files.files[name]
    headers["Content-Type"] = found.content_type
    if not accepts_gzip(request.headers.get("accept-encoding", "")):
        return Response(headers=headers, body=found.content)
    headers["Content-Encoding"] = "gzip"
    return Response(headers=headers, body=found.compressed)


def send_service_worker(locale: str) -> Response:
    """Return the response with the service worker, which keeps this version of the page in the browser."""
    files = bundle.current()
    language = find_language(locale, files)
    script = (STATIC / "service_worker.js").read_text()
    script = script.replace('"VERSION"', f'"{files.version}"').replace('"LANGUAGE"', f'"{language}"')
    return Response(headers={"Content-Type": CONTENT_TYPES[".js"]}, body=script.encode())


def send_asset(request: Request) -> Response:
    """Return the response with a file that is no part of the bundle; raises HttpError if there is none."""
    name = request.names["name"]
    if name not in {path.name for path in STATIC.iterdir() if path.suffix in CONTENT_TYPES}:
        raise HttpError(HTTPStatus.NOT_FOUND, f"the page has no file {name!r}")
    return send_file(name, request)


def send_file(name: str, request: Request) -> Response:
    """Return the response with a file of the folder."""
    return file_response(STATIC / name, request.headers.get("if-none-match", ""))


def accepts_gzip(header: str) -> bool:
    """Return whether an Accept-Encoding header allows gzip (RFC 9110)."""
    for part in header.lower().split(","):
        coding, _, quality = part.partition(";")
        if coding.strip() in ("gzip", "*"):
            return quality.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def find_language(locale: str, files: Bundle) -> str:
    """Return the language of the page for a locale such as "de-AT": its own, that of "de", or English."""
    parts = locale.split("-")
    candidates = ["-".join(parts[:length]) for length in range(len(parts), 0, -1)]
    return next((tag for tag in candidates if f"{tag}.json" in files.files), DEFAULT_LANGUAGE)
