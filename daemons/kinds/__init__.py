"""The contract of a kind. Each kind is one file here, and its file name is its word in the configuration.

A kind has three frozen values: Options (set by a person), Memory (survives a crash) and State (is
published). A Machine decides: each of its methods takes the memory and an event, and returns the new
memory. The desired setting of the hardware, the state and the next deadline follow from the memory
alone. Therefore a machine has no I/O and no clock, and a restart after a crash needs no code of its own.

A kind also declares the facts that other processes need: its primary commands, its phases at rest, its
Home Assistant entity and its detector's words. They read these declarations and never guess.

The first line of the file is its entry in `house kinds`.

The contract is in base/: the values of the hardware (Setting, Reading), the declarations (Kind) and the
decisions (Machine).
"""

from daemons.kinds.base.hardware import (
    ABILITIES,
    BRIGHTNESS_TOLERANCE_PERCENT,
    COLOUR_TOLERANCE,
    TARGET_TOLERANCE_CELSIUS,
    TOUCHES,
    WARM_CELSIUS,
    Ability,
    About,
    ButtonPress,
    CalendarEvent,
    CalendarEvents,
    DeliveryResult,
    Direction,
    Forecast,
    ForecastStep,
    Load,
    Message,
    Outcome,
    Reading,
    Setting,
    TargetRange,
    Touch,
    WeatherWord,
)
from daemons.kinds.base.kind import (
    Control,
    DailyTime,
    EntityClass,
    Kind,
    PrimaryCommand,
    Result,
    TimetableEntry,
)
from daemons.kinds.base.machine import (
    Machine,
    Virtual,
)
from daemons.kinds.base.plausible import (
    PLAUSIBLE,
    ROOM_CELSIUS,
    add_implausible,
    is_plausible,
    range_text,
    without_implausible,
)
from daemons.kinds.base.published import (
    HARDWARE_FACTS,
    HardwareFacts,
    HardwareLink,
    HardwareMeter,
)

__all__ = [
    "ABILITIES",
    "BRIGHTNESS_TOLERANCE_PERCENT",
    "COLOUR_TOLERANCE",
    "HARDWARE_FACTS",
    "PLAUSIBLE",
    "ROOM_CELSIUS",
    "TARGET_TOLERANCE_CELSIUS",
    "TOUCHES",
    "WARM_CELSIUS",
    "Ability",
    "About",
    "ButtonPress",
    "CalendarEvent",
    "CalendarEvents",
    "Control",
    "DailyTime",
    "DeliveryResult",
    "Direction",
    "EntityClass",
    "Forecast",
    "ForecastStep",
    "HardwareFacts",
    "HardwareLink",
    "HardwareMeter",
    "Kind",
    "Load",
    "Machine",
    "Message",
    "Outcome",
    "PrimaryCommand",
    "Reading",
    "Result",
    "Setting",
    "TargetRange",
    "TimetableEntry",
    "Touch",
    "Virtual",
    "WeatherWord",
    "add_implausible",
    "is_plausible",
    "range_text",
    "without_implausible",
]
