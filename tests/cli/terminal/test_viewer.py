"""`house mirror` in a real terminal with a real house: the display, the keys, and the end."""

import os
import signal
import statistics
import termios
import time

import pytest

from daemons.bus.origin import Reason
from daemons.cli.terminal.window import ENTER, LEAVE
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse
from tests.support.patience import patience
from tests.support.pty_terminal import glass

HINT = "⏎ press"
"""The last line contains this once the house is drawn, because the light switch is selected first."""


def test_enter_presses_the_switch_and_shows_the_followers(breakfast: TemporaryHouse) -> None:
    """The receipt and the followers are shown, and the phases until breakfast is ready."""
    with glass(breakfast) as view:
        view.until(HINT, "All is quiet.", "▸Bathroom   Bathroom light").press("\n")
        view.until("Bathroom light: press applied", "brewing")
        view.until("Breakfast is ready.", "Bathroom light on → ")
        followed = view.line("Bathroom light on → ").partition("→ ")[2].strip()
        assert sorted(followed.split(", ")) == ["Coffee maker", "Kitchen lamp", "Toaster"]
        assert [switching.on for switching in breakfast.switchings("bathroom_light")] == [True]
        assert "● live" in view.line("Toaster          ready")
    with breakfast.listen("bathroom_light") as listener:
        listener.wait_for(lambda it: it.states)
    assert listener.states["bathroom_light"].reason == Reason("command", "terminal")


def test_a_command_without_effect_shows_a_notice(breakfast: TemporaryHouse) -> None:
    """A command that is refused, or that gets no answer, has a notice in the view."""
    with glass(breakfast) as view:
        view.until(HINT).press("2\n")
        view.until("there is no notice to acknowledge")
        pid = breakfast.kill("coffee_maker", signal.SIGSTOP)
        view.press("3\n").until("Coffee maker: start …").press("kj")
        view.until("Coffee maker: start: no answer within 2 s")
        os.kill(pid, signal.SIGCONT)


def test_r_twice_restarts_a_process_while_the_view_continues(breakfast: TemporaryHouse) -> None:
    """The first `r` only asks. Keys still work while the restart runs; its result is a notice."""
    before = breakfast.pids()
    with glass(breakfast) as view:
        view.until(HINT).press("4r").until("Restart Toaster? Press r again.")
        assert breakfast.pids() == before
        breakfast.kill("toaster", signal.SIGSTOP)
        view.press("4rr").until("Restarting Toaster …")
        view.press("1rr").until("▸Bathroom   Bathroom light", "Toaster is still being restarted.")
        assert "restarted in" not in view.text
        view.until("Toaster: restarted in ")
    after = breakfast.pids()
    assert {name for name in before if before[name] != after[name]} == {"toaster"}


@pytest.mark.long
def test_a_running_restart_finishes_after_the_view_has_ended(breakfast: TemporaryHouse) -> None:
    """After the view has ended, the device runs again."""
    old = breakfast.kill("toaster", signal.SIGSTOP)
    with glass(breakfast) as view:
        view.until(HINT).press("4rr").until("Restarting Toaster …").press("q")
        assert view.end() == 0
    assert breakfast.pids()["toaster"] not in (old, None)


@pytest.mark.long
def test_a_restart_during_another_command_is_refused(breakfast: TemporaryHouse) -> None:
    """Only one command changes a house at a time; the view shows a notice and restarts nothing."""
    before = breakfast.pids()
    breakfast.kill("kitchen_lamp", signal.SIGSTOP)
    with glass(breakfast) as view:
        view.until(HINT)
        with breakfast.house_running("restart", "kitchen_lamp") as other:
            view.until("restarting").press("4rr")
            view.until(f"Toaster: not restarted; another command (PID {other.pid}) is changing the house")
            other.wait()
    assert breakfast.pids()["toaster"] == before["toaster"]


def test_l_shows_the_log_and_the_question_mark_the_keys(breakfast: TemporaryHouse) -> None:
    """The log is that of the selected device, also in a terminal of 24 lines."""
    with glass(breakfast, columns=80, rows=24) as view:
        view.until(HINT).press("4l").until("The log of toaster", "toaster: is up (PID")
        view.press("k").until("The log of coffee_maker", "coffee_maker: is up (PID", without="toaster: is up")
        view.press("?").until("restart the device's process", without="The log of")
        view.press("?").until(without="restart the device's process")


@pytest.mark.long
def test_the_view_follows_down_up_and_reload(breakfast: TemporaryHouse) -> None:
    """The view shows that the house is down, reconnects, and shows a new device; keys work again."""
    with glass(breakfast) as view:
        view.until(HINT)
        breakfast.house("down")
        view.until("The house is not up; `house up` (or `make up`) starts it.", without="● live")
        breakfast.house("up")
        view.until("All is quiet.", without="offline").press("\n").until("Bathroom light: press applied")
        breakfast.config.write_text(BREAKFAST + '[devices.kettle]\nkind = "toaster"\ndriver = "simulated"\n')
        breakfast.house("reload")
        view.until("Kettle").press("1\n").until("Kettle: start applied")


@pytest.mark.long
def test_a_hanging_mirror_delays_no_key(breakfast: TemporaryHouse) -> None:
    """The view shows the states of the devices, and reacts to keys while it waits for the mirror."""
    with glass(breakfast) as view:
        view.until(HINT)
        pid = breakfast.kill("mirror", signal.SIGSTOP)
        view.until("The mirror does not answer", "● live")
        took = []
        for key, row in [("j", "▸           Smart mirror"), ("k", "▸Bathroom")] * 5:
            began = time.monotonic()
            view.press(key).until(row)
            took.append(time.monotonic() - began)
            time.sleep(0.1)  # at several moments of the second in which the view waits for the mirror
        # With a wait for the mirror, each would take more than a second.
        assert statistics.median(took) < patience(0.5)
        os.kill(pid, signal.SIGCONT)
        view.until("All is quiet.")


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("q", 0),
        ("\x03", 0),
        pytest.param(signal.SIGINT, 0, marks=pytest.mark.long),
        (signal.SIGTERM, -signal.SIGTERM),
        pytest.param(signal.SIGHUP, -signal.SIGHUP, marks=pytest.mark.long),
    ],
)
def test_the_terminal_is_restored_at_every_end_of_the_view(
    make_house: HouseFactory, ending: str | signal.Signals, status: int
) -> None:
    """Modes, screen and cursor are restored; a signal that ends the view is raised again."""
    with glass(make_house()) as view:
        before = termios.tcgetattr(view.program)
        view.until("The house is not up")
        assert view.other_screen
        assert termios.tcgetattr(view.program) != before
        if isinstance(ending, str):
            view.press(ending)
        else:
            view.process.send_signal(ending)
        assert view.end() == status
        assert termios.tcgetattr(view.program) == before
        assert view.sent.endswith(LEAVE.encode())
        assert not view.other_screen


def test_ctrl_z_releases_the_terminal_until_the_view_continues(make_house: HouseFactory) -> None:
    """The shell has the terminal meanwhile; afterwards everything is drawn again, and keys work."""
    with glass(make_house(), in_shell=True) as view:
        view.until("The house is not up").press("\x1a")
        view.until("stopped, and the terminal is as it was", without="The house is not up")
        assert not view.other_screen
        view.press("\n").until("The house is not up", "▸Bathroom")
        assert view.other_screen
        view.press("j").until("▸           Smart mirror").press("q")
        assert view.end() == 0
        assert not view.other_screen


def test_the_view_draws_everything_again_after_sigstop(make_house: HouseFactory) -> None:
    """SIGSTOP cannot be caught, and another program may have used the terminal meanwhile."""
    with glass(make_house()) as view:
        view.until("The house is not up")
        view.process.send_signal(signal.SIGSTOP)
        view.sent = b""
        view.process.send_signal(signal.SIGCONT)
        view.press("j").until("▸           Smart mirror").press("q")
        assert view.end() == 0
        assert ENTER.encode() in view.sent


def test_a_resized_terminal_is_drawn_again(make_house: HouseFactory) -> None:
    """The shown columns depend on the new width."""
    with glass(make_house(), columns=110) as view:
        view.until("Process", "Power", "Heard")
        view.resize(60, 20)
        view.until("Presence", without="Heard")
        assert max(view.rows) == 20
        view.resize(110, 30)
        view.until("Process", "Power", "Heard", "Detail")


def test_a_closed_terminal_ends_the_view(make_house: HouseFactory) -> None:
    """The process ends when the terminal is closed."""
    with glass(make_house()) as view:
        view.until("The house is not up")
        os.close(view.keyboard)
        os.close(view.program)
        view.keyboard, view.program = os.openpty()
        assert view.process.wait(10) in (0, -signal.SIGHUP)


def test_the_view_works_without_a_keyboard(make_house: HouseFactory) -> None:
    """The last line has only Ctrl-C, because no other key is read."""
    with glass(make_house(), keys=False) as view:
        view.until("The house is not up", "Ctrl-C ends", without="q end")
        view.process.send_signal(signal.SIGINT)
        assert view.end() == 0


def test_a_dumb_terminal_gets_plain_lines(make_house: HouseFactory) -> None:
    """With TERM=dumb, the output has no control sequence."""
    with glass(make_house(), TERM="dumb") as view:
        view.until("The house is not up", "toaster  offline")
        assert b"\x1b" not in view.sent
