"""The files of the page: their language, their version, and how a browser may keep them."""

import gzip
import re

import pytest

from daemons.processes.mirror.page import bundle
from daemons.processes.mirror.page.assets import accepts_gzip, find_language
from daemons.processes.mirror.page.bundle import Bundle, compress
from tests.support.page_client import http_request


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de-AT", "de"), ("de", "de"), ("pt-BR", "pt-BR"), ("pt-PT", "en"), ("en-GB", "en"), ("../de", "en")],
)
def test_the_language_is_the_nearest_to_the_locale(locale: str, language: str) -> None:
    """A region's own file comes first, then the language without its region, then English."""
    files = {f"{name}.json": compress("x.json", "{}") for name in ("en", "de", "pt-BR")}
    assert find_language(locale, Bundle("1", files)) == language


@pytest.mark.parametrize(
    ("header", "accepts"),
    [("gzip, deflate", True), ("br;q=1.0, GZIP;q=0.5", True), ("*", True), ("", False), ("gzip;q=0", False)],
)
def test_a_client_says_whether_it_accepts_gzip(header: str, accepts: bool) -> None:
    """As RFC 9110 has it: a quality of zero is a refusal."""
    assert accepts_gzip(header) is accepts


def bundled_paths(url: str, path: str = "/") -> list[str]:
    """Return the paths of the bundle that the page names."""
    body = http_request(url, path).body
    return [found.decode() for found in re.findall(rb'(?:src|href)="(/page/\w+/[^"]+)"', body)]


def test_a_browser_keeps_a_file_of_the_bundle_for_ever(url: str) -> None:
    """Its path has its version. The page itself has none, so a browser asks for it each time."""
    paths = bundled_paths(url)
    assert sorted(path.rpartition(".")[2] for path in paths) == ["css", "js", "json"]
    for path in paths:
        assert "immutable" in http_request(url, path).headers["Cache-Control"]
    assert http_request(url, "/").headers["Cache-Control"] == "no-cache"


def test_a_file_of_another_version_is_not_found(url: str) -> None:
    """A browser would keep the wrong content for a year."""
    assert http_request(url, "/page/0123456789abcdef/app.js").status == 404
    version = bundled_paths(url)[0].split("/")[2]
    assert http_request(url, f"/page/{version}/../../mirror.py").status in (403, 404)
    assert http_request(url, f"/page/{version}/index.html").status == 404


def test_the_bundle_is_compressed_for_a_client_that_accepts_it(url: str) -> None:
    """Both forms have the same content."""
    path = bundled_paths(url)[0]
    plain = http_request(url, path)
    packed = http_request(url, path, Accept_Encoding="gzip")
    assert packed.headers["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in plain.headers
    assert gzip.decompress(packed.body) == plain.body
    assert len(packed.body) < len(plain.body) / 2


def test_the_address_can_name_the_language(url: str) -> None:
    """The document and its texts are in that language; an unknown one is English."""
    body = http_request(url, "/?lang=de-CH").body
    assert b'<html lang="de"' in body
    texts = next(path for path in bundled_paths(url, "/?lang=de-CH") if path.endswith(".json"))
    assert http_request(url, texts).json["name"] == "Deutsch"
    assert b'<html lang="en"' in http_request(url, "/?lang=xx").body


def test_the_service_worker_keeps_files_that_exist(url: str) -> None:
    """It names the present version, so that a new version is a new script."""
    script = http_request(url, "/service_worker.js")
    assert script.headers.get_content_type() == "text/javascript"
    assert f'version = "{bundle.current().version}"'.encode() in script.body
    icons = re.findall(rb'"(/page/[\w.-]+)"', script.body)
    assert len(icons) == 3
    for path in icons:
        assert http_request(url, path.decode()).status == 200
