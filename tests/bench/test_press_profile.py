"""The steps of a press inside one process can be measured, and profiled."""

import sys

import pytest

from bench import press_profile


def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run the program, and return its output."""
    monkeypatch.setattr(press_profile, "PROFILED_PRESSES", 4)
    monkeypatch.setattr(sys, "argv", ["press_profile", "--presses", "6", *arguments])
    press_profile.main()
    return capsys.readouterr().out


def test_each_part_of_a_press_is_measured(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each part has its function calls; a coffee maker that starts needs more than one that rests."""
    lines = [line.split() for line in run(monkeypatch, capsys).splitlines() if press_profile.WHOLE in line]
    assert [line[0] for line in lines] == [*press_profile.PARTS]
    calls = {line[0]: int(line[-1]) for line in lines}
    assert 0 < calls["mirror"] < calls["bystander"] < calls["follower"]


def test_a_part_can_be_profiled(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The profile names the functions of that part."""
    assert "handle_command" in run(monkeypatch, capsys, "--profile", "switch")
