"""python -m daemons.contract TARGET ...: check the contract of kinds and drivers that are no part of House.

Each TARGET is a file, such as kinds/kettle.py or drivers/kettle_radio.py, or the name of an installed
package. The extra `contract` installs what this needs.
"""

import os
from pathlib import Path
from typing import Any

import click
import msgspec
import tomli

from daemons.config.extension import GROUPS, Extension, of_file, of_packages, read_file
from daemons.contract.subject import VARIABLE, Subject
from daemons.errors import HouseError

HERE = Path(__file__).parent


@click.command()
@click.argument("targets", nargs=-1, required=True, metavar="TARGET...")
@click.option(
    "--options",
    default="",
    help="The options that a kind or driver needs, as TOML: 'kettle = { source = \"plug\" }'.",
)
def main(targets: tuple[str, ...], options: str) -> None:
    """Check the contract of kinds and drivers: files, or the names of installed packages."""
    try:
        extensions = [found for target in targets for found in find(target)]
        needed: dict[str, Any] = tomli.loads(options)
    except (HouseError, tomli.TOMLDecodeError) as error:
        raise click.ClickException(str(error)) from error
    try:
        import hypothesis  # noqa: F401, PLC0415  a house does not need it
        import pytest  # noqa: PLC0415
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error}; `make extra EXTRA=contract` installs it") from error
    os.environ[VARIABLE] = msgspec.json.encode(Subject(extensions=tuple(extensions), options=needed)).decode()
    folders = {extension.folder for extension in extensions}
    files = [str(HERE / f"{folder}.py") for folder in GROUPS if folder in folders]
    arguments = ["-c", os.devnull, "--rootdir", str(HERE), "-p", "no:cacheprovider", "-q", "-W", "ignore"]
    raise SystemExit(pytest.main([*arguments, *files]))


def find(target: str) -> list[Extension]:
    """Return the extensions of a file or a package; raises HouseError if it has none."""
    path = Path(target)
    if path.suffix == ".py":
        if path.absolute().parent.name not in GROUPS:
            raise HouseError(
                f"{target}: a kind stands in a folder `kinds`, and a driver in a folder `drivers`"
            )
        return [of_file(path.absolute().parent.name, path.stem, read_file(path))]
    found = [
        one for folder in GROUPS for one in of_packages(folder) if one.origin.partition(" ")[0] == target
    ]
    if not found:
        listed = sorted({one.origin.partition(" ")[0] for folder in GROUPS for one in of_packages(folder)})
        raise HouseError(
            f"no installed package {target} has a kind or a driver; known: {', '.join(listed) or 'none'}"
        )
    return found


if __name__ == "__main__":
    main()
