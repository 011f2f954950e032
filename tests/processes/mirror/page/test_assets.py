"""The language that a browser is told."""

import re
from pathlib import Path

import pytest

from daemons.processes.mirror.page import assets
from daemons.processes.mirror.page.assets import find_language
from tests.support.page_client import http_request


@pytest.mark.parametrize(
    ("locale", "language"),
    [("de-AT", "de"), ("de", "de"), ("pt-BR", "pt-BR"), ("pt-PT", "en"), ("en-GB", "en"), ("xx-YY", "en")],
)
def test_the_language_is_the_nearest_to_the_locale(
    locale: str, language: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A region's own file comes first, then the language without its region, then English."""
    for name in ("en", "de", "pt-BR"):
        (tmp_path / f"{name}.json").touch()
    monkeypatch.setattr(assets, "LANGUAGES", tmp_path)
    assert find_language(locale) == language


def test_the_texts_of_the_page_are_served_as_json(url: str) -> None:
    """The document names its language, and the texts of it are a file."""
    language = re.search(rb'<html lang="(\w+)"', http_request(url, "/").body)
    assert language
    answer = http_request(url, f"/page/languages/{language[1].decode()}.json")
    assert answer.json["direction"] == "ltr"
    assert http_request(url, "/page/languages/xx.json").status == 404
