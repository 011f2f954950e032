"""python -m daemons NAME: run the process of that name, as the configuration defines it."""

import os
import sys
from pathlib import Path

import setproctitle

from daemons.config import loader
from daemons.config.slice import read_slice
from daemons.errors import DeviceError, HouseError
from daemons.runtime.log import escape_standard_streams
from daemons.storage.paths import STOPPED_BY_HAND, check_owner, make_folders, stopped_path


def start(name: str) -> None:
    """Run the process of a name until it is stopped; raises SystemExit with the reason if it cannot run."""
    setproctitle.setproctitle(f"house: {name}")  # the name in `ps` and `top`
    os.umask(0o077)
    escape_standard_streams()
    try:
        os.chdir(os.environ.get("HOUSE_RUN", "run"))
        check_owner(Path())
        make_folders()
        if stopped_path(name).exists():
            print(f"{name} was stopped by hand; `house start {name}` starts it")  # noqa: T201
            sys.exit(STOPPED_BY_HAND)
        slice_ = read_slice(name)
        slice_.add_extensions()
        kind = slice_.table.get("kind")
        loader.run_function(loader.kind(kind).role if kind else name)(slice_)
    except (HouseError, OSError) as error:
        sys.exit(str(error) if isinstance(error, DeviceError) else f"{name}: {error}")


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit("usage: python -m daemons NAME, where NAME is a device that `house up` has set up")
    start(sys.argv[1])
