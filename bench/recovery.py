"""How soon a house is itself again after a kill, a hang, a restart, `up` and `down`; shipped and stock.

usage: python bench/recovery.py [--kills 200] [--seed 1] [--quick]

Shipped is the house as it is: supervisord with the nursery, and the steward. Stock, beside it in the
same run, is supervisord without its section [rpcinterface:nursery], so that every process is a
new interpreter by execve, and with the steward stopped; it gets a tenth of the kills, for each
takes one or two seconds. Stock's figures of `house` commands are still kind to it: these ask
supervisord again and again, which turns its loop; the rows of supervisorctl show it alone.

Times are in milliseconds, memory is the proportional set size in MB (proc(5), smaps_rollup:
Pss). "On the mirror" is timed from the kill to the first answer to `snapshot` that has the
successor's state in it, asked again and again through one DEALER, so the way there and back is
in it; where the mirror itself is the victim, to its first answer with every process live. The
ratio is stock to shipped. Everything runs in temporary folders, over ipc, and stops by itself.
"""

import argparse
import math
import os
import random
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple, Self

import zmq
from footprint import pss

from daemons import place
from daemons.bus import Context, command, open_socket
from daemons.errors import HouseError
from daemons.message import STEWARD, decode_receipt, encode
from daemons.supervise import PIDFILE, Supervisor, ended

PROJECT = Path(__file__).parent.parent
BREAKFAST = (PROJECT / "config" / "house.toml").read_text()
LAMP = '[devices.lamp_{}]\nkind = "lamp"\ndriver = "simulated"\n'
HOUSE = [sys.executable, "-P", "-m", "daemons.cli"]
SUPERVISORCTL = [sys.executable, "-P", "-m", "supervisor.supervisorctl", "-c", "../supervisord.conf"]
NURSERY = re.compile(r"\[rpcinterface:nursery\]\n.*\n")
PATIENCE = 60.0
"""After so many seconds nothing is waited for any more: the benchmark has failed."""
ASK_AGAIN_MS = 5
"""How soon the mirror is asked once more when it does not answer."""

Figures = dict[str, float]


class Amount(NamedTuple):
    """How much is measured."""

    kills: int
    restarts: int
    runs: int
    hangs: int
    lamps: int
    alone: bool
    """Whether supervisord is also measured by itself, which takes half a minute."""


class Home:
    """A house of its own in a temporary folder; whatever happens, it is ended and leaves nothing."""

    def __init__(self, toml: str, *, stock: bool = False) -> None:
        """Without the nursery's section it is stock supervisord that starts every process."""
        self._folder = tempfile.TemporaryDirectory()
        folder = Path(self._folder.name)
        self.stock = stock
        self.run = folder / "run"
        own = {"RUN": self.run, "CONFIG": folder / "house.toml", "SUPERVISORD": folder / "supervisord.conf"}
        self._environment = {**os.environ, **{f"HOUSE_{key}": str(path) for key, path in own.items()}}
        own["CONFIG"].write_text(toml)
        conf = (PROJECT / "supervisord.conf").read_text()
        own["SUPERVISORD"].write_text(NURSERY.sub("", conf) if stock else conf)

    def house(self, *words: str) -> float:
        """Run a `house` command; give the seconds it took."""
        return self.command([*HOUSE, *words])

    def command(self, words: list[str]) -> float:
        """Run any command in this house; give the seconds it took."""
        began = time.perf_counter()
        subprocess.run(
            words, env=self._environment, check=True, stdout=subprocess.DEVNULL, timeout=2 * PATIENCE
        )
        return time.perf_counter() - began

    def dismiss(self) -> None:
        """Stop the steward, if this is a stock house."""
        if self.stock:
            Supervisor().call("stopProcess", STEWARD)

    def __enter__(self) -> Self:
        """Work inside its run directory, where its sockets have short names."""
        place.enter(self.run)
        return self

    def __exit__(self, *_: object) -> None:
        """End it; with supervisord its children die."""
        try:
            self.house("down")
        except subprocess.SubprocessError:
            os.kill(int(Path(PIDFILE).read_text()), signal.SIGKILL)
        finally:
            os.chdir("/")
            self._folder.cleanup()


class Mirror:
    """What the mirror says, asked again and again through one socket."""

    def __init__(self, context: Context) -> None:
        self._socket = open_socket(context, zmq.DEALER)
        self._socket.set(zmq.LINGER, 0)
        self._socket.set(zmq.RECONNECT_IVL, 1)  # what is timed is the mirror's return, not ours to it
        self._socket.set(zmq.RECONNECT_IVL_MAX, 0)
        self._socket.connect(place.command_endpoint("mirror"))
        self._asked: set[str] = set()
        self._without: set[str] = set()

    def ask(self) -> dict[str, Any]:
        """Give what it knows of each process; nothing when it does not answer just now."""
        wish = command("snapshot", PATIENCE)
        self._asked.add(wish.id)
        self._socket.send(encode(wish))
        answer: dict[str, Any] = {}
        while not answer and self._socket.poll(ASK_AGAIN_MS):
            receipt = decode_receipt(self._socket.recv_multipart()[-1])
            if receipt.id in self._asked:
                answer = dict((receipt.result or {})["devices"])
        for name in self._without:
            answer.pop(name, None)
        return answer

    def until(self, holds: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        """Ask until an answer is as wanted, and give it; what was asked before does not count."""
        self._asked.clear()
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            answer = self.ask()
            if answer and holds(answer):
                return answer
        raise HouseError(f"the house did not become as expected within {PATIENCE:g} s")

    def forget(self, name: str) -> None:
        """Leave a process out of the answers from now on."""
        self._without.add(name)


@contextmanager
def mirror_of(home: Home) -> Iterator[Mirror]:
    """Have somebody to ask, once every process is live; stock, without a steward from then on."""
    context: Context = zmq.Context()
    try:
        mirror = Mirror(context)
        mirror.until(all_live)
        if home.stock:
            home.dismiss()  # only now, for what it said last of a device is shown for some time
            mirror.forget(STEWARD)
        yield mirror
    finally:
        context.destroy(linger=0)


def all_live(answer: dict[str, Any]) -> bool:
    """Tell whether every process is live and has been heard with its PID."""
    return all(known["presence"] == "live" and known["pid"] for known in answer.values())


def harm(mirror: Mirror, name: str, number: signal.Signals) -> tuple[float, float]:
    """Send a process a signal; give the seconds to its successor's state, and until all are live again."""
    known = mirror.until(all_live)[name]
    began = time.perf_counter()
    os.kill(known["pid"], number)

    def back(answer: dict[str, Any]) -> bool:
        is_new = (answer[name]["boot"] or 0) > known["boot"]
        return is_new and (name != "mirror" or all(other["presence"] == "live" for other in answer.values()))

    mirror.until(back)
    took = time.perf_counter() - began
    mirror.until(lambda answer: all_live(answer) and answer[name]["pid"] != known["pid"])
    return took, time.perf_counter() - began


def kills(mirror: Mirror, number: int, pause: float, chance: random.Random) -> Figures:
    """Kill at random, each time once all are live again; `pause` keeps us out of step with any tick."""
    names = sorted(mirror.until(all_live))
    shown: dict[str, list[float]] = {}
    live: list[float] = []
    for _ in range(number):
        time.sleep(chance.uniform(0, pause))
        name = chance.choice(names)
        seconds = harm(mirror, name, signal.SIGKILL)
        shown.setdefault(name if name in ("mirror", STEWARD) else "a device", []).append(1000 * seconds[0])
        live.append(1000 * seconds[1])
    every = [took for found in shown.values() for took in found]
    return {
        "kill -9: state on the mirror, p50 ms": statistics.median(every),
        "kill -9: state on the mirror, p99 ms": quantile(every, 0.99),
        "kill -9: state on the mirror, max ms": max(every),
        **{f"  of {who}, p50 ms": statistics.median(found) for who, found in sorted(shown.items())},
        "kill -9: all shown live again, p50 ms": statistics.median(live),
        "kill -9: all shown live again, p99 ms": quantile(live, 0.99),
    }


def quantile(values: list[float], part: float) -> float:
    """Give the smallest value that so large a part of them does not exceed."""
    return sorted(values)[max(0, math.ceil(len(values) * part) - 1)]


def memory() -> Figures:
    """Weigh every process of the house."""
    pids = {name: info["pid"] for name, info in Supervisor().processes().items() if info["pid"]}
    weights = {name: pss(pid) for name, pid in pids.items()}
    devices = [mb for name, mb in weights.items() if name != STEWARD]
    supervisord = pss(int(Path(PIDFILE).read_text()))
    number = len(devices)
    return {
        f"PSS of each of {number} devices, MB": statistics.median(devices),
        f"PSS of supervisord with {number} devices, MB": supervisord,
        f"PSS of all processes with {number} devices, MB": supervisord + sum(weights.values()),
    }


def ups_and_downs(home: Home, runs: int, title: str) -> Figures:
    """End and start a house that is up, so many times; it is up afterwards."""
    downs, ups = [], []
    for _ in range(runs):
        downs.append(home.house("down"))
        ups.append(home.house("up"))
        home.dismiss()
    return {
        f"house up, warm, {title}, ms": 1000 * statistics.median(ups),
        f"house down, {title}, ms": 1000 * statistics.median(downs),
    }


def shutdown_alone(home: Home, title: str) -> Figures:
    """End a house by supervisorctl instead of by `house down`."""
    with ended(int(Path(PIDFILE).read_text())) as wait:
        began = time.perf_counter()
        home.command([*SUPERVISORCTL, "shutdown"])
        if not wait(2 * PATIENCE):
            raise HouseError("supervisord does not end")
        return {f"supervisorctl shutdown, {title}, ms": 1000 * (time.perf_counter() - began)}


def measure(amount: Amount, seed: int, *, stock: bool) -> Figures:
    """Measure everything, one way."""
    say = "stock" if stock else "shipped"
    chance = random.Random(seed)  # noqa: S311  it shall be repeatable
    figures: Figures = {}
    with Home(BREAKFAST, stock=stock) as home:
        home.house("up")
        with mirror_of(home) as mirror:
            time.sleep(1)
            weights = memory()
            print(f"{say}: {amount.kills} kills", file=sys.stderr)
            figures |= kills(mirror, amount.kills, 1.0 if stock else 0.1, chance)
            if not stock:
                print(f"{say}: {amount.hangs} hangs", file=sys.stderr)
                names = [name for name in sorted(mirror.until(all_live)) if name not in ("mirror", STEWARD)]
                hangs = [harm(mirror, chance.choice(names), signal.SIGSTOP)[0] for _ in range(amount.hangs)]
                figures["SIGSTOP: state on the mirror, median ms"] = 1000 * statistics.median(hangs)
        print(f"{say}: restarts, up and down", file=sys.stderr)
        restarts = [home.house("restart", "toaster") for _ in range(amount.restarts)]
        starts = [home.house("--version") for _ in range(amount.restarts)]
        figures["house restart toaster, ms"] = 1000 * statistics.median(restarts)
        figures["  of which: house --version, ms"] = 1000 * statistics.median(starts)
        if amount.alone:
            alone = [home.command([*SUPERVISORCTL, "restart", "toaster"]) for _ in range(amount.runs)]
            figures["supervisorctl restart toaster, ms"] = 1000 * statistics.median(alone)
        figures |= ups_and_downs(home, amount.runs, "breakfast house")
    lamps = f"{amount.lamps} lamps"
    print(f"{say}: {lamps}", file=sys.stderr)
    with Home("".join(LAMP.format(index) for index in range(amount.lamps)), stock=stock) as home:
        home.house("up")
        home.dismiss()
        figures |= ups_and_downs(home, amount.runs, lamps)
        time.sleep(1)
        weights |= memory()
        if amount.alone:
            figures |= shutdown_alone(home, lamps)
    return figures | weights


def main() -> None:
    """Measure both ways, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=200, help="how many with the nursery; stock: a tenth")
    parser.add_argument("--seed", type=int, default=1, help="who is killed, and when")
    parser.add_argument("--quick", action="store_true", help="less of everything, in half a minute")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    many = Amount(max(1, options.kills), restarts=5, runs=3, hangs=3, lamps=50, alone=True)
    quick = Amount(min(many.kills, 20), restarts=1, runs=1, hangs=1, lamps=10, alone=False)
    amount = quick if options.quick else many
    shipped = measure(amount, options.seed, stock=False)
    few = amount._replace(kills=max(3, amount.kills // 10))
    stock = measure(few, options.seed, stock=True)
    print(f"CPython {sys.version.split()[0]}; {amount.kills} kills shipped, {few.kills} stock")
    print(f"{'':<50}{'shipped':>9}{'stock':>9}{'ratio':>8}")
    for figure, value in shipped.items():
        digits = 1 if "MB" in figure or value < 100 else 0
        other = f"{stock[figure]:9.{digits}f}{stock[figure] / value:8.2f}" if figure in stock else f"{'–':>9}"
        print(f"{figure:<50}{value:9.{digits}f}{other}")


if __name__ == "__main__":
    main()
