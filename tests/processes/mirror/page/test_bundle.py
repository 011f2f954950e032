"""The bundle of the page's scripts, styles and texts."""

import json
import subprocess
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable

from daemons.processes.mirror.page import bundle


def make_folder(folder: Path, **files: str) -> Path:
    """Write a small page: each keyword is a file; `_` is the dot before its suffix, and `__` a slash."""
    (folder / "languages").mkdir()
    texts = {"direction": "ltr", "card": {"on": "On", "off": "Off"}}
    (folder / "languages" / "en.json").write_text(json.dumps(texts))
    german = {"direction": "ltr", "card": {"on": "An"}}
    (folder / "languages" / "de.json").write_text(json.dumps(german))
    (folder / "part").mkdir()
    (folder / "index.html").write_text('<html lang="en"><script src="/page/app.js"></script>')
    for name, text in files.items():
        (folder / name.replace("__", "/").replace("_", ".")).write_text(text)
    return folder


def test_modules_run_once_and_see_what_they_import(tmp_path: Path) -> None:
    """Aliases, functions, classes and constants arrive; comments do not. A real engine runs the script."""
    folder = make_folder(
        tmp_path,
        main_js='// A comment\nimport "./fourth.js";\nimport { one as first, Two } from "./part/other.js";\n'
        'import {\n  three,\n} from "./third.js";\n'
        'console.log(first(), new Two().value, three, "https://x"); // end\n'
        'import("./third.js").then(({ three }) => console.log(three));\n',
        part__other_js='/** Text\n * with // and "./x" */\nimport { three } from "../third.js";\n'
        "export function one() {\n  return three + 1;\n}\nexport class Two {\n  value = 2;\n}\n",
        fourth_js='import "./third.js";\nconsole.log("fourth");\n',
        third_js='console.log("once");\nexport const three = 3;\n',
    )
    script = tmp_path / "app.mjs"
    script.write_bytes(bundle.current(folder).files["app.js"].content)
    node, _ = compute_driver_executable()
    done = subprocess.run([node, str(script)], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["once", "fourth", "4 2 3 https://x", "3"]
    assert "comment" not in script.read_text()


@pytest.mark.parametrize("line", ["export let x = 1;", 'import x from "./x.js";', "export { x };"])
def test_a_form_that_the_bundle_does_not_know_is_an_error(line: str, tmp_path: Path) -> None:
    """A binding that changes, for example, would keep its first value in the other modules."""
    folder = make_folder(tmp_path, main_js=f"{line}\n")
    with pytest.raises(ValueError, match=r"main\.js: the bundle does not know this form"):
        bundle.current(folder)


@pytest.mark.parametrize("target", ["./gone.js", "part/other.js", "../other.js"])
def test_an_import_of_no_script_of_the_page_is_an_error(target: str, tmp_path: Path) -> None:
    """The page would stop in the browser of a person."""
    folder = make_folder(tmp_path, main_js=f'import {{ x }} from "{target}";\n', part__other_js="")
    with pytest.raises(ValueError, match=r"main\.js: .* is no script of the page"):
        bundle.current(folder)


def test_a_missing_text_is_the_english_one(tmp_path: Path) -> None:
    """A language that is not complete still shows each text."""
    files = bundle.current(make_folder(tmp_path, main_js="")).files
    assert json.loads(files["de.json"].content)["card"] == {"on": "An", "off": "Off"}


def test_a_change_of_any_file_is_a_new_version(tmp_path: Path) -> None:
    """The same files make the same version, so that a restart of the mirror changes nothing."""
    folder = make_folder(tmp_path, main_js="let a = 1;\n", mirror_css="a {}\n")
    first = bundle.current(folder)
    assert bundle.current(folder).version == first.version
    for name in ("main.js", "mirror.css", "index.html", "languages/de.json"):
        before = bundle.current(folder).version
        text = (folder / name).read_text()
        (folder / name).write_text(
            text.replace("a", "b") if "json" not in name else text.replace("An", "Ein")
        )
        assert bundle.current(folder).version != before, name


def test_the_styles_begin_with_the_general_ones(tmp_path: Path) -> None:
    """Those of the single views can change what the general ones say."""
    folder = make_folder(tmp_path, main_js="", a_css="a {}\n", mirror_css="m {}\n", login_css="l {}\n")
    assert bundle.current(folder).files["app.css"].content == b"m {}\na {}\n"
