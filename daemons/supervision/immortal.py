"""Makes the present objects of this process immortal, so that counting their references writes nothing.

Python counts the references to each object in the object itself. So a forked process that only reads an
object still writes to its page, and the kernel copies the page. The count of an immortal object never
changes (PEP 683), so its page stays shared by all forked processes.

An immortal object is never freed. This is right for what exists before the first fork: modules, classes,
functions and constants. Later objects of the parent are mortal as usual, so the parent does not grow. It
must close its present files and sockets explicitly, as supervisord does.
"""

import ctypes
import gc
import sys
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, GeneratorType, TracebackType
from typing import Any

SUPPORTED_VERSIONS = ((3, 12), (3, 13))
"""The versions of CPython in which an object is immortal if its count is that of None."""
RUNNING = frozenset((FrameType, GeneratorType, CoroutineType, AsyncGeneratorType, TracebackType))
"""The objects of running code stay mortal: at its end, they free its variables."""


def refusal() -> str | None:
    """Return why this Python cannot make objects immortal, or None if it can; one object is tried."""
    name = f"{sys.implementation.name} {'.'.join(map(str, sys.version_info[:3]))}{sys.abiflags}"
    if sys.implementation.name != "cpython" or sys.version_info[:2] not in SUPPORTED_VERSIONS:
        supported = " and ".join(f"{major}.{minor}" for major, minor in SUPPORTED_VERSIONS)
        return f"processes share their objects on CPython {supported} only; this is {name}"
    if sys.abiflags:  # a free-threaded or a debug build
        return f"processes share their objects on the usual build of CPython only; this is {name}"
    if not has_fixed_count(object()):
        return f"processes cannot share their objects: {name} counts references in an unknown way"
    return None


def has_fixed_count(probe: object) -> bool:
    """Make an object immortal; return whether its count was known before, and does not change now."""
    count = ctypes.c_ssize_t.from_address(id(probe))
    before, references = count.value, [probe] * 100
    if count.value != before + len(references):
        return False
    count.value = sys.getrefcount(None)
    references += [probe] * 100
    has_stayed = count.value == sys.getrefcount(None)
    references.clear()
    return has_stayed and count.value == sys.getrefcount(None)


def make_immortal() -> None:
    """Make each present object immortal, if `refusal` returns None; frozen objects are unfrozen.

    A second call does nothing: a supervisord that restarts itself frees the objects of its earlier run.
    """
    immortal, count_of, count_at = sys.getrefcount(None), sys.getrefcount, ctypes.c_ssize_t.from_address
    if count_of(sys.modules) == immortal:
        return
    gc.unfreeze()
    found: list[Any] = gc.get_objects()
    while found:
        new = []
        for object_ in found:
            if count_of(object_) != immortal and type(object_) not in RUNNING:
                count_at(id(object_)).value = immortal
                new.append(object_)
        found = gc.get_referents(*new)
        for object_ in new:
            if type(object_) is CodeType:  # get_referents returns nothing for it
                found += (object_.co_consts, object_.co_names, object_.co_name, object_.co_qualname)
