"""The `house` command. Each verb is a short function that imports only what it uses."""

from pathlib import Path

import click

from daemons.cli import (
    backup,
    doctor,
    hardware,
    init,
    install,
    keys,
    kiosk,
    lifecycle,
    rehearse,
    send,
    show,
    token,
    upgrade,
    versions,
    watch,
    why,
)
from daemons.cli.context import Context, VerbGroup
from daemons.cli.fleet import verbs as fleet
from daemons.cli.surroundings import prepare
from daemons.storage.release import describe_version

CONFIGURATIONS = (Path("config/house.toml"), Path("house.toml"))


@click.group(
    cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="HOUSE_CONFIG",
    default=None,
    show_envvar=True,
    help="The configuration file.  [default: config/house.toml, or else house.toml]",
)
@click.option(
    "--run",
    type=click.Path(path_type=Path),
    envvar="HOUSE_RUN",
    default=Path("run"),
    show_default=True,
    show_envvar=True,
    help="The run directory; each house has its own.",
)
@click.option(
    "--host",
    envvar="HOUSE_HOST",
    show_envvar=True,
    help="The name of this host in the configuration; needed only at the first `up`.",
)
@click.version_option(describe_version(), prog_name="house")
@click.pass_context
def main(ctx: click.Context, config: Path | None, run: Path, host: str | None) -> None:
    """Run a home in which every appliance is its own process."""
    prepare()
    ctx.obj = Context(config or default_configuration(), run, host)


def default_configuration() -> Path:
    """Return the configuration file of the working directory: that of the project, or of `house init`."""
    return next((path for path in CONFIGURATIONS if path.exists()), CONFIGURATIONS[0])


for verb in (
    init.init,
    lifecycle.up,
    lifecycle.down,
    watch.status,
    watch.mirror,
    send.send,
    send.press,
    send.on,
    send.off,
    send.toggle,
    watch.watch,
    watch.logs,
    watch.history,
    why.why,
    why.rules,
    show.show,
    lifecycle.restart,
    lifecycle.stop,
    lifecycle.start,
    token.token,
    keys.keys,
    lifecycle.plan,
    lifecycle.reload,
    versions.undo,
    versions.versions,
    backup.backup,
    backup.restore,
    upgrade.upgrade,
    lifecycle.drill,
    lifecycle.check,
    fleet.fleet,
    doctor.doctor,
    install.install,
    install.uninstall,
    kiosk.kiosk,
    rehearse.test,
    hardware.discover,
    hardware.add,
    hardware.try_,
    hardware.kinds,
    hardware.drivers,
):  # `house --help` lists the verbs in this order, the order of their use
    main.add_command(verb)


if __name__ == "__main__":
    main()
