"""`house mirror` in a real terminal, of a real house: what is seen, what keys do, and how it ends."""

import os
import signal
import statistics
import termios
import time

import pytest

from daemons.cli.terminal.window import ENTER, LEAVE
from tests.support.house import BREAKFAST, HouseFactory, TemporaryHouse
from tests.support.pty_terminal import glass

HINT = "⏎ press"
"""Stands below as soon as the house is seen, for the light switch is selected first."""


def test_a_key_presses_the_switch_and_breakfast_is_made(breakfast: TemporaryHouse) -> None:
    """The receipt is told, and what followed; the same truth as everywhere, until all is ready."""
    with glass(breakfast) as view:
        view.until(HINT, "All is quiet.", "▸Bathroom   Bathroom light").press("\n")
        view.until("Bathroom light: press applied", "brewing")
        view.until("Breakfast is ready.", "Bathroom light on → ")
        followed = view.line("Bathroom light on → ").partition("→ ")[2].strip()
        assert sorted(followed.split(", ")) == ["Coffee maker", "Kitchen lamp", "Toaster"]
        assert [switching.on for switching in breakfast.switchings("bathroom_light")] == [True]
        assert "● live" in view.line("Toaster          ready")


def test_what_a_device_refuses_is_told_with_the_reason(breakfast: TemporaryHouse) -> None:
    """A rejected command leaves the view as it is, with a line below."""
    with glass(breakfast) as view:
        view.until(HINT).press("2\n")
        view.until("Smart mirror takes no command.")
        pid = breakfast.kill("coffee_maker", signal.SIGSTOP)
        view.press("3\n").until("Coffee maker: start …").press("kj")
        view.until("Coffee maker: start: no answer within 2 s")
        os.kill(pid, signal.SIGCONT)


def test_r_twice_restarts_a_process_and_the_view_goes_on(breakfast: TemporaryHouse) -> None:
    """The first `r` only asks. While a frozen process is brought down, keys still work; then it is told."""
    before = breakfast.pids()
    with glass(breakfast) as view:
        view.until(HINT).press("4r").until("Restart Toaster? r again does.")
        assert breakfast.pids() == before
        breakfast.kill("toaster", signal.SIGSTOP)
        view.press("4rr").until("Restarting Toaster …")
        view.press("1rr").until("▸Bathroom   Bathroom light", "Toaster is still being restarted.")
        assert "restarted in" not in view.text
        view.until("Toaster: restarted in ")
    after = breakfast.pids()
    assert {name for name in before if before[name] != after[name]} == {"toaster"}


def test_a_restart_under_way_is_finished_when_the_view_ends(breakfast: TemporaryHouse) -> None:
    """Closing the window does not leave a device stopped."""
    old = breakfast.kill("toaster", signal.SIGSTOP)
    with glass(breakfast) as view:
        view.until(HINT).press("4rr").until("Restarting Toaster …").press("q")
        assert view.end() == 0
    assert breakfast.pids()["toaster"] not in (old, None)


def test_another_command_in_the_house_is_told(breakfast: TemporaryHouse) -> None:
    """Two do not change one house at a time; the view says so, and tries nothing."""
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
    """Of the device that is selected; where the terminal is low, too."""
    with glass(breakfast, columns=80, rows=24) as view:
        view.until(HINT).press("4l").until("The log of toaster", "toaster: is up (PID")
        view.press("k").until("The log of coffee_maker", "coffee_maker: is up (PID", without="toaster: is up")
        view.press("?").until("restart the device's process", without="The log of")
        view.press("?").until(without="restart the device's process")


def test_it_follows_the_house_down_and_up_and_through_a_reload(breakfast: TemporaryHouse) -> None:
    """It says so, reconnects by itself, and shows new devices; keys work again."""
    with glass(breakfast) as view:
        view.until(HINT)
        breakfast.house("down")
        view.until("The house is not up; `make up` starts it.", without="● live")
        breakfast.house("up")
        view.until("All is quiet.", without="offline").press("\n").until("Bathroom light: press applied")
        breakfast.config.write_text(BREAKFAST + '[devices.kettle]\nkind = "toaster"\ndriver = "simulated"\n')
        breakfast.house("reload")
        view.until("Kettle").press("3\n").until("Kettle: start applied")


def test_a_mirror_that_hangs_holds_up_no_key(breakfast: TemporaryHouse) -> None:
    """It is told, the devices are asked themselves, and a key is followed while the mirror is waited for."""
    with glass(breakfast) as view:
        view.until(HINT)
        pid = breakfast.kill("mirror", signal.SIGSTOP)
        view.until("The mirror does not answer", "● live")
        took = []
        for key, row in [("j", "▸           Smart mirror"), ("k", "▸Bathroom")] * 5:
            began = time.monotonic()
            view.press(key).until(row)
            took.append(time.monotonic() - began)
            time.sleep(0.1)  # at several moments of the second in which the mirror is waited for
        assert statistics.median(took) < 0.5  # to wait for the mirror is more than a second, each time
        os.kill(pid, signal.SIGCONT)
        view.until("All is quiet.")


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("q", 0),
        ("\x03", 0),
        (signal.SIGINT, 0),
        (signal.SIGTERM, -signal.SIGTERM),
        (signal.SIGHUP, -signal.SIGHUP),
    ],
)
def test_the_terminal_is_as_it_was_however_the_view_ends(
    make_house: HouseFactory, ending: str | signal.Signals, status: int
) -> None:
    """Its modes, its screen and its cursor; a signal that ends it is passed on. The house need not be up."""
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


def test_ctrl_z_gives_the_terminal_back_until_it_goes_on(make_house: HouseFactory) -> None:
    """The shell has its terminal meanwhile; afterwards all is drawn anew, and keys work."""
    with glass(make_house(), in_shell=True) as view:
        view.until("The house is not up").press("\x1a")
        view.until("stopped, and the terminal is as it was", without="The house is not up")
        assert not view.other_screen
        view.press("\n").until("The house is not up", "▸Bathroom")
        assert view.other_screen
        view.press("j").until("▸           Smart mirror").press("q")
        assert view.end() == 0
        assert not view.other_screen


def test_who_was_stopped_by_another_hand_draws_anew(make_house: HouseFactory) -> None:
    """A SIGSTOP cannot be caught; what the terminal went through meanwhile is not known."""
    with glass(make_house()) as view:
        view.until("The house is not up")
        view.process.send_signal(signal.SIGSTOP)
        view.sent = b""
        view.process.send_signal(signal.SIGCONT)
        view.press("j").until("▸           Smart mirror").press("q")
        assert view.end() == 0
        assert ENTER.encode() in view.sent


def test_a_terminal_that_changes_its_size_is_filled_anew(make_house: HouseFactory) -> None:
    """The columns that there is room for are there."""
    with glass(make_house(), columns=110) as view:
        view.until("Process", "Power", "Heard")
        view.resize(60, 20)
        view.until("Presence", without="Heard")
        assert max(view.rows) == 20
        view.resize(110, 30)
        view.until("Process", "Power", "Heard", "Detail")


def test_a_terminal_that_is_closed_ends_it(make_house: HouseFactory) -> None:
    """No process remains after the terminal is gone."""
    with glass(make_house()) as view:
        view.until("The house is not up")
        os.close(view.keyboard)
        os.close(view.program)
        view.keyboard, view.program = os.openpty()
        assert view.process.wait(10) in (0, -signal.SIGHUP)


def test_without_a_keyboard_it_still_shows(make_house: HouseFactory) -> None:
    """Only Ctrl-C is told, for nothing else would be heard."""
    with glass(make_house(), keys=False) as view:
        view.until("The house is not up", "Ctrl-C ends", without="q end")
        view.process.send_signal(signal.SIGINT)
        assert view.end() == 0


def test_a_terminal_that_can_do_nothing_gets_plain_lines(make_house: HouseFactory) -> None:
    """TERM=dumb: as in a pipe, and no control sequence at all."""
    with glass(make_house(), TERM="dumb") as view:
        view.until("Breakfast house: not up", "toaster  offline")
        assert b"\x1b" not in view.sent
