"""The options of a Shelly, and what each type of component can do."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from daemons.drivers.transports.address import Address
from daemons.drivers.transports.secret import SecretFile
from daemons.kinds import Ability

Component = Literal[
    "switch", "light", "cct", "rgb", "rgbw", "rgbcct", "cover", "pm1", "em", "em1", "input", "sensor",
    "bthomedevice", "thermostat", "blutrv",
]  # fmt: skip
ABILITIES: dict[Component, frozenset[Ability]] = {
    "switch": frozenset({"switch"}),
    "light": frozenset({"switch", "dim"}),
    "cct": frozenset({"switch", "dim", "tint"}),
    "rgb": frozenset({"switch", "dim", "colour"}),
    "rgbw": frozenset({"switch", "dim", "colour"}),
    "rgbcct": frozenset({"switch", "dim", "tint", "colour"}),
    "cover": frozenset({"move"}),
    "pm1": frozenset({"sense"}),
    "em": frozenset({"sense"}),
    "em1": frozenset({"sense"}),
    "input": frozenset({"press", "sense"}),
    "sensor": frozenset({"sense"}),
    "bthomedevice": frozenset({"press", "sense"}),
    "thermostat": frozenset({"regulate"}),
    "blutrv": frozenset({"regulate"}),
}
SWITCHED = frozenset(word for word, abilities in ABILITIES.items() if "switch" in abilities)
"""The components that are switched on and off."""
REGULATED = frozenset(word for word, abilities in ABILITIES.items() if "regulate" in abilities)
"""The components that keep a temperature."""
BLUETOOTH = frozenset({"bthomedevice", "blutrv"})
"""The components that are devices of their own: a gateway reports what their latest packet had."""


class Options(Struct, frozen=True, kw_only=True):
    """The options of a Shelly."""

    address: Address
    """A host or IP address, with `:port` if the port is not 80."""
    password_file: SecretFile | None = None
    """The file with its password, an absolute path. The user is always `admin`."""
    component: Component = "switch"
    """The type of its component. `pm1`, `em` and `em1` are meters, `input` is a button or a contact, `sensor`
    stands for all sensors with the same number, `bthomedevice` is a Bluetooth device at a gateway, and
    `thermostat` and `blutrv` (a radiator valve at a gateway) keep a temperature."""
    channel: Annotated[int, Meta(ge=0, le=299)] = 0
    """The number of its component, counted from 0. Add-ons count from 100, Bluetooth devices from 200."""
    input: Annotated[int, Meta(ge=0, le=31)] | None = None
    """The number of the input whose presses you want. Set that input to `button` in the Shelly. For a
    Bluetooth device with several buttons, the number of the button."""
    phase: Literal["a", "b", "c"] | None = None
    """For `em`: the phase to measure. Without it, all phases together."""

    def __post_init__(self) -> None:
        """Raise ValueError for an option that the component does not have."""
        if self.phase is not None and self.component != "em":
            raise ValueError('phase goes with component = "em"')
        if self.component == "input" and self.input is not None:
            raise ValueError('component = "input" is named by channel; leave out input')

    @property
    def key(self) -> str:
        """The name of the component in a status, such as `switch:0`."""
        return f"{self.component}:{self.channel}"

    @property
    def abilities(self) -> frozenset[Ability]:
        """The abilities of the component, with those of the input beside it."""
        return ABILITIES[self.component] | (frozenset() if self.input is None else {"press"})
