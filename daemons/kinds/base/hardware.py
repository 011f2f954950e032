"""What a device and its driver tell each other: the setting that hardware shall have, and its reading."""

from typing import Literal, get_args

from msgspec import Struct
from msgspec.structs import replace

from daemons.bus.message import Scalar
from daemons.kinds.base import colour as colours

Ability = Literal[
    "switch", "dim", "tint", "colour", "move", "press", "sense", "notify", "presence", "regulate", "events",
    "forecast",
]  # fmt: skip
"""An ability of a driver: switch on and off, dim, change the colour temperature of white light, show a
colour, move in both directions, report presses of a button, report measurements, deliver messages to people,
report whether a person is there, set the temperature that hardware keeps by itself, report the events of a
calendar, report a weather forecast."""
ABILITIES: tuple[Ability, ...] = get_args(Ability)
Touch = Literal["single", "double", "triple", "long", "hold", "release"]
"""The way in which a button is pressed. A long press is reported while the button is still down. Some
hardware then repeats that it is held (`hold`), and reports when it is let go (`release`)."""
TOUCHES: tuple[Touch, ...] = get_args(Touch)
Direction = Literal["open", "close"]
Load = tuple[float, float]
"""A phase of an appliance's work after it is switched on: its length in seconds, and its power in watts."""


BRIGHTNESS_TOLERANCE_PERCENT = 1
"""Bulbs have 254 steps of brightness, so the reported brightness may differ a little from the setting."""
COLOUR_TOLERANCE = 0.05
"""A share of the colour temperature: bulbs use mireds, and round them."""
TARGET_TOLERANCE_CELSIUS = 0.05


class Message(Struct, frozen=True, kw_only=True):
    """One attempt to deliver a message to a person."""

    key: str
    """The identity of the message: the same for each attempt, also after a restart. It has letters, digits
    and hyphens."""
    attempt: int
    """The number of the attempt. No other attempt of the device has it."""
    text: str
    title: str | None = None
    urgent: bool = False
    is_repeat: bool = False
    """Whether an earlier attempt may have delivered the message."""
    link: str | None = None
    """The link that acknowledges it. The kind gives the address of the page, and the driver adds the rest."""
    id: str | None = None
    """What `acknowledge` calls the message; None if nothing waits for an acknowledgement."""


WARM_CELSIUS = 8
"""Above this, the lowest target of a thermostat is not off."""


class TargetRange(Struct, frozen=True):
    """The targets that a thermostat can keep while it is on (°C); off may be a lower one."""

    lowest_celsius: float
    highest_celsius: float
    step_celsius: float

    def nearest(self, celsius: float) -> float:
        """Return the target that comes nearest to a temperature."""
        stepped = round(celsius / self.step_celsius) * self.step_celsius
        return round(min(self.highest_celsius, max(self.lowest_celsius, stepped)), 2)


class Setting(Struct, frozen=True):
    """The setting that the hardware shall have."""

    on: bool
    brightness_percent: int | None = None
    """The brightness, 1 to 100; None for hardware that cannot be dimmed."""
    colour_temperature_kelvin: int | None = None
    """The colour temperature of white light; None leaves it unchanged."""
    colour: str | None = None
    """The colour, as "#rrggbb" of full brightness; None leaves it unchanged, unless there is a colour
    temperature. A setting never has both."""
    direction: Direction | None = None
    """The direction of a move; None for hardware that does not move."""
    target_celsius: float | None = None
    """The temperature that hardware with a thermostat of its own keeps; None for all other hardware."""
    off_after_seconds: float | None = None
    """A dead man's switch: the hardware goes off by itself after this time. None: it stays on."""
    message: Message | None = None
    """The message to deliver now. None withdraws one that is not on its way yet."""

    def is_met_by(self, reading: "Reading") -> bool:
        """Return whether the hardware has this setting; a value that it does not report counts as met."""
        if reading.on is not self.on:
            return False
        if not self.on:
            return True
        bright = reading.brightness_percent
        return (
            self.direction in (None, reading.direction or self.direction)
            and (
                self.brightness_percent is None
                or bright is None
                or abs(self.brightness_percent - bright) <= BRIGHTNESS_TOLERANCE_PERCENT
            )
            and self._is_light_met(reading)
            and self._is_target_met(reading)
        )

    def is_at_end(self, reading: "Reading") -> bool:
        """Return whether the hardware stands at the end to which it shall move: then it does not move."""
        end = {"open": 100, "close": 0, None: None}[self.direction if self.on else None]
        return end is not None and reading.position_percent == end

    def _is_light_met(self, reading: "Reading") -> bool:
        """Return whether the hardware shows the colour or the white that it shall show."""
        kelvin, colour = reading.colour_temperature_kelvin, reading.colour
        if self.colour is not None:
            return kelvin is None if colour is None else colours.is_near(self.colour, colour)
        if self.colour_temperature_kelvin is None:
            return True
        if kelvin is None:
            return colour is None
        return abs(kelvin / self.colour_temperature_kelvin - 1) <= COLOUR_TOLERANCE

    def _is_target_met(self, reading: "Reading") -> bool:
        """Return whether the hardware keeps the target, or the nearest one that it can keep."""
        target, reported = self.target_celsius, reading.target_celsius
        if target is None or reported is None:
            return True
        wanted = reading.target_range.nearest(target) if reading.target_range else target
        return abs(wanted - reported) <= TARGET_TOLERANCE_CELSIUS


class ButtonPress(Struct, frozen=True):
    """A press of the hardware's own button."""

    what: Touch
    id: str
    """The cause of every change that follows from the press."""


DeliveryResult = Literal["taken", "refused", "refused_for_now", "unknown"]
"""What became of a message: the server took it, refuses it for ever, did not take it this time, or it is not
known whether the server took it."""


class Outcome(Struct, frozen=True):
    """The outcome of one attempt to deliver a message."""

    key: str
    attempt: int
    result: DeliveryResult
    text: str = ""
    """The reason, for a person; empty if the message was taken."""


class CalendarEvent(Struct, frozen=True, array_like=True):
    """One event of a calendar, or one occurrence of an event that repeats."""

    begin: float
    """In Unix seconds. If `is_local`, the clock of the house then shows what UTC shows at this number."""
    end: float
    """The same for its end; that of an all-day event is the midnight after its last day."""
    title: str
    place: str | None = None
    is_all_day: bool = False
    """Whether it lasts for whole days; then it is local, too."""
    is_local: bool = False
    """Whether its times have no zone, and count by the clock of the house."""


class CalendarEvents(Struct, frozen=True):
    """The events of a calendar that are on or come in the next days, in any order."""

    events: tuple[CalendarEvent, ...]
    until: float
    """In Unix seconds. Which events are on after this time is not known."""


WeatherWord = Literal["clear_sky", "partly_cloudy", "cloudy", "fog", "rain", "sleet", "snow", "thunder"]
"""What the weather is like, in one word."""


class ForecastStep(Struct, frozen=True, array_like=True):
    """The weather of one part of a forecast, such as an hour; None stands for what is not known."""

    begin: float
    """When it begins, in Unix seconds."""
    seconds: float = 3600.0
    """How long it is."""
    weather: WeatherWord | None = None
    daylight: bool | None = None
    """Whether the sun is up."""
    temperature_celsius: float | None = None
    """The temperature at its beginning."""
    feels_like_celsius: float | None = None
    humidity_percent: float | None = None
    wind_kmh: float | None = None
    gust_kmh: float | None = None
    """The speed of its strongest gust."""
    rain_mm: float | None = None
    """The rain of the whole step; snow counts as the water that it melts to."""
    rain_probability_percent: float | None = None
    min_celsius: float | None = None
    """The lowest and the highest temperature of a long step; None: those at the beginnings say enough."""
    max_celsius: float | None = None

    @property
    def end(self) -> float:
        """When it ends, in Unix seconds."""
        return self.begin + self.seconds


class Forecast(Struct, frozen=True):
    """A weather forecast for one place."""

    steps: tuple[ForecastStep, ...]
    """Its steps in the order of time. They do not overlap."""


class About(Struct, frozen=True, kw_only=True):
    """What a piece of hardware is; None stands for what it does not report."""

    manufacturer: str | None = None
    model: str | None = None
    firmware: str | None = None
    mac: str | None = None
    """The address of its network interface, as in `"a8:03:2a:b1:c2:d3"`."""
    url: str | None = None
    """The address of its own page, with `http://` or `https://`."""


class Reading(Struct, frozen=True, kw_only=True):
    """The state of the hardware, as it reports it; None stands for a value that it does not report."""

    on: bool | None = None
    """Whether it is on; for a detector, whether it detects. None: unknown."""
    detections: dict[str, bool] | None = None
    """By the word of a detection, whether it detects that; the device then reads `on` from the one of its
    `detects`. None for hardware that detects only one thing."""
    power_watts: float | None = None
    energy_watt_hours: float | None = None
    brightness_percent: int | None = None
    colour_temperature_kelvin: int | None = None
    """The colour temperature of its white; None while it shows a colour."""
    colour: str | None = None
    """The colour, as "#rrggbb" of full brightness; None while it shows white light."""
    direction: Direction | None = None
    """The direction of its move."""
    position_percent: int | None = None
    """How far open it is: 0 is closed, 100 is open."""
    temperature_celsius: float | None = None
    humidity_percent: float | None = None
    battery_percent: int | None = None
    illuminance_lux: float | None = None
    pressure_hectopascals: float | None = None
    """The pressure of the air."""
    co2_ppm: float | None = None
    """The carbon dioxide in the air, in parts per million."""
    pm25_micrograms: float | None = None
    """The fine dust below 2.5 µm, in micrograms per cubic metre of air."""
    soil_moisture_percent: float | None = None
    voltage_volts: float | None = None
    """The voltage of the mains, or of its battery."""
    current_amperes: float | None = None
    power_factor: float | None = None
    """The real power divided by the product of voltage and current: 0 to 1."""
    signal_dbm: float | None = None
    """The strength of its wireless signal, a negative number."""
    link_quality: float | None = None
    """The quality of its Zigbee link: 0 to 255."""
    device_temperature_celsius: float | None = None
    """The temperature inside the hardware itself."""
    about: About | None = None
    """What the hardware is."""
    target_celsius: float | None = None
    """The temperature that hardware with a thermostat of its own keeps."""
    target_range: TargetRange | None = None
    """The targets that it can keep; None if it can keep each one."""
    heating: bool | None = None
    """Whether it heats now."""
    valve_percent: float | None = None
    """How far open its valve is."""
    window_open: bool | None = None
    """Whether it has detected an open window by itself, and does not heat because of that."""
    cause: str | None = None
    """The cause of the last switching, if the driver knows it; None after a manual switch."""
    fault: str | None = None
    """The fault of the hardware, or of the connection to it."""
    is_assumed: bool = False
    """Whether `on` is only what was sent last, because the hardware reports no state."""
    reachable: bool | None = True
    """Whether the hardware answers; None while this is not known yet."""
    losses: int = 0
    """How often the connection was lost until now. It may have been lost between two readings."""
    is_pending: bool = False
    """Whether the driver still applies the last setting, within its own time limit."""
    off_after_seconds: float | None = None
    """How long until the hardware's own running timer switches it off; None if it reports no timer."""
    at: float | None = None
    """When the hardware last reported anything, in the device's steady seconds."""
    calendar: CalendarEvents | None = None
    """The events of a calendar; None while it was not read."""
    recorded: dict[str, dict[str, Scalar]] | None = None
    """By device, what its recorded state was at an earlier time; None while that was not read."""
    presses: tuple[ButtonPress, ...] = ()
    """The presses of its button since the last reading."""
    presses_until: int | None = None
    """How much of the record of presses was read, for hardware that has one: a device remembers it together
    with what these presses did, so that each press counts once, also if its process is killed."""
    outcome: Outcome | None = None
    """The outcome of the latest attempt to deliver a message."""
    forecast: Forecast | None = None
    """The latest weather forecast."""

    def for_detection(self, word: str) -> "Reading":
        """Return the reading whose `on` is this detection; None there if the hardware does not report it."""
        return self if self.detections is None else replace(self, on=self.detections.get(word))
