"""Verbs that list the installed configurations, and go back to one of them."""

from datetime import datetime

import click
import msgspec

from daemons.cli.context import Context, json_option
from daemons.values import printable


@click.command()
@json_option
@click.pass_obj
def versions(context: Context, as_json: bool) -> None:
    """List the configurations that were installed: when, by which user, and why."""
    from daemons.storage.versions import list_versions

    context.enter_run_directory()
    found = list_versions()
    if as_json:
        documents = [
            {"number": one.number, "at": one.at, "by": one.by, "why": one.why, "content": one.content}
            for one in found
        ]
        click.echo(msgspec.json.encode({"versions": documents}))
        return
    if not found:
        click.echo("No configuration was installed so far; `house up` installs the first one.")
    for index, one in enumerate(found):
        at = datetime.fromtimestamp(one.at).astimezone()
        mark = "  (the newest)" if index == 0 else ""
        click.echo(printable(f"{one.number:5}  {at:%Y-%m-%d %H:%M}  {one.by:12}  {one.why}{mark}"))


@click.command()
@click.argument("number", type=int, required=False)
@click.option("--dry-run", is_flag=True, help="Print the plan, and change nothing.")
@click.option("--untested", is_flag=True, help="Go back also if a story of the house does not hold.")
@click.option("--force", is_flag=True, help="Replace texts that were never installed; they are kept.")
@click.pass_obj
def undo(context: Context, number: int | None, dry_run: bool, untested: bool, force: bool) -> None:
    """Go back to the configuration before, or to version NUMBER of `house versions`.

    The files are written and the house is reloaded. If a device does not become ready, both are as before.
    Another `house undo` goes forward again.
    """
    import os

    from daemons.cli.lifecycle import print_plan
    from daemons.cli.rehearse import refuse_failing_stories
    from daemons.config.house import make_house
    from daemons.editing import go_back, record
    from daemons.editing.apply import apply
    from daemons.editing.undo import one_edit_at_a_time
    from daemons.storage.paths import this_host, user_name
    from daemons.supervision import operations
    from daemons.supervision.supervisord import Supervisor

    context.enter_run_directory()
    with one_edit_at_a_time():
        version = go_back.version_of_number(number)
        new = go_back.change_to(version, context.config, user_name(os.geteuid()))
        house = make_house(go_back.files_of(version, context.config), this_host())
        print_plan(operations.plan(house, context.run), house)
        if not new.changes:
            click.echo(f"The files are those of version {version.number} already.")
            return
        names = ", ".join(str(os.path.relpath(change.path, context.config.parent)) for change in new.changes)
        if dry_run:
            click.echo(f"Would change {names}; nothing was changed.")
            return
        if not go_back.is_installed(context.config):
            if not force:
                raise go_back.UnsavedText(
                    f"{context.config} or a file of it has a text that was never installed; `house reload` "
                    "installs it, and --force keeps a copy of it and goes back"
                )
            click.echo(f"The texts before are kept in {go_back.keep_texts(new, context.config)}.")
        if not untested:
            refuse_failing_stories(house)
            context.enter_run_directory()
        if Supervisor().is_up():
            apply(new, house, context.run, lambda _: None)
            click.echo(f"The house runs version {version.number} again; {names} changed.")
        else:
            for change in new.changes:
                record.write_text(change.path, change.after)
            click.echo(f"{names} changed to version {version.number}; `house up` starts it.")
