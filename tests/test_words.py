"""The language of the code: how docstrings open, and which words for persons are not allowed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

PROJECT = Path(__file__).parent.parent
FOLDERS = ("daemons", "tests", "bench", "docs")
FILES = sorted(path.relative_to(PROJECT) for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py"))
PAGES = sorted(
    path.relative_to(PROJECT) for path in (*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"))
)
FORBIDDEN_OPENINGS = {"Give", "Say", "Tell", "Take", "Have", "Let", "Be"}
PERSONS = re.compile(r"\b(whoever|whom|nobody|somebody)\b", re.IGNORECASE)
"""Words for persons: processes, clients and messages are not persons."""


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring in the source of a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found = ast.get_docstring(node)
            if found:
                yield getattr(node, "lineno", 1), found


@pytest.mark.parametrize("file", FILES, ids=str)
def test_docstrings_open_as_in_pep_257(file: Path) -> None:
    """A docstring opens with an imperative such as Return or Send, and never with Give or Take."""
    for line, text in docstrings((PROJECT / file).read_text()):
        first = re.match(r"\W*(\w*)", text)
        assert first is not None
        assert first[1] not in FORBIDDEN_OPENINGS, f"{file}:{line}: {text.splitlines()[0]}"


@pytest.mark.parametrize("file", [*FILES, *PAGES], ids=str)
def test_no_text_uses_words_for_persons(file: Path) -> None:
    """Processes, clients and messages are not described as persons."""
    if file == Path("tests/test_words.py") or file == Path("CONTRIBUTING.md"):
        return  # these files quote the words
    for number, line in enumerate((PROJECT / file).read_text().splitlines(), 1):
        assert not PERSONS.search(line), f"{file}:{number}: {line.strip()}"


def test_the_docstrings_are_found() -> None:
    """The docstrings of a module, a class, a function and a coroutine are all found."""
    text = (
        '"""A."""\nclass B:\n    """B."""\n    def c(self):\n        """C."""\nasync def d():\n    """D."""\n'
    )
    assert [found for _, found in docstrings(text)] == ["A.", "B.", "D.", "C."]
    assert PERSONS.search("Whoever asks")
