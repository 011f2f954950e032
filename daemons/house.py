"""What a configuration says, typed and frozen; and the slice of it that one process gets.

A device process never sees the file that a person edits: it reads its slice, which was
checked as a whole before, so a half-edited file cannot reach a device that happens to restart.
"""

from contextlib import suppress
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Literal, get_args, get_origin
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import Meta, Struct, field

from daemons import load
from daemons.almanac import Almanac
from daemons.drivers import Driver
from daemons.errors import HouseError, PlaceError
from daemons.kinds import Kind, Machine
from daemons.message import BRIDGE, EXCHANGE, RECORDER, STEWARD
from daemons.rule import Condition, When
from daemons.value import KeyText, Problem, Seconds, choose, convert, describe, is_tables, read, show
from daemons.value import Path as Where

Title = Annotated[str, Meta(min_length=1, max_length=60)]


DEFAULT_ROOM = "House"
FRONT_PORT = 8070
FOREIGN = "foreign"
"""The driver of what no process of the house is."""


class Settings(Struct, frozen=True, kw_only=True):
    """The table [house]."""

    name: Title = "House"
    timezone: Annotated[str, Meta(min_length=1)] = "UTC"
    locale: Annotated[str, Meta(pattern=r"^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*\Z")] = "en-GB"
    """How the mirror's page writes dates and numbers: a language tag (BCP 47), such as "de-DE"."""
    latitude: Annotated[float, Meta(ge=-90, le=90)] | None = None
    """Degrees north; south is negative."""
    longitude: Annotated[float, Meta(ge=-180, le=180)] | None = None
    """Degrees east; west is negative."""
    watchdog_seconds: Seconds = field(name="watchdog", default=Seconds(3))
    """How long a process may be silent before it is taken for hung, killed and started again."""

    def __post_init__(self) -> None:
        """Refuse a patience that would kill what is well: a sign of life comes once a second."""
        if self.watchdog_seconds < 1:
            raise ValueError("watchdog must be 1s or longer, for a sign of life comes once a second")
        if (self.latitude is None) != (self.longitude is None):
            raise ValueError("latitude and longitude go together")

    @property
    def almanac(self) -> Almanac:
        """Give the times of day of where the house stands; ValueError when there is no such timezone."""
        return Almanac(zone(self.timezone), self.latitude, self.longitude)


class Recording(Struct, frozen=True, kw_only=True):
    """The table [recorder]."""

    enabled: bool = True
    """Whether what happens is written down at all."""
    keep_seconds: Seconds = field(name="keep", default=Seconds(30 * 86400))
    """How long it is kept."""

    def __post_init__(self) -> None:
        """Refuse to keep less than the shortest timeline shows."""
        if self.keep_seconds < 3600:  # noqa: PLR2004
            raise ValueError("keep must be 1h or longer; `enabled = false` records nothing")


class Front(Struct, frozen=True, kw_only=True):
    """The table [exchange]."""

    address: Annotated[str, Meta(min_length=1, max_length=253)] | None = None
    """Which address of this machine it is reached at over the network; "*" is all of them. Nothing: none."""
    port: Annotated[int, Meta(ge=1, le=65533)] = FRONT_PORT
    """The first of three ports in a row."""

    def __post_init__(self) -> None:
        """Refuse what is no address of a machine's own: a socket could not be bound to it."""
        if self.address not in (None, "*"):
            from ipaddress import ip_address  # noqa: PLC0415  only an exchange needs it

            try:
                ip_address(self.address.partition("%")[0])
            except ValueError:
                text = 'address must be one of this machine, such as "192.168.1.10", or "*" for all of them'
                raise ValueError(text) from None


class Host(Struct, frozen=True, kw_only=True):
    """One table [hosts.NAME]: a machine of this house."""

    address: Annotated[str, Meta(min_length=1, max_length=253)]
    """Where the other hosts reach it."""
    public_key: KeyText
    """What `house keys own` prints there: by it the other hosts know that it is that host."""
    port: Annotated[int, Meta(ge=1, le=65533)] = FRONT_PORT


class Common(Struct, frozen=True, kw_only=True):
    """The keys that every device has, whatever its kind."""

    kind: str
    driver: str | None = None
    name: Title | None = None
    room: Title = DEFAULT_ROOM
    grace_seconds: Seconds = field(name="grace", default=Seconds(60))
    restore: Literal["last", "off", "on"] = "last"
    host: str | None = None
    when: tuple[dict[str, Any], ...] = ()

    def __post_init__(self) -> None:
        """Refuse a grace in which nothing could ever be acted on."""
        if self.grace_seconds <= 0:
            raise ValueError("grace must be longer than 0s")


class Device(Struct, frozen=True, kw_only=True):
    """One table [devices.NAME]: its words turned into classes, its values typed."""

    name: str
    title: str
    room: str
    kind: type[Kind]
    options: Any
    driver: type[Driver[Any]] | None
    driver_options: Any
    grace_seconds: float
    restore: Literal["last", "off", "on"]
    host: str | None
    rules: tuple[When, ...]

    @property
    def hears(self) -> frozenset[str]:
        """Name the devices that it listens to: those of its rules, and its sources."""
        heard = self.kind.sources(self.options).keys() | set().union(*(rule.hears for rule in self.rules))
        return frozenset(heard - {self.name})

    @property
    def by_sun(self) -> bool:
        """Whether one of its rules goes by the sun."""
        return any(rule.by_sun for rule in self.rules)


class Peer(Struct, frozen=True, omit_defaults=True):
    """What others have to know of a device."""

    title: str
    room: str
    kind: str
    hears: tuple[str, ...] = ()
    """Whose states its rules act on."""
    host: str | None = None
    """On which host it is, in a house of several."""
    every_seconds: float | None = None
    """Of somebody's own program: how often that says what it is, at the least."""

    def is_elsewhere(self, host: str | None) -> bool:
        """Tell whether it has no process on a host."""
        return self.every_seconds is not None or self.host != host

    abilities: tuple[str, ...] = ()
    """What its driver can; told to the bridge only."""
    detects: str | None = None
    """What its status detects; told to the bridge only."""


class Roster(Struct, frozen=True, kw_only=True):
    """Who lives in a house: enough to ask and to show it, even when the file of a kind is broken."""

    settings: Settings
    peers: dict[str, Peer]
    services: tuple[str, ...]
    """The house's own processes."""
    host: str | None = None
    """Which host this is, in a house of several."""

    def is_elsewhere(self, name: str) -> bool:
        """Tell whether a device has no process on this host."""
        return name in self.peers and self.peers[name].is_elsewhere(self.host)

    def is_distant(self, name: str) -> bool:
        """Tell whether a device has a process on another host."""
        return self.is_elsewhere(name) and self.peers[name].every_seconds is None


def make_roster(raw: dict[str, Any], host: str | None = None) -> Roster:
    """Give the roster of a configuration that was checked when it was installed, as it is on a host."""
    first = next(iter(raw.get("hosts", {})), None)
    peers = {
        name: Peer(
            table.get("name") or default_title(name),
            table.get("room") or DEFAULT_ROOM,
            table["kind"],
            hears(table),
            table.get("host", first),
            silence(table),
        )
        for name, table in raw["devices"].items()
    }
    records = convert(raw.get("recorder", {}), Recording).enabled
    services: tuple[str, ...] = (STEWARD, RECORDER) if records else (STEWARD,)
    if "exchange" in raw or first or any(peer.every_seconds is not None for peer in peers.values()):
        services += (EXCHANGE,)
    if BRIDGE in raw and raw[BRIDGE].get("host", first) == host:  # two would throw each other out
        services += (BRIDGE,)
    settings = convert(raw.get("house", {}), Settings)
    return Roster(settings=settings, peers=peers, services=services, host=host)


def hears(table: dict[str, Any]) -> tuple[str, ...]:
    """Name the devices that one listens to, of a table that was checked when it was installed."""
    rules = [part for rule in table.get("when", ()) for part in (rule, *rule.get("only_if", ()))]
    found = dict.fromkeys(part["device"] for part in rules if "device" in part)
    kind = load.find_kind(table["kind"])
    if kind:
        keys = {f.encode_name for f in msgspec.structs.fields(kind.options_type)} & table.keys()
        with suppress(msgspec.ValidationError):  # another version's
            found |= kind.sources(convert({key: table[key] for key in keys}, kind.options_type))
    return tuple(found)


def silence(table: dict[str, Any]) -> float | None:
    """Say for how long a device that is somebody's own program may be silent; nothing for any other."""
    if table.get("driver") != FOREIGN:
        return None
    options = convert(table.get(FOREIGN, {}), load.driver(FOREIGN).options_type)
    return float(options.every_seconds)  # type: ignore[attr-defined]


def mirrors(roster: Roster) -> list[str]:
    """Name the devices that are mirrors, on this host."""
    kinds = {name: load.find_kind(peer.kind) for name, peer in roster.peers.items()}
    return [
        name
        for name, kind in kinds.items()
        if kind and kind.role == "mirror" and not roster.is_elsewhere(name)
    ]


def default_title(name: str) -> str:
    """Give the friendly name of a device that was given none."""
    return name.replace("_", " ").capitalize()


class Slice(Struct, frozen=True, kw_only=True):
    """All of a configuration that one process depends on; another slice is another process."""

    name: str
    house: dict[str, Any]
    """Of the table [house], the keys that make a difference to this process."""
    table: dict[str, Any]
    """Its own table: [devices.NAME], or [NAME] for one of the house's own processes."""
    peers: dict[str, Peer] = {}
    services: tuple[str, ...] = ()
    host: str | None = None
    """Which host this is, in a house of several."""
    hosts: dict[str, Host] = {}
    """The others."""

    @property
    def settings(self) -> Settings:
        """Give the table [house], typed."""
        return convert(self.house, Settings)

    def encode(self) -> bytes:
        """Give it as JSON."""
        return msgspec.json.encode(self, order="sorted")


def slice_path(name: str) -> Path:
    """Say where a slice stands, from inside the run directory."""
    return Path("devices") / f"{name}.json"


def read_slice(name: str) -> Slice:
    """Read this process's slice; PlaceError when there is none."""
    try:
        return msgspec.json.decode(slice_path(name).read_bytes(), type=Slice)
    except (OSError, msgspec.MsgspecError) as error:
        raise PlaceError(
            f"{slice_path(name).absolute()} cannot be read ({error}); `house up` writes it"
        ) from error


def zone(timezone: str) -> ZoneInfo:
    """Give the house's timezone; ValueError when there is none of that name."""
    try:
        return ZoneInfo(timezone)
    except (ZoneInfoNotFoundError, OSError, ValueError) as error:
        raise ValueError(
            f"there is no timezone {timezone!r}; allowed: names such as Europe/Berlin"
        ) from error


def build(name: str, table: Any, where: Where, problems: list[Problem]) -> Device | None:
    """Turn one device's table into a Device; what is wrong is added to `problems`."""
    if not isinstance(table, dict):
        problems.append(Problem(where, f"{show(table)} stands where a table is needed"))
        return None
    known = set(Common.__struct_encode_fields__)
    word = table.get("driver")
    own = {key: value for key, value in table.items() if key not in known and key != word}
    common = read({key: table[key] for key in known & table.keys()}, Common, where, problems)
    kind = _class("kinds", table.get("kind"), (*where, "kind"), problems)
    if kind is None:
        return None
    driver = driver_options = None
    if kind.role == "device":
        if word is None:
            listed = ", ".join(load.words("drivers"))
            problems.append(Problem(where, f"the key 'driver' is missing; allowed: {listed}"))
        else:
            driver = _class("drivers", word, (*where, "driver"), problems)
        if driver is not None:
            driver_options = read(table.get(word, {}), driver.options_type, (*where, str(word)), problems)
    else:
        for key in [key for key in ("driver", "grace", "restore", "when") if key in table]:
            text = f"a {table['kind']} drives no hardware and follows no rules; it takes no {key}"
            problems.append(Problem((*where, key), text))
    options = _options(own, kind, where, problems, {*known, str(word)} if driver else known)
    if driver and issubclass(kind, Machine) and not kind.needs & driver.abilities:
        can = ", ".join(sorted(kind.needs))
        text = f"the driver {show(word)} cannot {can}, which a {table['kind']} needs; allowed: {able(kind)}"
        problems.append(Problem((*where, "driver"), text))
    if driver and not driver.runs_here:
        for key in [key for key in ("grace", "restore", "when") if key in table]:
            text = f"its own program decides for it; with driver = {show(word)} it takes no {key}"
            problems.append(Problem((*where, key), text))
    if common and common.restore == "on" and getattr(options, "max_on_seconds", None) is not None:
        text = 'what heats is never switched on by a restart; allowed: "last" or "off"'
        problems.append(Problem((*where, "restore"), text))
    rules = _rules(common.when if common else (), kind, where, problems)
    if common is None or options is None or (driver is None) != (kind.role != "device"):
        return None
    return Device(
        name=name,
        title=common.name or default_title(name),
        room=common.room,
        kind=kind,
        options=options,
        driver=driver,
        driver_options=driver_options,
        grace_seconds=common.grace_seconds,
        restore=common.restore,
        host=common.host,
        rules=rules,
    )


def able(kind: type[Machine[Any, Any]]) -> str:
    """Name the drivers that can do what a kind needs, of those that can be loaded."""
    found = []
    for word in load.words("drivers"):
        with suppress(HouseError):
            if kind.needs & load.driver(word).abilities:
                found.append(word)
    return ", ".join(found)


def _class(folder: str, word: Any, where: Where, problems: list[Problem]) -> Any:
    """Load the class of a word, or add the problem; a missing word is the caller's."""
    if not isinstance(word, str):
        return None
    try:
        return load.kind(word) if folder == "kinds" else load.driver(word)
    except HouseError as error:
        words = load.words(folder)
        problems.append(Problem(where, f"{show(word)}: {error if word in words else choose(word, words)}"))
        return None


def _options(
    own: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem], more: set[str]
) -> Any:
    """Read the keys that belong to the kind; an unknown one is told with all that there are."""
    allowed = set(kind.options_type.__struct_encode_fields__)
    before = len(problems)
    for key in [key for key in own if key not in allowed]:
        problems.append(Problem((*where, key), f"unknown key; {choose(key, sorted(allowed | more))}"))
    options = read({key: own[key] for key in own.keys() & allowed}, kind.options_type, where, problems)
    return options if len(problems) == before else None


def _rules(raw: Any, kind: type[Kind], where: Where, problems: list[Problem]) -> tuple[When, ...]:
    """Read the rules, and check what they do against the kind's commands."""
    rules = []
    commands = {command.__name__.lower(): command for command in kind.commands}
    for index, table in enumerate(raw):
        here = (*where, "when", index)
        conditions = table.get("only_if")
        before = len(problems)
        if is_tables(conditions):  # each by itself, for a problem to name it
            for number, condition in enumerate(conditions):
                read(condition, Condition, (*here, "only_if", number), problems)
            if len(problems) > before:
                table = {key: value for key, value in table.items() if key != "only_if"}  # noqa: PLW2901
        rule = read(table, When, here, problems)
        if rule is None:
            continue
        if rule.do not in commands:
            problems.append(Problem((*here, "do"), f"{show(rule.do)}: {choose(rule.do, commands)}"))
        else:
            read(rule.with_, commands[rule.do], (*here, "with"), problems)
        rules.append(rule)
    return tuple(rules)


def check_turns(turns: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem]) -> None:
    """Check what a rule waits for, or goes by, against what the device it hears can show."""
    fields = {name: type_ for name, type_ in kind.fields().items() if name not in kind.measurements()}
    for key, value in turns.items():
        if key in kind.measurements():
            text = f"is measured, and does not turn to anything; allowed: {', '.join(sorted(fields))}"
            text += "; above and below go by what is measured"
            problems.append(Problem((*where, key), text))
            continue
        if key not in fields:
            problems.append(Problem((*where, key), f"unknown field; {choose(key, fields)}"))
            continue
        try:
            msgspec.convert(value, fields[key])
        except msgspec.ValidationError:
            text = f"{show(value)} is not what {key} can be: {describe(fields[key])}"
            problems.append(Problem((*where, key), text))


def check_limit(limit: dict[str, Any], kind: type[Kind], where: Where, problems: list[Problem]) -> None:
    """Check that the device shows a number there."""
    fields = {name: type_ for name, type_ in kind.fields().items() if is_number(type_)}
    for key in [key for key in limit if key not in fields]:
        text = (
            f"is no number; allowed: {', '.join(fields) or 'none'}"
            if key in kind.fields()
            else f"unknown field; {choose(key, fields)}"
        )
        problems.append(Problem((*where, key), text))


def is_number(type_: Any) -> bool:
    """Tell whether a field is a number, or one where it is known."""
    parts = get_args(type_) if get_origin(type_) is UnionType else (type_,)
    return any(part in (int, float) for part in parts)
