"""The input for a brightness, which a lamp and a group of lamps have."""

from daemons.kinds.base.kind import Control

BRIGHTNESS = Control(
    command="on",
    argument="brightness_percent",
    field="brightness_percent",
    label="Brightness",
    takes="number",
    lowest=1.0,
    highest=100.0,
    unit="%",
)
