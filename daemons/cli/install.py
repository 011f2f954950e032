"""Verbs that make systemd run the house, and that show its page in full screen at log-in."""

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from daemons.cli.context import Context

if TYPE_CHECKING:
    from daemons.supervision.unit import Scope, UnitOptions

scope_options = (
    click.option("--user", "scope", flag_value="user", help="A unit of your user.  [default: unless root]"),
    click.option("--system", "scope", flag_value="system", help="A unit of the system; needs root."),
)


def with_scope(function: "click.decorators.FC") -> "click.decorators.FC":
    """Add the options that select a unit."""
    for option in reversed(scope_options):
        function = option(function)
    return function


@click.command()
@with_scope
@click.option("--name", default="house", show_default=True, help="The name of the unit.")
@click.option("--kiosk", is_flag=True, help="Show the page in full screen at log-in instead.")
@click.option("--dry-run", is_flag=True, help="Print what would be written, and change nothing.")
@click.pass_obj
def install(context: Context, scope: "Scope | None", name: str, kiosk: bool, dry_run: bool) -> None:
    """Start the house at each boot: write and enable a systemd unit.

    `house up`, `house down` and `house reload` then go through systemd.
    """
    from daemons.storage.paths import check_path
    from daemons.supervision import systemd
    from daemons.supervision.unit import unit_text

    house = context.load_own_house()
    check_path(context.run)
    if kiosk:
        install_kiosk(context, dry_run=dry_run)
        return
    options = unit_options(context, scope, house.host)
    path = systemd.unit_folder(options.scope) / f"{name}.service"
    try:
        text = unit_text(options)
    except ValueError as error:
        raise click.UsageError(str(error)) from error
    if dry_run:
        click.echo(f"# {path}\n{text}", nl=False)
        return
    if options.scope == "system" and os.geteuid() != 0:
        raise click.UsageError("--system needs root: run it with sudo, or use --user")
    unit = systemd.install_unit(path, options)
    click.echo(f"{path} is written; systemd starts the house at each boot.")
    flag = "--user " if unit.scope == "user" else ""
    click.echo(f"`house up` starts it now, and `journalctl {flag}-u {unit.name}` prints its log.")


@click.command()
@with_scope
@click.option("--kiosk", is_flag=True, help="Remove only what `house install --kiosk` has written.")
@click.pass_obj
def uninstall(context: Context, scope: "Scope | None", kiosk: bool) -> None:
    """Remove what `house install` has written; a house that systemd runs is ended."""
    from daemons.cli import kiosk_files
    from daemons.supervision import systemd

    removed = [str(path) for path in kiosk_files.remove(context.run)]
    unit = None if kiosk else systemd.find_unit(context.run)
    if unit and (scope is None or unit.scope == scope):
        systemd.uninstall_unit(unit)
        removed.append(str(unit.path))
    for path in removed:
        click.echo(f"{path} is removed.")
    if not removed:
        click.echo("There was nothing to remove.")
    elif unit and unit.scope == "user":
        click.echo("Your user still lingers, for other units; `loginctl disable-linger` ends that.")


def unit_options(context: Context, scope: "Scope | None", host: str | None) -> "UnitOptions":
    """Return the options of the unit of a house; it runs as the owner of the house."""
    import pwd

    from daemons.supervision.unit import UnitOptions

    owned = context.run if context.run.exists() else context.config
    uid = owned.stat().st_uid
    try:
        user = pwd.getpwuid(uid).pw_name
    except KeyError:
        user = str(uid)
    supervisord = os.environ.get("HOUSE_SUPERVISORD")
    return UnitOptions(
        scope=scope or ("system" if os.geteuid() == 0 else "user"),
        program=house_program(),
        config=context.config,
        run=context.run,
        host=host,
        user=user,
        environment=(("HOUSE_SUPERVISORD", supervisord),) if supervisord else (),
    )


def house_program() -> tuple[str, ...]:
    """Return the words that start `house` from this environment.

    If a link `.venv` leads to the environment `.venv.XXXX`, they start from the link: after an upgrade, the
    link leads to another environment, and this one is removed.
    """
    from daemons.storage.paths import interpreter

    prefix = Path(sys.prefix)
    link = prefix.with_suffix("")
    if link.is_symlink() and link.resolve() == prefix.resolve():
        prefix = link
    program = prefix / "bin" / "house"
    return (str(program),) if program.exists() else (str(interpreter()), "-P", "-m", "daemons.cli.main")


def install_kiosk(context: Context, *, dry_run: bool) -> None:
    """Write the files that start the kiosk at log-in, or print them."""
    from daemons.cli import kiosk_files

    files = kiosk_files.render(house_program(), context.config, context.run)
    if dry_run:
        for path, text in files.items():
            click.echo(f"# {path}\n{text}", nl=False)
        return
    kiosk_files.write(files)
    for path in files:
        click.echo(f"{path} is written.")
    click.echo("The page is shown in full screen from the next log-in on; `house kiosk` shows it now.")
