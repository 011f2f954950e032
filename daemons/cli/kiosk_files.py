"""The files that start `house kiosk` at log-in: an XDG autostart entry, and a line for labwc."""

import json
import shlex
import shutil
from pathlib import Path

from daemons.storage.paths import describe
from daemons.supervision.systemd import config_home, delete_file, write_public_file

MARK = "  # written by house install --kiosk for "
"""Ends the line of House in the autostart file of labwc; the run directory follows, as JSON."""
ENTRY = """\
[Desktop Entry]
Type=Application
Name=House
Comment=Shows the page of the house in full screen
Exec={command}
Terminal=false
X-GNOME-Autostart-enabled=true
X-HouseRun={run}
"""


def desktop_path() -> Path:
    """Return the path of the autostart entry, which most desktops start."""
    return config_home() / "autostart" / "house-kiosk.desktop"


def labwc_path() -> Path:
    """Return the path of the autostart file of labwc, which starts no autostart entries by itself."""
    return config_home() / "labwc" / "autostart"


def render(program: tuple[str, ...], config: Path, run: Path) -> dict[Path, str]:
    """Return the text of each file. Both may start the kiosk: the second one ends at once."""
    words = [*program, "--config", str(config), "--run", str(run), "kiosk"]
    mark = json.dumps(str(run))
    files = {desktop_path(): ENTRY.format(command=" ".join(map(quote, words)), run=mark)}
    path = labwc_path()
    if shutil.which("labwc") or path.exists():
        kept = [line for line in read_lines(path) if MARK not in line]
        files[path] = "".join(f"{line}\n" for line in [*kept, f"{shlex.join(words)} &{MARK}{mark}"])
    return files


def write(files: dict[Path, str]) -> None:
    """Write the files; a file that exists keeps its permissions."""
    for path, text in files.items():
        mode = path.stat().st_mode & 0o777 if path.exists() else 0o644
        write_public_file(path, text.encode(), mode)


def remove(run: Path) -> list[Path]:
    """Remove what starts the kiosk of a house; return the files that were changed."""
    changed, mark = [], json.dumps(str(run))
    entry = desktop_path()
    if f"X-HouseRun={mark}" in read_lines(entry):
        delete_file(entry)
        changed.append(entry)
    path = labwc_path()
    lines = read_lines(path)
    kept = [line for line in lines if not line.endswith(f"{MARK}{mark}")]
    if kept != lines:
        changed.append(path)
        if kept:
            write({path: "".join(f"{line}\n" for line in kept)})
        else:
            delete_file(path)
    return changed


def read_lines(path: Path) -> list[str]:
    """Return the lines of a text file; none if it is missing. Raises StorageError."""
    try:
        return path.read_text().splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        from daemons.errors import StorageError

        raise StorageError(describe(error, f"{path} cannot be read")) from error


def quote(word: str) -> str:
    """Return one word of the key Exec (Desktop Entry Specification): quoted, then escaped as a string."""
    quoted = "".join(f"\\{character}" if character in '"`$\\' else character for character in word)
    return f'"{quoted}"'.replace("\\", "\\\\").replace("%", "%%")
