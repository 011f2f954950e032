"""The inputs that a lamp and a group of lamps have in common: brightness and colour."""

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
COLOUR = Control(command="on", argument="colour", field="colour", label="Colour", takes="colour")
