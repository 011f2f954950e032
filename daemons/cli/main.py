"""The `house` command. Each verb is a short function that imports only what it uses."""

from pathlib import Path

import click

from daemons import __version__
from daemons.cli import hardware, install, keys, kiosk, lifecycle, rehearse, send, show, token, watch, why
from daemons.cli.context import Context, VerbGroup


@click.group(
    cls=VerbGroup, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}
)
@click.option(
    "--config",
    type=click.Path(path_type=Path),
    envvar="HOUSE_CONFIG",
    default=Path("config/house.toml"),
    show_default=True,
    show_envvar=True,
    help="The configuration file.",
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
@click.version_option(__version__, prog_name="house")
@click.pass_context
def main(ctx: click.Context, config: Path, run: Path, host: str | None) -> None:
    """Run a home in which every appliance is its own process."""
    ctx.obj = Context(config, run, host)


for verb in (
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
    lifecycle.drill,
    lifecycle.check,
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
