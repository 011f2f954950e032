"""The bundle of the page: its scripts, its styles and its texts, each as one compressed file.

The path of each file has the version of the whole bundle, so a browser keeps it for ever. The version is a
hash of the files in static/. Each script there and in its folders is a module with imports of the form
`import { a } from "../b.js";`. In the bundle, each module is a function that runs when it is first needed.
"""

import gzip
import hashlib
import json
import posixpath
import re
from functools import lru_cache
from html import escape
from pathlib import Path
from typing import Any

from msgspec import Struct

STATIC = Path(__file__).parent / "static"
DEFAULT_LANGUAGE = "en"
MAIN = "main.js"
FIRST_STYLE = "mirror.css"
OTHER_PAGES = frozenset({"login.js", "login.css", "seen.css", "service_worker.js"})
"""The scripts and styles that are no part of the page: the sign-in form has them, for example."""
DOCUMENTS = ("index.html", "login.html", "seen.html")
RIGHT_TO_LEFT = "ar-XB"
"""A language for tests, made from the English texts: it runs from right to left, and marks each text."""

COMMENTS = re.compile(r"^[ \t]*(?:/\*(?:[^*]|\*(?!/))*\*/[ \t]*|//[^\n]*)\n", re.MULTILINE)
IMPORT = re.compile(r'^import (?:\{([^}]*)\} from )?"([\w./]+)";\n', re.MULTILINE)
LATE_IMPORT = re.compile(r'\bimport\("([\w./]+)"\)')
EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
LEFT_OVER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
TEXT = re.compile(r'(<[^>]* data-text="([\w.]+)"[^>]*>)[^<]*')
"""An element of a document whose content is a text."""
LOADER = """const $modules = {}, $loaded = {};
const $load = (name) => {
  if (!$loaded[name]) $modules[name](($loaded[name] = {}));
  return $loaded[name];
};
"""


class File(Struct, frozen=True):
    """One file of the bundle."""

    content_type: str
    compressed: bytes
    """Its content, compressed by gzip."""

    @property
    def content(self) -> bytes:
        """Return its content."""
        return gzip.decompress(self.compressed)


class Bundle(Struct, frozen=True):
    """The files of one version by name: `app.js`, `app.css`, and of each language its texts and documents."""

    version: str
    files: dict[str, File]


def current(folder: Path = STATIC) -> Bundle:
    """Return the bundle of the files as they are now; it is made anew only if one has changed."""
    found = sorted(folder.rglob("*"))
    return make(folder, tuple((str(path), path.stat().st_mtime_ns) for path in found if path.is_file()))


@lru_cache(maxsize=1)
def make(folder: Path, stamps: tuple[tuple[str, int], ...]) -> Bundle:  # noqa: ARG001  the key of the cache
    """Return the bundle; raises ValueError for a script whose imports or exports have another form."""
    scripts = read_all(folder, "*.js")
    styles = read_all(folder, "*.css")
    app = {
        "app.js": join_scripts({name: text for name, text in scripts.items() if name not in OTHER_PAGES}),
        "app.css": join_styles({name: text for name, text in styles.items() if name not in OTHER_PAGES}),
    }
    for language, texts in read_languages(folder).items():
        app[f"{language}.json"] = json.dumps(texts, ensure_ascii=False, separators=(",", ":"))
    documents = {name: (folder / name).read_text() for name in DOCUMENTS if (folder / name).exists()}
    worker = scripts.get("service_worker.js", "")
    whole = json.dumps([app, documents, worker], sort_keys=True)
    version = hashlib.sha256(whole.encode()).hexdigest()[:16]
    for language, texts in read_languages(folder).items():
        for name, text in documents.items():
            app[f"{language}.{name}"] = make_document(text, version, language, texts)
    return Bundle(version, {name: compress(name, text) for name, text in app.items()})


def read_all(folder: Path, pattern: str) -> dict[str, str]:
    """Return the text of each file, by its path in the folder."""
    return {path.relative_to(folder).as_posix(): path.read_text() for path in sorted(folder.rglob(pattern))}


TYPES = {".js": "text/javascript", ".css": "text/css", ".json": "application/json", ".html": "text/html"}


def compress(name: str, text: str) -> File:
    """Return a file of the bundle."""
    content_type = f"{TYPES[Path(name).suffix]}; charset=utf-8"
    return File(content_type, gzip.compress(text.encode(), mtime=0))


def join_scripts(scripts: dict[str, str]) -> str:
    """Return all modules as one script, which starts with `main.js`."""
    modules = [module(name, scripts) for name in scripts]
    return f'{LOADER}{"".join(modules)}$load("{MAIN}");\n'


def module(name: str, scripts: dict[str, str]) -> str:
    """Return a module as a function; raises ValueError for an import or export that has another form."""

    def find_script(target: str) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), target))
        if not target.startswith(("./", "../")) or path not in scripts:
            raise ValueError(f'{name}: "{target}" is no script of the page')
        return path

    def load(found: re.Match[str]) -> str:
        names = f"const {{{found[1].replace(' as ', ': ')}}} = " if found[1] else ""
        return f'{names}$load("{find_script(found[2])}");\n'

    text = COMMENTS.sub("", scripts[name])
    exported = ", ".join(found[1] for found in EXPORT.findall(text))
    text = IMPORT.sub(load, text)
    text = LATE_IMPORT.sub(lambda found: f'Promise.resolve($load("{find_script(found[1])}"))', text)
    text = EXPORT.sub(r"\1", text)
    if left := LEFT_OVER.search(text):
        raise ValueError(f'{name}: the bundle does not know this form: "{left[0]}"')
    return f'$modules["{name}"] = ($exports) => {{\n{text}Object.assign($exports, {{ {exported} }});\n}};\n'


def join_styles(styles: dict[str, str]) -> str:
    """Return all styles as one, the general ones first."""
    names = sorted(styles, key=lambda name: (name != FIRST_STYLE, name))
    return "".join(COMMENTS.sub("", styles[name]) for name in names)


def read_languages(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the texts of each language; a text that one lacks is the English one."""
    found = {
        path.stem: json.loads(path.read_text()) for path in sorted((folder / "languages").glob("*.json"))
    }
    english = found[DEFAULT_LANGUAGE]
    complete = {language: merge(english, texts) for language, texts in found.items()}
    return complete | {RIGHT_TO_LEFT: marked(english) | {"direction": "rtl"}}


def marked(texts: Any) -> Any:
    """Return a tree of texts with a mark around each of them: an unmarked text on the page has no key."""
    if isinstance(texts, str):
        return f"\u2067⟦{texts}⟧\u2069"
    return {key: marked(text) for key, text in texts.items()}


def merge(texts: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Return a tree of texts in which those of `over` take the place of others."""
    merged = texts | over
    for key in texts.keys() & over.keys():
        if isinstance(texts[key], dict) and isinstance(over[key], dict):
            merged[key] = merge(texts[key], over[key])
    return merged


def make_document(document: str, version: str, language: str, texts: dict[str, Any]) -> str:
    """Return the HTML document of a language, which names the files of this version."""

    def fill(found: re.Match[str]) -> str:
        return f"{found[1]}{escape(find(texts, found[2]))}"

    start = f'<html lang="{language}" dir="{texts["direction"]}"'
    document = TEXT.sub(fill, document)
    return (
        document.replace('<html lang="en"', start, 1)
        .replace("/page/app.", f"/page/{version}/app.")
        .replace("/page/texts.json", f"/page/{version}/{language}.json")
    )


def find(texts: dict[str, Any], key: str) -> str:
    """Return the text of a key such as "login.title"."""
    section, _, name = key.partition(".")
    return str(texts[section][name])
