"""Common names of appliances, each with the kind that runs it, for the error about an unknown kind. Pure."""

NAMES = {
    "lamp": (
        "light bulb lights led leds strip led_strip spot spotlight ceiling_light dimmer chandelier hue "
        "licht leuchte birne lampe dimmbar"
    ),
    "light_switch": "switch wall_switch wallswitch lightswitch rocker schalter lichtschalter wippe",
    "plug": (
        "outlet socket power_outlet smart_plug smartplug power_strip relay fan tv television radio computer "
        "fridge freezer washing_machine washer dryer dishwasher pump humidifier steckdose relais ventilator "
        "fernseher kühlschrank waschmaschine pumpe"
    ),
    "cover": (
        "blind blinds shutter shutters roller_shutter curtain curtains awning shade shades garage "
        "garage_door gate jalousie rollo rollladen rolladen vorhang markise garagentor tor"
    ),
    "sensor": (
        "thermometer hygrometer temperature humidity temperature_sensor humidity_sensor door window contact "
        "door_sensor window_sensor leak water flood smoke smoke_detector smoke_alarm gas co co2 motion "
        "motion_sensor motion_detector detector occupancy vibration light_sensor illuminance barometer "
        "weather_station temperatur feuchte tür fenster fensterkontakt rauchmelder wassermelder bewegung "
        "bewegungsmelder"
    ),
    "thermostat": "valve trv radiator radiator_valve heizkörper heizkörperthermostat ventil hvac",
    "heater": "heating floor_heating underfloor boiler oven fan_heater stove heizung ofen heizlüfter ac",
    "coffee_maker": "coffee coffeemaker coffee_machine espresso kettle tea kaffeemaschine wasserkocher",
    "toaster": "toast",
    "button": "remote pushbutton push_button key doorbell bell taster knopf klingel fernbedienung",
    "meter": "power_meter energy_meter energy electricity_meter electricity stromzähler zähler",
    "messenger": "notify notification notifier message mail email sms push telegram ntfy nachricht",
    "person": "user resident people phone mobile tracker device_tracker bewohner handy anwesenheit",
    "mirror": "dashboard page web webpage ui screen display tablet spiegel",
    "group": "all gruppe lights_group",
    "scene": "mood script szene",
    "mode": "select input_select modus",
    "flag": "boolean input_boolean toggle variable",
    "number": "input_number slider value zahl",
    "moment": "clock alarm_clock alarm time datetime wecker uhr",
    "timer": "countdown delay stopwatch",
    "counter": "count",
    "weather": "forecast weather_forecast wetter wettervorhersage",
    "calendar": "agenda ical ics events kalender termine",
}
"""Each kind, with names in English and German that people give it."""
DETECTS = {
    "motion": "motion_sensor motion_detector bewegung bewegungsmelder",
    "presence": "occupancy",
    "opening": "door window contact door_sensor window_sensor tür fenster fensterkontakt",
    "water": "water leak flood wassermelder",
    "smoke": "smoke smoke_detector smoke_alarm rauchmelder",
    "gas": "gas",
    "carbon_monoxide": "co",
    "vibration": "vibration",
}
"""What a sensor detects, with the names of such sensors."""


def meant_kind(word: str) -> str | None:
    """Return the kind for a common name of an appliance, or None."""
    return _find(word, NAMES)


def meant_detects(word: str) -> str | None:
    """Return what a sensor with this common name detects, or None."""
    return _find(word, DETECTS)


def _find(word: str, names: dict[str, str]) -> str | None:
    plain = "_".join(word.casefold().replace("-", " ").replace("_", " ").split())
    return next((kind for kind, others in names.items() if plain in (kind, *others.split())), None)
