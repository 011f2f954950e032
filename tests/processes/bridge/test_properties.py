"""The user properties and the message expiry of MQTT 5."""

import pytest

from daemons.bus.origin import Origin
from daemons.errors import Rejected
from daemons.processes.bridge.commands import BrokerCommand
from daemons.processes.bridge.properties import apply_properties, user_properties


def test_a_state_carries_its_cause_and_its_origin() -> None:
    """The origin has what began the chain, its sender and its device, as far as they are known."""
    origin = Origin("f00d", 1.0, "press", "bell")
    assert user_properties("f00d", origin) == (("cause", "f00d"), ("origin", "press@bell"))
    command = Origin("f00d", 1.0, "command", "lamp", "page:anna")
    assert user_properties(None, command) == (("origin", "command:page:anna@lamp"),)
    assert user_properties(None, None) == ()


def test_a_command_takes_its_cause_as_id_and_its_origin_as_sender() -> None:
    """The id in the payload counts more. A long origin is cut."""
    command = BrokerCommand(command="on")
    found, who = apply_properties(command, [("cause", "f00d"), ("origin", "press@bell")], None)
    assert (found.id, found.timeout_seconds, who) == ("f00d", 5, "bridge:press@bell")
    assert apply_properties(BrokerCommand(command="on", id="mine"), [("cause", "x")], None)[0].id == "mine"
    assert apply_properties(command, [("origin", "x" * 1000)], None)[1] == f"bridge:{'x' * 50}"
    assert apply_properties(command, [("other", "x")], None) == (command, "bridge")
    with pytest.raises(Rejected, match="the user property cause is no id"):
        apply_properties(command, [("cause", "two words")], None)


def test_the_earlier_of_message_expiry_and_timeout_counts() -> None:
    """The rest of the expiry interval is the longest time for a command."""
    command = BrokerCommand(command="on", timeout_seconds=5)
    assert apply_properties(command, [], 2)[0].timeout_seconds == 2
    assert apply_properties(command, [], 60)[0].timeout_seconds == 5
    assert apply_properties(command, [], 0)[0].timeout_seconds == 0
