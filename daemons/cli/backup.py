"""Verbs that save a house in one file, and make a house of it again."""

from datetime import datetime
from pathlib import Path

import click

from daemons.cli.context import Context


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.pass_obj
def backup(context: Context, file: Path) -> None:
    """Write the configuration and all that the house remembers into one file; the house may run.

    FILE is a tar.gz that only its owner can read: it has the keys and the tokens. An earlier backup of this
    name is replaced.
    """
    import time

    from daemons.errors import StorageError
    from daemons.storage.last_backup import remember_backup
    from daemons.supervision.backup import back_up

    file = file.absolute()
    context.enter_run_directory()
    saved = back_up(context.config, file)
    try:
        remember_backup(file, time.time())
    except StorageError as error:
        click.secho(f"`house doctor` will not know of this backup: {error}", fg="yellow", err=True)
    size = f"{saved.size_bytes / 1000:,.0f} kB"
    click.echo(f"{file}: {saved.files} files, {size}. It has keys; keep it secret.")
    for path in saved.left_out:
        click.secho(f"Not in the backup, because the configuration only names it: {path}", fg="yellow")


@click.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace what is there; it is kept in a folder of its own.")
@click.pass_obj
def restore(context: Context, file: Path, force: bool) -> None:
    """Make a house of a backup, in the paths of --config and --run; the house must be down."""
    from daemons.supervision.backup import restore as restore_house

    restored = restore_house(file.absolute(), context.config, context.run, force=force)
    made = datetime.fromtimestamp(restored.manifest.made_at).astimezone()
    click.echo(f"Restored the house of {made:%Y-%m-%d %H:%M} (House {restored.manifest.house}).")
    if restored.aside:
        click.echo(f"What was there is in {restored.aside}.")
    click.echo("`house up` starts it.")
