"""The options of a Shelly of the first generation, and what each type of component can do."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field

from daemons.drivers.transports.address import Address
from daemons.drivers.transports.secret import SecretFile
from daemons.kinds import Ability
from daemons.values import Seconds

Component = Literal[
    "relay", "light", "color", "white", "roller", "emeter", "input", "sensor", "external", "thermostat"
]  # fmt: skip
ABILITIES: dict[Component, frozenset[Ability]] = {
    "relay": frozenset({"switch"}),
    "light": frozenset({"switch", "dim"}),
    "color": frozenset({"switch", "dim", "colour"}),
    "white": frozenset({"switch", "dim"}),
    "roller": frozenset({"move"}),
    "emeter": frozenset({"sense"}),
    "input": frozenset({"press", "sense"}),
    "sensor": frozenset({"sense"}),
    "external": frozenset({"sense"}),
    "thermostat": frozenset({"regulate"}),
}
SWITCHED = frozenset(word for word, abilities in ABILITIES.items() if "switch" in abilities)
"""The components that are switched on and off."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a Shelly of the first generation."""

    address: Address
    """A host or IP address, with `:port` if the port is not 80."""
    username: str = "admin"
    """The user, if the Shelly requires a login."""
    password_file: SecretFile | None = None
    """The file with the password of the user, an absolute path."""
    component: Component = "relay"
    """The type of its component. `white` and `color` are the modes of an RGBW2, and `light` is any other
    lamp. `emeter` is a meter, `input` a button or a contact, `sensor` stands for its sensors, `external` for
    those of an add-on, and `thermostat` for a radiator valve."""
    channel: Annotated[int, Meta(ge=0, le=7)] = 0
    """The number of its component, counted from 0."""
    input: Annotated[int, Meta(ge=0, le=7)] | None = None
    """The number of the input whose presses you want."""
    tints: bool = False
    """True for a `light` with a colour temperature (Duo, Bulb)."""
    colours: bool = False
    """True for a `light` with colours (Bulb). A `color` has them anyway."""
    poll_seconds: Seconds = field(name="poll", default=Seconds(2))
    """How often the driver asks it, `"100ms"` or longer."""

    def __post_init__(self) -> None:
        """Raise ValueError for an option that the component does not have, and for too short an interval."""
        if self.tints and self.component != "light":
            raise ValueError('tints goes with component = "light"')
        if self.colours and self.component != "light":
            raise ValueError('colours goes with component = "light"')
        if self.component == "input" and self.input is not None:
            raise ValueError('component = "input" is named by channel; leave out input')
        if self.poll_seconds < 0.1:  # noqa: PLR2004
            raise ValueError("poll must be 100ms or longer")

    @property
    def abilities(self) -> frozenset[Ability]:
        """The abilities of the component, with those of the input beside it."""
        more: set[Ability] = {"press"} if self.input is not None else set()
        more |= {"tint"} if self.tints else set()
        return ABILITIES[self.component] | more | ({"colour"} if self.colours else set())

    @property
    def pressed(self) -> int | None:
        """The number of the input whose presses count; None if there is none."""
        return self.channel if self.component == "input" else self.input
