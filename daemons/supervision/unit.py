"""The systemd unit of a house: its text, and the escapes of systemd's file format. Pure."""

import json
from pathlib import Path
from typing import Literal, NamedTuple

Scope = Literal["user", "system"]

WATCHDOG_SECONDS = 60
"""So long supervisord may take to answer before systemd restarts the house; a busy machine is slow."""

UNIT = """\
[Unit]
Description=House, home automation: {description}
{after}StartLimitIntervalSec=0
X-HouseRun={run_mark}
X-HouseConfig={config_mark}

[Service]
Type=notify
NotifyAccess=main
{user}{environment}ExecStart={start}
ExecReload={reload}
Restart=always
RestartSec=2
WatchdogSec={watchdog_seconds}
WatchdogSignal=SIGTERM
TimeoutStartSec=300
TimeoutStopSec=60
KillMode=mixed
OOMPolicy=continue
UMask=0077
{hardening}
[Install]
WantedBy={target}
"""
AFTER = "network-online.target time-sync.target"
"""Targets of the system; a unit of a user cannot name them."""
HARDENING = """
NoNewPrivileges=yes
LockPersonality=yes
RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK AF_BLUETOOTH AF_CAN
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
"""
"""What a unit of a user may set, too."""
SYSTEM_HARDENING = """\
CapabilityBoundingSet=
ProtectSystem=full
ReadWritePaths={paths}
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectProc=invisible
"""
"""What needs a unit of the system."""


class UnitOptions(NamedTuple):
    """What the unit of a house depends on."""

    scope: Scope
    program: tuple[str, ...]
    """The words that start `house`; the first one is an absolute path."""
    config: Path
    run: Path
    host: str | None = None
    user: str | None = None
    """The user of a unit of the system."""
    environment: tuple[tuple[str, str], ...] = ()


def unit_text(options: UnitOptions) -> str:
    """Return the text of the unit; ValueError for a path that a unit cannot hold."""
    for path in (options.config, options.run, *map(Path, options.program)):
        if any(ord(character) < ord(" ") for character in str(path)):
            raise ValueError(
                f"the path {str(path)!r} has a control character in it, which a unit cannot hold"
            )
    if set("\"'\\") & set(options.program[0]):
        raise ValueError(f"the path {options.program[0]!r} has a quote or a backslash, which systemd refuses")
    is_system = options.scope == "system"
    words = [*options.program, "--config", str(options.config), "--run", str(options.run)]
    if options.host:
        words += ["--host", options.host]
    command = command_line(words)
    folders = dict.fromkeys((options.run, options.config.parent))
    paths = " ".join(quote(f"-{folder}") for folder in folders)
    hardening = HARDENING + (SYSTEM_HARDENING.format(paths=paths) if is_system else "")
    return UNIT.format(
        description=str(options.config).replace("%", "%%").rstrip("\\"),
        after=f"After={AFTER}\nWants={AFTER}\n" if is_system else "",
        run_mark=json.dumps(str(options.run)),
        config_mark=json.dumps(str(options.config)),
        user=f"User={options.user}\n" if is_system and options.user else "",
        environment="".join(
            f"Environment={quote(f'{name}={value}')}\n" for name, value in options.environment
        ),
        start=f"{command} up --foreground",
        reload=f"{command} reload",
        watchdog_seconds=WATCHDOG_SECONDS,
        hardening=hardening,
        target="multi-user.target" if is_system else "default.target",
    )


def command_line(words: list[str]) -> str:
    """Return the words of a command for ExecStart; systemd expands no variable in them."""
    program, *arguments = words
    return " ".join([quote(program), *(quote(word).replace("$", "$$") for word in arguments)])


def quote(word: str) -> str:
    """Return one word of a unit in quotes, if it needs them; `%` begins a specifier (systemd.unit(5))."""
    word = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    is_plain = word and all(character.isalnum() or character in "/-_.,:=+@%$" for character in word)
    return word if is_plain else f'"{word}"'


def read_marks(text: str) -> tuple[Path, Path] | None:
    """Return the run directory and the configuration of a unit; None if the unit is not one of House."""
    found = dict(line.split("=", 1) for line in text.splitlines() if line.startswith("X-House"))
    try:
        return Path(json.loads(found["X-HouseRun"])), Path(json.loads(found["X-HouseConfig"]))
    except (KeyError, ValueError, TypeError):
        return None
