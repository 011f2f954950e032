"""Templates of Home Assistant in a sandbox that can be cut: Jinja2, with few functions and small values.

A template has 50 ms of processor time. It has no macros and no includes, so only loops repeat anything, and
each round of a loop, each filter and each call looks at the time. No operation makes a large value: the sizes
of texts, numbers and lists are limited before they are made. What is not supported is refused by its name
when the configuration is checked.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, wraps
from time import thread_time
from typing import Any

import msgspec
from jinja2 import ChainableUndefined, TemplateError, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.visitor import NodeTransformer

from daemons.drivers.generic_mqtt.template_filter import (
    FILTERS,
    GLOBALS,
    MissingValue,
    TooLarge,
    check_operands,
    check_size,
)

MOST_SECONDS = 0.05
"""The processor time of one evaluation."""
LONGEST_RESULT = 1000
"""The longest result, in characters. A longer one is no value."""
LONGEST_MESSAGE = 16 * 1024
"""The longest message that a template reads."""
METHODS = {
    "get", "items", "keys", "values", "split", "rsplit", "splitlines", "strip", "lstrip", "rstrip", "lower",
    "upper", "title", "capitalize", "startswith", "endswith", "find", "rfind", "count", "index", "isdigit",
    "isnumeric", "isalpha", "removeprefix", "removesuffix",
}  # fmt: skip
"""The methods of texts, lists and tables: none of them makes a larger value."""
TESTS = {
    "boolean", "defined", "divisibleby", "eq", "==", "equalto", "even", "false", "float", "ge", ">=", "gt",
    ">", "greaterthan", "in", "integer", "iterable", "le", "<=", "lessthan", "lower", "lt", "<", "mapping",
    "ne", "!=", "none", "number", "odd", "sameas", "sequence", "string", "true", "undefined", "upper",
}  # fmt: skip
NODES = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.Const, nodes.Getattr, nodes.Getitem,
    nodes.Slice, nodes.If, nodes.For, nodes.Assign, nodes.With, nodes.CondExpr, nodes.And, nodes.Or,
    nodes.Not, nodes.Compare, nodes.Operand, nodes.Add, nodes.Sub, nodes.Mul, nodes.Div, nodes.FloorDiv,
    nodes.Mod, nodes.Pow, nodes.Neg, nodes.Pos, nodes.Concat, nodes.Filter, nodes.Test, nodes.Call,
    nodes.Keyword, nodes.List, nodes.Tuple, nodes.Dict, nodes.Pair,
)  # fmt: skip
"""The parts that a template may have."""
NAMES = {"value", "value_json"}
"""The message as text, and as a document if it is JSON."""


class TooLong(TemplateError):
    """A template has used up its time."""


class Environment(ImmutableSandboxedEnvironment):
    """The sandbox. It measures the time of one evaluation after another, each in one thread."""

    def __init__(self) -> None:
        super().__init__(undefined=ChainableUndefined, finalize=check_size, autoescape=False, optimized=False)
        self.intercepted_binops = frozenset({"+", "*", "**", "%"})
        self._ends_at = 0.0
        filters = {name: self._limited(function) for name, function in FILTERS.items()}
        own = {"map", "select", "reject", "selectattr", "rejectattr"}
        self.filters = {name: function for name, function in self.filters.items() if name in own} | filters
        self.filters |= {"_rounds": self._rounds, "_sized": check_size, "_joined": self._joined}
        self.tests = {name: function for name, function in self.tests.items() if name in TESTS}
        self.globals = {name: self._limited(function) for name, function in GLOBALS.items()}

    def begin(self) -> None:
        """Begin the time of an evaluation."""
        self._ends_at = thread_time() + MOST_SECONDS

    def check_time(self) -> None:
        """Raise TooLong if the time of the evaluation is over."""
        if thread_time() > self._ends_at:
            raise TooLong(f"it takes longer than {MOST_SECONDS * 1000:.0f} ms")

    def call(self, *args: Any, **options: Any) -> Any:
        """Call a function or a method while there is time."""
        self.check_time()
        return super().call(*args, **options)

    def call_binop(self, context: Any, operator: str, left: Any, right: Any) -> Any:
        """Calculate, unless the result would be large."""
        self.check_time()
        check_operands(operator, left, right)
        return super().call_binop(context, operator, left, right)

    def _rounds(self, iterable: Iterable[Any]) -> Iterator[Any]:
        """Yield the rounds of a loop while there is time."""
        for item in () if isinstance(iterable, Undefined) else iterable:
            self.check_time()
            yield item

    def _joined(self, parts: list[Any]) -> str:
        """Return what `~` makes."""
        self.check_time()
        return str(check_size("".join(str(check_size(part)) for part in parts)))

    def _limited(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that looks at the time first, and makes no large value."""

        @wraps(function)
        def limited(*args: Any, **options: Any) -> Any:
            self.check_time()
            return check_size(function(*args, **options))

        return limited


class Limits(NodeTransformer):
    """Adds the limits to a template: to each loop, to `~`, and to each list or table that it makes."""

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802  the name is jinja2's
        """Look at the time in each round."""
        self.generic_visit(node)
        node.iter = filtered(node.iter, "_rounds")
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        """Make a text only if it is not large."""
        self.generic_visit(node)
        return filtered(nodes.List(node.nodes, lineno=node.lineno), "_joined")

    def visit_List(self, node: nodes.Expr) -> nodes.Node:  # noqa: N802
        """Count what is in a list or a table, all levels of it."""
        self.generic_visit(node)
        return node if getattr(node, "ctx", "load") == "store" else filtered(node, "_sized")

    visit_Tuple = visit_Dict = visit_List  # noqa: N815


def filtered(node: Any, name: str) -> nodes.Filter:
    """Return an expression that goes through a filter."""
    return nodes.Filter(node, name, [], [], None, None, lineno=node.lineno)


class Template:
    """One template; ValueError says what it has that is not supported."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._environment = environment()
        try:
            tree = self._environment.parse(text)
            if problem := next(problems(tree, self._environment), None):
                raise ValueError(f"the template {quoted(text)} uses {problem}, which House does not support")
            self._compiled = self._environment.from_string(Limits().visit(tree))
        except TemplateSyntaxError as error:
            raise ValueError(f"the template {quoted(text)} is not valid: {error.message}") from error

    def render(self, message: str, document: Any = msgspec.UNSET) -> str | None:
        """Return what it makes of a message; None if a value that it needs is missing.

        `document` is the message, decoded, if it is JSON. Raises ValueError if it fails or takes too long.
        """
        if len(message) > LONGEST_MESSAGE:
            raise ValueError(f"a message for a template has at most {LONGEST_MESSAGE} characters")
        names = {"value": message} | ({} if document is msgspec.UNSET else {"value_json": document})
        self._environment.begin()
        found = ""
        try:
            for part in self._compiled.generate(**names):
                found += part
                if len(found) > LONGEST_RESULT:
                    raise TooLarge(f"its result is longer than {LONGEST_RESULT} characters")
        except (MissingValue, UndefinedError):
            return None
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError) as error:
            raise ValueError(f"the template {quoted(self._text)} fails: {error}") from error
        return found.strip() or None


@cache
def environment() -> Environment:
    """Return the sandbox of this process."""
    return Environment()


def problems(tree: nodes.Template, environment: Environment) -> Iterator[str]:
    """Yield the name of each thing in a template that is not supported."""
    stored = {node.name for node in tree.find_all(nodes.Name) if node.ctx in ("store", "param")}
    for node in tree.find_all(nodes.Node):
        match node:
            case nodes.Filter(name=name) if name not in environment.filters or name.startswith("_"):
                yield f"the filter {name}"
            case nodes.Test(name=name) if name not in environment.tests:
                yield f"the test {name}"
            case nodes.Name(name=name) if name not in {*NAMES, *environment.globals, *stored, "loop"}:
                yield name
            case nodes.Call(node=nodes.Getattr(attr=name)) if name not in METHODS:
                yield f"the method {name}"
            case nodes.Getattr(attr=name) if name.startswith("_"):
                yield f"the attribute {name}"
            case nodes.Call(node=nodes.Name(name=name)) if name in stored:
                yield f"a call of {name}"
            case nodes.Call(node=called) if not isinstance(called, nodes.Getattr | nodes.Name):
                yield "a call of a value"
            case nodes.For(recursive=True):
                yield "a recursive loop"
            case _ if not isinstance(node, NODES):
                yield f"the statement {type(node).__name__.lower()}"


def quoted(text: str) -> str:
    """Return the beginning of a template, in one line."""
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."  # noqa: PLR2004
