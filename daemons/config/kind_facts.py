"""What other processes need to know of a kind, as data: so that they do not load the code of an extension.

`facts_of` reads the declarations of a kind. `kind_of` makes a class with the same declarations; it decides
nothing, and no machine is made of it.
"""

from typing import Annotated, Any, Literal, Union

import msgspec
from msgspec import Meta, Struct, inspect, structs

from daemons.errors import HouseError
from daemons.kinds import Ability, EntityClass, Kind, Machine, PrimaryCommand, Result
from daemons.values import ClockTime, Colour, DayWords, Seconds

Plain = Literal["null", "boolean", "integer", "number", "text", "duration", "time", "days", "colour"]
TYPES: dict[Plain, Any] = {
    "null": None,
    "boolean": bool,
    "integer": int,
    "number": float,
    "text": str,
    "duration": Seconds,
    "time": ClockTime,
    "days": DayWords,
    "colour": Colour,
}
WORDS: dict[type, Plain] = {Seconds: "duration", ClockTime: "time", DayWords: "days", Colour: "colour"}
ALLOWED = (
    "bool, int, float, str, None, a Literal of words, and Seconds, ClockTime, DayWords and Colour of"
    " daemons.values"
)


class ValueType(Struct, frozen=True, omit_defaults=True):
    """The type of a field of a state, or of an argument of a command."""

    plain: tuple[Plain, ...] = ()
    words: tuple[str | int, ...] = ()
    """The values of a Literal."""
    lowest: float | None = None
    highest: float | None = None
    shortest: int | None = None
    longest: int | None = None
    """The lengths of the shortest and the longest text, in characters."""


class FieldFacts(Struct, frozen=True, omit_defaults=True):
    """One field of a state, or one argument of a command."""

    name: str
    type: ValueType
    required: bool = True


class CommandFacts(Struct, frozen=True, omit_defaults=True):
    """One command."""

    name: str
    """The name of its class."""
    summary: str
    arguments: tuple[FieldFacts, ...] = ()


class KindFacts(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The declarations of a kind, under their names in the class."""

    summary: str
    is_machine: bool
    state: tuple[FieldFacts, ...]
    commands: tuple[CommandFacts, ...] = ()
    own_measurements: tuple[str, ...] = ()
    default_driver: str | None = None
    drives: bool = True
    needs: frozenset[Ability] = frozenset()
    personal_arguments: frozenset[str] = frozenset()
    off_commands: tuple[str, ...] = ()
    further_needs: dict[str, Ability] = {}
    primary_commands: tuple[PrimaryCommand, ...] = ()
    secondary_commands: tuple[PrimaryCommand, ...] = ()
    buttons: tuple[PrimaryCommand, ...] = ()
    values: tuple[str, ...] = ()
    uses_clock: bool = False
    results: tuple[Result, ...] = ()
    makes: str | None = None
    resting_phases: tuple[str, ...] = ()
    finished_phases: tuple[str, ...] = ()
    unknown_phases: tuple[str, ...] = ()
    momentary_phases: tuple[str, ...] = ()
    unrecorded: frozenset[str] = frozenset()
    page_fields: frozenset[str] = frozenset()
    entity_class: EntityClass | None = None
    entity_device_class: str | None = None
    detections: dict[str, str | None] = {}


DERIVED = ("summary", "is_machine", "state", "commands", "own_measurements")
"""The facts that are not declared under the same name."""
DECLARED = tuple(name for name in KindFacts.__struct_fields__ if name not in DERIVED)


class NoOptions(Struct, frozen=True):
    """The options of a kind that only its own process can read."""


def facts_of(kind: type[Kind]) -> KindFacts:
    """Return the facts of a kind; raises HouseError for a type that other processes cannot know."""
    declared = {name: getattr(kind, name) for name in DECLARED if hasattr(kind, name)}
    own = set(kind.state_type.__struct_encode_fields__)
    try:
        return msgspec.convert(
            msgspec.to_builtins(
                {
                    **declared,
                    "summary": first_line(kind),
                    "is_machine": issubclass(kind, Machine),
                    "state": fields_of(kind.state_type),
                    "commands": [
                        CommandFacts(command.__name__, first_line(command), fields_of(command))
                        for command in kind.commands
                    ],
                    "own_measurements": sorted(kind.measurements() & own),
                }
            ),
            KindFacts,
        )
    except (msgspec.ValidationError, TypeError) as error:
        raise HouseError(f"a declaration of {kind.__name__} is not valid: {error}") from error


def kind_of(word: str, facts: KindFacts) -> type[Kind]:
    """Return a class with the declarations of a kind."""
    declared = {name: getattr(facts, name) for name in DECLARED}
    made: type[Kind] = type(
        facts.summary[:40] or word,
        (Machine if facts.is_machine else Kind,),
        {
            **declared,
            "__doc__": facts.summary,
            "__module__": f"daemons.kinds.{word}",
            "word": word,
            "options_type": NoOptions,
            "memory_type": NoOptions,
            "state_type": struct_of("State", facts.state, "Its state."),
            "commands": tuple(struct_of(one.name, one.arguments, one.summary) for one in facts.commands),
            "measurements": classmethod(_measurements(facts)),
        },
    )
    return made


def _measurements(facts: KindFacts) -> Any:
    own = frozenset(facts.own_measurements)

    def measurements(cls: type[Kind]) -> frozenset[str]:
        """Return the fields that are measurements."""
        base = Machine if issubclass(cls, Machine) else Kind
        return own | base.measurements.__func__(cls)  # type: ignore[attr-defined,no-any-return]

    return measurements


def fields_of(type_: type[Struct]) -> tuple[FieldFacts, ...]:
    """Return the fields of a state or a command; raises HouseError for a type that is not allowed."""
    found = []
    for field in structs.fields(type_):
        try:
            value = type_facts(field.type)
        except TypeError as error:
            text = f"{type_.__name__}.{field.name} is {error}; allowed: {ALLOWED}"
            raise HouseError(text) from error
        found.append(FieldFacts(field.encode_name, value, field.required))
    return tuple(found)


def type_facts(type_: Any) -> ValueType:
    """Return a type as data; raises TypeError with the name of a part that is not allowed."""
    info = inspect.type_info(type_)
    parts: Any = info.types if isinstance(info, inspect.UnionType) else (info,)
    plain, words, limits = list[Plain](), list[Any](), dict[str, Any]()
    for part in parts:
        match part:
            case inspect.NoneType():
                plain.append("null")
            case inspect.BoolType():
                plain.append("boolean")
            case inspect.IntType() | inspect.FloatType():
                plain.append("integer" if isinstance(part, inspect.IntType) else "number")
                limits |= {"lowest": part.ge, "highest": part.le}
            case inspect.StrType():
                plain.append("text")
                limits |= {"shortest": part.min_length, "longest": part.max_length}
            case inspect.LiteralType():
                words += part.values
            case inspect.CustomType(cls=cls) if cls in WORDS:
                plain.append(WORDS[cls])
            case _:
                raise TypeError(type(part).__name__)
    return ValueType(tuple(plain), tuple(words), **limits)


def type_of(facts: ValueType) -> Any:
    """Return the type that data describes."""
    found: list[Any] = [Literal[facts.words]] if facts.words else []
    for word in facts.plain:
        type_ = TYPES[word]
        if word in ("integer", "number") and (facts.lowest is not None or facts.highest is not None):
            type_ = Annotated[type_, Meta(ge=facts.lowest, le=facts.highest)]
        if word == "text" and (facts.shortest is not None or facts.longest is not None):
            type_ = Annotated[type_, Meta(min_length=facts.shortest, max_length=facts.longest)]
        found.append(type_)
    return Union[tuple(found)]  # noqa: UP007  the parts are not known here


def struct_of(name: str, fields: tuple[FieldFacts, ...], summary: str) -> type[Struct]:
    """Return a frozen Struct with these fields."""
    parts = [
        (one.name, type_of(one.type)) if one.required else (one.name, type_of(one.type), None)
        for one in fields
    ]
    return msgspec.defstruct(name, parts, frozen=True, kw_only=True, namespace={"__doc__": summary})


def first_line(documented: type) -> str:
    """Return the first line of a docstring."""
    return (documented.__doc__ or "").partition("\n")[0]
