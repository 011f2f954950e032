"""Objects are made immortal only where this is known to work, and a forked process then shares them."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from daemons.supervision import immortal
from tests.support.patience import patience

IS_SUPPORTED = sys.implementation.name == "cpython" and sys.version_info[:2] in ((3, 12), (3, 13))
needs_immortality = pytest.mark.skipif(
    not IS_SUPPORTED or bool(sys.abiflags), reason="only CPython 3.12 and 3.13 have such immortal objects"
)


def run(code: str) -> str:
    """Run code in a process of its own, whose objects may become immortal; return its output."""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=patience(60)
    )
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_this_python_is_supported_or_refused() -> None:
    """The trial with one object agrees with the list of versions."""
    is_usual = IS_SUPPORTED and not sys.abiflags
    assert (immortal.refusal() is None) == is_usual
    if sys.version_info < (3, 14):
        assert immortal.has_fixed_count(object()) == is_usual


@pytest.mark.parametrize(
    ("name", "version", "flags", "where", "this"),
    [
        ("cpython", (3, 11, 2), "", "CPython 3.12 and 3.13", "cpython 3.11.2"),
        ("cpython", (3, 14, 0), "", "CPython 3.12 and 3.13", "cpython 3.14.0"),
        ("pypy", (3, 12, 1), "", "CPython 3.12 and 3.13", "pypy 3.12.1"),
        ("cpython", (3, 13, 0), "t", "the usual build of CPython", "cpython 3.13.0t"),
        ("cpython", (3, 12, 0), "d", "the usual build of CPython", "cpython 3.12.0d"),
    ],
)
def test_another_python_is_refused(
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    version: tuple[int, int, int],
    flags: str,
    where: str,
    this: str,
) -> None:
    """Another version or build is refused by its name, and no object is touched."""
    fake = SimpleNamespace(implementation=SimpleNamespace(name=name), version_info=version, abiflags=flags)
    monkeypatch.setattr(immortal, "sys", fake)
    assert immortal.refusal() == f"processes share their objects on {where} only; this is {this}"


def test_a_count_that_changes_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the count of the tried object still changes, no other object is touched."""
    fake = SimpleNamespace(
        implementation=SimpleNamespace(name="cpython"),
        version_info=(3, 12, 99),
        abiflags="",
        getrefcount=lambda _: 1_000_000,
    )
    monkeypatch.setattr(immortal, "sys", fake)
    assert immortal.refusal() == (
        "processes cannot share their objects: cpython 3.12.99 counts references in an unknown way"
    )


LIVES = """
import gc, sys, weakref
from daemons.supervision.immortal import make_immortal

class Thing: pass

def function():
    def inner():
        return number + 123456789, "a constant", b"bytes", 1.5, (1.25, "in a tuple")
    return inner

def generate():
    yield

running = generate()
next(running)
frozen, ring, cache = [Thing()], [], {"key": ("untracked", 987654321)}
ring.append(ring)
gc.freeze()
code = function.__code__
make_immortal()
immortal = sys.getrefcount(None)
constants = next(c for c in code.co_consts if hasattr(c, "co_consts")).co_consts
things = [Thing, function, code, code.co_consts, frozen, frozen[0], ring, cache, *cache["key"]]
for thing in [sys, sys.modules, *things, *constants, *constants[-1]]:
    assert sys.getrefcount(thing) == immortal, thing
assert sys.getrefcount(running) != immortal

# What comes later is freed, also out of an immortal container.
frozen.append(Thing())
cache["later"] = frozen[-1]
later = weakref.ref(frozen.pop())
assert later() is not None
del cache["later"]
assert later() is None
make_immortal()
assert sys.getrefcount(later) != immortal
print("ends as usual")
"""


@needs_immortality
def test_present_objects_become_immortal_and_later_ones_are_freed() -> None:
    """Each present object is immortal; later objects live and die as usual, and so does the process."""
    assert run(LIVES) == "ends as usual\n"


FORK = """
import os, sys
from daemons.supervision.immortal import make_immortal
texts = [f"text number {number}" for number in range(100_000)]
if sys.argv[-1] == "immortal":
    make_immortal()
def private_kilobytes():
    lines = open("/proc/self/smaps_rollup").read().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Private_Dirty:"))
if (pid := os.fork()) == 0:
    before = private_kilobytes()
    for text in texts:
        pass
    print(private_kilobytes() - before, flush=True)
    os._exit(0)
os.waitpid(pid, 0)
"""


@needs_immortality
def test_a_forked_process_shares_what_it_only_reads() -> None:
    """A loop over 100,000 texts copies their pages, some 7 MB, but if the texts are immortal."""
    copied, shared = (int(run(FORK.replace("sys.argv[-1]", repr(word)))) for word in ("mortal", "immortal"))
    assert copied > 5000
    assert shared < 500
