"""What a person probably meant by a value that is not allowed: each function returns the right value. Pure.

A function returns None if it does not recognize the value. The words are English and German.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time

SECONDS_PER_UNIT = {
    "ms": "ms", "millisecond": "ms", "milliseconds": "ms", "millisekunden": "ms",
    "s": "s", "sec": "s", "secs": "s", "second": "s", "seconds": "s", "sek": "s", "sekunde": "s",
    "sekunden": "s",
    "m": "m", "min": "m", "mins": "m", "minute": "m", "minutes": "m", "minuten": "m",
    "h": "h", "hr": "h", "hrs": "h", "hour": "h", "hours": "h", "std": "h", "stunde": "h", "stunden": "h",
    "d": "d", "day": "d", "days": "d", "tag": "d", "tage": "d", "tagen": "d",
}  # fmt: skip
"""The words for units of time, each with the unit of the configuration."""
WEEKS = ("w", "week", "weeks", "woche", "wochen")
DAY_WORDS = {
    "mon": ("mo", "monday", "montag"),
    "tue": ("tu", "tues", "tuesday", "di", "dienstag"),
    "wed": ("we", "weds", "wednesday", "mi", "mittwoch"),
    "thu": ("th", "thur", "thurs", "thursday", "do", "donnerstag"),
    "fri": ("fr", "friday", "freitag"),
    "sat": ("sa", "saturday", "samstag", "sonnabend"),
    "sun": ("su", "sunday", "so", "sonntag"),
    "holiday": ("holidays", "feiertag", "feiertage"),
}
DAYS = tuple(DAY_WORDS)[:7]
DAY_GROUPS = {
    ("weekday", "weekdays", "workday", "workdays", "werktag", "werktage", "werktags"): DAYS[:5],
    ("weekend", "weekends", "wochenende"): DAYS[5:],
    ("daily", "every day", "everyday", "all", "täglich", "*"): DAYS,
}
MONTH_WORDS = {
    "jan": ("january", "januar"), "feb": ("february", "februar"), "mar": ("march", "märz", "mrz"),
    "apr": ("april",), "may": ("mai",), "jun": ("june", "juni"), "jul": ("july", "juli"),
    "aug": ("august",), "sep": ("september", "sept"), "oct": ("october", "oktober", "okt"),
    "nov": ("november",), "dec": ("december", "dezember", "dez"),
}  # fmt: skip
COLOUR_WORDS = {
    "red": ("rot",),
    "orange": ("orangefarben",),
    "yellow": ("gelb",),
    "green": ("grün", "gruen"),
    "cyan": ("türkis", "tuerkis", "turquoise"),
    "blue": ("blau",),
    "purple": ("violet", "violett", "lila"),
    "pink": ("rosa", "magenta"),
    "white": ("weiß", "weiss"),
}
SUN_WORDS = {
    "sunrise": ("sun rise", "sun_rise", "sun-rise", "sonnenaufgang"),
    "sunset": ("sun set", "sun_set", "sun-set", "sundown", "sonnenuntergang"),
    "noon": ("midday", "mittag", "mittags"),
    "dawn": ("morgendämmerung",),
    "dusk": ("abenddämmerung",),
}
MIDNIGHT = ("midnight", "mitternacht")
CLOCK = re.compile(
    r"(?P<hour>[0-9]{1,2})(?:\s*[:.h]\s*(?P<minute>[0-9]{2})(?::[0-9]{2})?)?\s*(?:h|uhr|o'clock)?"
    r"\s*(?P<half>[ap]\.?m\.?)?"
)
LANGUAGES = {
    "german": "de-DE", "deutsch": "de-DE", "english": "en-GB", "englisch": "en-GB", "french": "fr-FR",
    "spanish": "es-ES", "italian": "it-IT", "dutch": "nl-NL",
}  # fmt: skip
TRUE, FALSE = ("true", "yes", "on", "ja", "an", "1"), ("false", "no", "off", "nein", "aus", "0")


def meant_time(raw: object) -> str | None:
    """Return a time of day as the configuration writes it: "06:00" for "6 Uhr"; "sunset-30m" likewise."""
    if isinstance(raw, time):
        return raw.strftime("%H:%M")
    if isinstance(raw, int) and not isinstance(raw, bool):
        return f"{raw:02}:00" if 0 <= raw < 24 else None  # noqa: PLR2004
    if not isinstance(raw, str):
        return None
    text = " ".join(raw.casefold().split())
    if text in MIDNIGHT:
        return "00:00"
    if sun := re.fullmatch(r"([^+0-9]+?)(?: ?([+-]) ?(\d.*))?", text):
        name = known_word(sun[1].strip(), SUN_WORDS)
        offset = meant_duration(sun[3]) if sun[3] else ""
        if name is not None and offset is not None:
            return f"{name}{sun[2] or ''}{offset}"
    if re.fullmatch(r"[0-9]{4}", text):
        text = f"{text[:2]}:{text[2:]}"
    found = CLOCK.fullmatch(text)
    if found is None:
        return None
    hour, minute = int(found["hour"]), int(found["minute"] or 0)
    if found["half"]:
        hour = hour % 12 + 12 * (found["half"][0] == "p") if 1 <= hour <= 12 else 99  # noqa: PLR2004
    hour = 0 if (hour, minute) == (24, 0) else hour
    return f"{hour:02}:{minute:02}" if hour < 24 and minute < 60 else None  # noqa: PLR2004


def meant_colour(raw: object) -> str | None:
    """Return a colour as the configuration writes it: "red" for "Rot", and "#ff8800" for "F80"."""
    if not isinstance(raw, str):
        return None
    text = raw.casefold().strip()
    if re.fullmatch(r"#?(?:[0-9a-f]{3}|[0-9a-f]{6})", text):
        digits = text.lstrip("#")
        return f"#{digits if len(digits) > 3 else ''.join(digit * 2 for digit in digits)}"  # noqa: PLR2004
    return known_word(text, COLOUR_WORDS)


def meant_duration(raw: object) -> str | None:
    """Return a duration as the configuration writes it: "10m" for "10 min", and "90s" for 90."""
    if isinstance(raw, int | float) and not isinstance(raw, bool):
        return f"{raw:g}s" if 0 <= raw < 1e9 else None  # noqa: PLR2004
    if not isinstance(raw, str):
        return None
    text = raw.casefold().strip()
    if re.fullmatch(r"[0-9]+([.,][0-9]+)?", text):
        return f"{text.replace(',', '.')}s"
    parts = re.findall(r"([0-9]+(?:[.,][0-9]+)?)\s*([a-z]+)\.?", text)
    rest = re.sub(r"[0-9]+(?:[.,][0-9]+)?\s*[a-z]+\.?", "", text)
    if not parts or rest.replace("and", "").replace("und", "").strip(" ,"):
        return None
    found = []
    for number, word in parts:
        amount = number.replace(",", ".")
        if word in WEEKS:
            found.append(f"{float(amount) * 7:g}d")
        elif word in SECONDS_PER_UNIT:
            found.append(amount + SECONDS_PER_UNIT[word])
        else:
            return None
    return "".join(found)


def meant_days(raw: object) -> list[str] | None:
    """Return a list of days: ["mon"] for "Monday", and five days for "mon-fri"."""
    return listed(raw, DAY_WORDS, DAY_GROUPS)


def meant_months(raw: object) -> list[str] | None:
    """Return a list of months: ["jan"] for "January"."""
    return listed(raw, MONTH_WORDS, {})


def listed(
    raw: object, words: dict[str, tuple[str, ...]], groups: dict[tuple[str, ...], tuple[str, ...]]
) -> list[str] | None:
    """Return the words of a list, or of one text with several of them."""
    if isinstance(raw, str):
        raw = [raw] if any(raw.casefold() in names for names in groups) else re.split(r"[\s,;]+", raw.strip())
    if not isinstance(raw, list) or not raw:
        return None
    found: list[str] = []
    for one in raw:
        more = one_word(one, words, groups) if isinstance(one, str) else None
        if more is None:
            return None
        found += [word for word in more if word not in found]
    return found


def one_word(
    text: str, words: dict[str, tuple[str, ...]], groups: dict[tuple[str, ...], tuple[str, ...]]
) -> Sequence[str] | None:
    """Return the words for one text: itself, a group such as "weekend", or a range such as "mon-fri"."""
    text = text.casefold().strip().rstrip(".")
    if (word := known_word(text, words)) is not None:
        return [word]
    if found := next((group for names, group in groups.items() if text in names), None):
        return found
    first, dash, last = re.sub(r"\s*(-|–|\.\.|\bto\b|\bbis\b)\s*", "-", text, count=1).partition("-")
    order = [word for word in words if word != "holiday"]
    begin, end = known_word(first, words), known_word(last, words)
    if not dash or begin not in order or end not in order:
        return None
    start, stop = order.index(begin), order.index(end)
    return order[start : stop + 1] if start <= stop else [*order[start:], *order[: stop + 1]]


def known_word(text: str, words: dict[str, tuple[str, ...]]) -> str | None:
    """Return the word of the configuration for a text, or None."""
    return next((word for word, others in words.items() if text == word or text in others), None)


def meant_date(raw: object) -> str | None:
    """Return a date as the configuration writes it: "12-24" for "24.12.", "2026-12-24" for a date."""
    if isinstance(raw, date):
        return (raw.date() if isinstance(raw, datetime) else raw).isoformat()
    if not isinstance(raw, str | float):
        return None
    found = re.fullmatch(r"([0-9]{1,2})\.\s?([0-9]{1,2})\.?\s?([0-9]{4})?", str(raw).strip())
    if found is None:
        return None
    day, month, year = int(found[1]), int(found[2]), int(found[3] or 2000)
    try:
        whole = date(year, month, day).isoformat()
    except ValueError:
        return None
    return whole if found[3] else whole[5:]


def meant_bool(raw: object) -> bool | None:
    """Return a truth value for a word such as "yes"."""
    text = str(raw).casefold().strip()
    return True if text in TRUE else False if text in FALSE else None


def meant_number(raw: object) -> int | float | None:
    """Return a number for a text such as "52,5", "1.500,5", ".5", "03" or "20 °C"."""
    if not isinstance(raw, str):
        return None
    found = re.fullmatch(r"([+-]?)([0-9.,_ ]*[0-9][.,]?)\s*([%°a-zA-Z³²µ/]*)", raw.strip())
    if found is None:
        return None
    digits = found[2].replace("_", "").replace(" ", "")
    if re.fullmatch(r"[0-9]{1,3}(\.[0-9]{3})+,[0-9]+", digits):
        digits = digits.replace(".", "")
    elif re.fullmatch(r"[0-9]{1,3}(,[0-9]{3})+\.[0-9]+", digits):
        digits = digits.replace(",", "")
    digits = digits.replace(",", ".")
    if not re.fullmatch(r"[0-9]*\.?[0-9]*", digits) or len(digits) > 18:  # noqa: PLR2004
        return None
    sign = -1 if found[1] == "-" else 1
    return sign * (float(digits) if "." in digits else int(digits))


def meant_locale(raw: object) -> str | None:
    """Return a language tag: "de-DE" for "de_DE.UTF-8", and "en-GB" for "English"."""
    if not isinstance(raw, str):
        return None
    if raw.casefold() in LANGUAGES:
        return LANGUAGES[raw.casefold()]
    found = re.fullmatch(r"([A-Za-z]{2,3})(?:[_-]([A-Za-z]{2}))?(?:[.@].*)?", raw.strip())
    if found is None:
        return None
    return found[1].lower() + (f"-{found[2].upper()}" if found[2] else "")


def meant_timezone(raw: object) -> str | None:
    """Return a timezone by its city, "Europe/Berlin" for "Berlin", or in another spelling."""
    from difflib import get_close_matches  # noqa: PLC0415  only a person's mistake needs these
    from zoneinfo import available_timezones  # noqa: PLC0415

    if not isinstance(raw, str) or not raw:
        return None
    text = raw.strip().replace(" ", "_").casefold()
    names = {name.casefold(): name for name in sorted(available_timezones()) if "/" in name}
    exact = names.get(text) or next((name for key, name in names.items() if key.endswith(f"/{text}")), None)
    near = exact or next(iter(get_close_matches(text, names, n=1, cutoff=0.8)), None)
    return None if near is None else names.get(near, near)


def meant_name(text: str) -> str | None:
    """Return a device name made from another text: "hall_lamp" for "Hall lamp", "kueche" for "Küche"."""
    import unicodedata  # noqa: PLC0415

    for letter, plain in (("ä", "ae"), ("ö", "oe"), ("ü", "ue"), ("ß", "ss")):
        text = text.casefold().replace(letter, plain)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    name = re.sub(r"[^a-z0-9]+", "_", plain).strip("_")[:40]
    return name if name[:1].isalpha() else None
