"""The pure parts of the driver `shelly`."""

from daemons.drivers.shelly_rpc.definition import Part


def text_of(part: Part) -> str:
    """Return a part in words, such as `sensor sensor:0 water`; without a kind, its note."""
    if not part.kind:
        return f"none: {part.note}"
    button = "" if part.input is None else f"/{part.input}"
    detects = f" {part.kind_options['detects']}" if part.kind_options else ""
    return f"{part.kind} {part.component}:{part.channel}{button}{detects}"
