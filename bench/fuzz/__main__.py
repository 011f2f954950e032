"""Sends invalid messages to every socket of a temporary house, for a while.

usage: python -m bench.fuzz [--seconds 60] [--seed 1] [--rate 2000] [--growth 8] [--door WORD ...]

The house has a page with a token, an exchange with keys, emulated hardware, and, if mosquitto is installed,
a bridge and MQTT devices. For the first tenth of the time, an impostor holds the switch's publish socket.
Then each kind of junk is sent once to each address of each door, and at random for the rest of the time.
After each burst, a request that changes nothing must be answered. At the end the impostor publishes states
that are too long.

The output lists the frames by door and kind, and the answers. For each process it lists: deaths, new boots,
changes of its state or of its hardware's log, its memory at half of the time and at the end (proportional
set size in MB, proc(5): Pss), the messages its log reports as dropped, the number of these log lines, and its
other log lines.

The exit status is 1 if a process died, changed, did not answer, grew by more than --growth MB, or logged
dropped messages more than once a sender and window. Everything is local.
"""

import argparse
import signal
import sys
import time
from collections.abc import Iterable

from bench.fuzz.broker import Broker
from bench.fuzz.commands import Commands
from bench.fuzz.door import Door
from bench.fuzz.gateway import Gateway
from bench.fuzz.hardware import Hardware
from bench.fuzz.impostor import VICTIMS, Impostor
from bench.fuzz.junk import Junk
from bench.fuzz.page_http import PageHttp
from bench.fuzz.page_socket import PageSocket
from bench.fuzz.publishers import Publishers
from bench.fuzz.report import Findings, report
from bench.fuzz.strangers import Strangers
from bench.fuzz.supervisor import Supervisord
from bench.fuzz.tally import Tally
from bench.fuzz.target import SWITCH, Target
from bench.fuzz.watch import Watch
from bench.house import working_in
from daemons.errors import HouseError

DOORS: tuple[type[Door], ...] = (
    Commands, Publishers, PageHttp, PageSocket, Gateway, Strangers, Broker, Hardware, Supervisord,
)  # fmt: skip
FOLLOWERS = ("kitchen_lamp", "coffee_maker", "toaster")
"""What the switch switches on."""


class Fuzz:
    """Opens all doors of one house, and sends junk to them."""

    def __init__(self, target: Target, options: argparse.Namespace) -> None:
        self.tally = Tally()
        self.watch = Watch(target)
        self._target, self._rate, self._junk = target, options.rate, Junk(options.seed)
        self._impostor = Impostor(target, self._junk, self.tally, self.watch)
        kinds = [kind for kind in DOORS if not options.door or kind.__name__.lower() in options.door]
        if target.broker is None:
            kinds = [kind for kind in kinds if kind is not Broker]
        self._commands = Commands(target, self._junk, self.tally)
        self._doors = [
            self._commands if kind is Commands else kind(target, self._junk, self.tally) for kind in kinds
        ]

    def run(self, seconds: float) -> Findings:
        """Send junk for a time, and return what changed."""
        began = time.monotonic()
        self._prepare()
        before, dead = self.watch.visible_state(), self.watch.deaths()
        self._impostor.publish(seconds / 10, self._rate)
        self._warm_up()
        boots = self.watch.boots()
        dead |= {name: number for name, number in self.watch.deaths().items() if name in VICTIMS}
        self._send_random(seconds * 4 / 10)
        memory = self._memory()
        self._send_random(seconds * 5 / 10)
        end_memory, died = self._memory(), self.watch.deaths() - dead
        restarted = {name for name, boot in self.watch.boots().items() if boot != boots[name]}
        after = self.watch.visible_state()
        self._impostor.publish_oversized()
        try:
            self._prepare()
        except HouseError as error:
            self.tally.silent[f"after a frame beyond the limit, {SWITCH} is ignored: {error}"] += 1
        return Findings(time.monotonic() - began, before, after, memory, end_memory, died, restarted)

    def close(self) -> None:
        """Close every socket."""
        for door in self._doors:
            door.close()

    def _prepare(self) -> None:
        """Press three times, then switch the lamp on and the others off; HouseError without a reaction."""
        monitor, send = self.watch.monitor, self._commands.send_valid
        monitor.until(lambda: SWITCH in monitor.states, "a state of the switch")
        lit = monitor.states[SWITCH].state["status"] is True
        for _ in range(3):
            lit = not lit
            send(SWITCH, "press")
            for name in (SWITCH, *FOLLOWERS):
                monitor.until_shows(name, lit)
            for appliance in FOLLOWERS[1:]:
                send(appliance, "stop")
                monitor.until_shows(appliance, False)
        send(FOLLOWERS[0], "on")

    def _warm_up(self) -> None:
        """Send each kind to each address of each door once."""
        for door in self._doors:
            for kind in door.kinds().values():
                for address in door.addresses:
                    kind(address)
                    self._tick()

    def _send_random(self, seconds: float) -> None:
        """Send random kinds to random addresses of random doors, no faster than the rate."""
        end, random = time.monotonic() + seconds, self._junk.random
        while (began := time.monotonic()) < end:
            before = self.tally.sent.total()
            door = random.choice(self._doors)
            random.choice(list(door.kinds().values()))(random.choice(door.addresses))
            self._tick()
            due = began + (self.tally.sent.total() - before) / self._rate
            time.sleep(max(0.0, min(due, end) - time.monotonic()))

    def _tick(self) -> None:
        self.watch.monitor.receive()
        for door in self._doors:
            door.tick()

    def _memory(self) -> dict[str, float]:
        """Return the memory of each process, after it has handled all that was sent."""
        for door in self._doors:
            door.settle()
        for name in self._target.names * 2:
            self._commands.check(name)
        return self.watch.memory()


def fuzz(options: argparse.Namespace) -> list[str]:
    """Fuzz a temporary house, print the result, and return each broken promise."""
    with Target() as target, working_in(target.home):
        target.prepare()
        fuzzer = Fuzz(target, options)
        try:
            return report(fuzzer.run(options.seconds), fuzzer.tally, options.growth)
        finally:
            fuzzer.close()


def parse(words: Iterable[str] | None = None) -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rate", type=float, default=2000, help="the most frames a second")
    parser.add_argument("--growth", type=float, default=8, help="the most MB that a process may grow")
    names = [door.__name__.lower() for door in DOORS]
    parser.add_argument("--door", nargs="*", choices=names, help="only these doors")
    return parser.parse_args(list(words) if words is not None else None)


def main() -> None:
    """Fuzz, and exit with 1 if a promise was broken."""
    options = parse()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit("ended by SIGTERM"))
    broken = fuzz(options)
    print(f"\nBroken, with --seed {options.seed}:" if broken else "\nNothing broke.")
    for promise in broken:
        print(f"  {promise}")
    sys.exit(1 if broken else 0)


if __name__ == "__main__":
    main()
