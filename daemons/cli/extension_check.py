"""Checks the code of extensions in a child process with a time limit, before this process loads it.

usage: python -m daemons.cli.extension_check CONFIGURATION HOST

The child loads each extension and checks the whole configuration. What it finds wrong, the caller finds again
and reports. The caller only needs to know that the code comes back: an import that never ends, or that
ends the process, must not take `house check` with it.
"""

import resource
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from daemons.config import loader
from daemons.config.files import Files, read_files
from daemons.config.house import add_extensions, extensions_used, make_house
from daemons.errors import HouseError
from daemons.values import printable

LIMIT_SECONDS = 20
"""How long the check may take, all extensions together."""
MAX_REASON = 300


def check_in_child(files: Files, host: str | None) -> None:
    """Check the extensions of a configuration; raises HouseError if their code does not come back."""
    add_extensions(files)
    if not extensions_used(files):
        return
    command = [sys.executable, "-P", "-m", __name__, str(files.main.path), host or ""]
    child = subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        said, complaint = child.communicate(timeout=LIMIT_SECONDS)
        why = f"ended the process with the exit status {child.returncode}"
    except subprocess.TimeoutExpired:
        child.kill()
        said, complaint = child.communicate()
        why = f"has not come back within {LIMIT_SECONDS} s"
    if said.endswith("\nchecked\n"):
        return
    culprit = said.split("\n")[-2] if "\n" in said else "it"
    last = complaint.strip().rpartition("\n")[2]
    more = f": {printable(last)[:MAX_REASON]}" if last else ""
    raise HouseError(f"{culprit}: its code {why}{more}; nothing was changed")


def main(config: str, host: str) -> None:
    """Load the extensions of a configuration, name each before, and check the configuration."""
    resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_SECONDS, LIMIT_SECONDS))
    files = read_files(Path(config))
    add_extensions(files)
    for extension in extensions_used(files):
        print(f"\n{extension.origin}", flush=True)  # noqa: T201
        with suppress(HouseError):  # the caller finds it, too
            loader.kind(extension.word) if extension.folder == "kinds" else loader.driver(extension.word)
    with suppress(HouseError):
        make_house(files, host or None).slices()
    print("\nchecked", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(*sys.argv[1:])
