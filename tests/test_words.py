"""The language of the code: how docstrings open, and which words for persons are not allowed."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parent.parent
FOLDERS = ("daemons", "tests", "bench", "docs")
FILES = sorted(path.relative_to(PROJECT) for folder in FOLDERS for path in (PROJECT / folder).rglob("*.py"))
PAGES = sorted(
    path.relative_to(PROJECT) for path in (*PROJECT.glob("*.md"), *(PROJECT / "docs").glob("*.md"))
)
FORBIDDEN_OPENINGS = {"Give", "Say", "Tell", "Take", "Have", "Let", "Be"}
MAY_OPEN = re.compile(rf"""["']\W*({"|".join(FORBIDDEN_OPENINGS)})\b""")
PERSONS = re.compile(r"\b(whoever|whom|nobody|somebody)\b", re.IGNORECASE)
"""Words for persons: processes, clients and messages are not persons."""


def docstrings(text: str) -> Iterator[tuple[int, str]]:
    """Yield the line and the text of each docstring in the source of a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found = ast.get_docstring(node)
            if found:
                yield getattr(node, "lineno", 1), found


def test_docstrings_open_as_in_pep_257() -> None:
    """A docstring opens with an imperative such as Return or Send, and never with Give or Take."""
    found = []
    for file in FILES:
        source = (PROJECT / file).read_text()
        if not MAY_OPEN.search(source):
            continue  # most files need not be parsed
        for line, text in docstrings(source):
            opening = re.match(r"\W*(\w*)", text)
            if opening and opening[1] in FORBIDDEN_OPENINGS:
                found.append(f"{file}:{line}: {text.splitlines()[0]}")
    assert found == []


def test_no_text_uses_words_for_persons() -> None:
    """Processes, clients and messages are not described as persons."""
    quoting = {Path("tests/test_words.py"), Path("CONTRIBUTING.md")}
    found = [
        f"{file}:{number}: {line.strip()}"
        for file in {*FILES, *PAGES} - quoting
        for number, line in enumerate((PROJECT / file).read_text().splitlines(), 1)
        if PERSONS.search(line)
    ]
    assert sorted(found) == []


def test_the_docstrings_are_found() -> None:
    """The docstrings of a module, a class, a function and a coroutine are all found."""
    text = (
        '"""A."""\nclass B:\n    """B."""\n    def c(self):\n        """C."""\nasync def d():\n    """D."""\n'
    )
    assert [found for _, found in docstrings(text)] == ["A.", "B.", "D.", "C."]
    assert PERSONS.search("Whoever asks")
