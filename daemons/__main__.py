"""python -m daemons NAME: run what the configuration says NAME is."""

import os
import sys

import setproctitle

from daemons.config import loader
from daemons.config.slice import read_slice
from daemons.errors import DeviceError, HouseError
from daemons.storage.paths import STOPPED_BY_HAND, stopped_path


def start(name: str) -> None:
    """Be the process of that name, inside the run directory, until told to end; SystemExit says why not."""
    setproctitle.setproctitle(f"house: {name}")  # what `ps` and `top` show
    os.umask(0o077)
    try:
        os.chdir(os.environ.get("HOUSE_RUN", "run"))
        if stopped_path(name).exists():
            print(f"{name} was stopped by hand; `house start {name}` starts it")  # noqa: T201
            sys.exit(STOPPED_BY_HAND)
        slice_ = read_slice(name)
        kind = slice_.table.get("kind")
        loader.role(loader.kind(kind).role if kind else name)(slice_)
    except (HouseError, OSError) as error:
        sys.exit(str(error) if isinstance(error, DeviceError) else f"{name}: {error}")


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit("usage: python -m daemons NAME, where NAME is a device that `house up` has set up")
    start(sys.argv[1])
