"""python -m daemons NAME: run what the configuration says NAME is."""

import os
import sys

import setproctitle

from daemons import house, load
from daemons.errors import HouseError


def main(name: str) -> None:
    """Be the process of that name, inside the run directory, until told to end."""
    setproctitle.setproctitle(f"house: {name}")  # what `ps` and `top` show
    slice_ = house.read_slice(name)
    load.role(load.kind(str(slice_.table["kind"])).role)(slice_)


if __name__ == "__main__":
    if len(sys.argv) != 2:  # noqa: PLR2004
        sys.exit("usage: python -m daemons NAME, where NAME is a device that `house up` has set up")
    os.umask(0o077)
    try:
        os.chdir(os.environ.get("HOUSE_RUN", "run"))
        main(sys.argv[1])
    except (HouseError, OSError) as error:
        sys.exit(f"{sys.argv[1]}: {error}")
