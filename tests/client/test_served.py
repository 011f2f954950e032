"""A device that a program serves, without sockets."""

from daemons.bus import message
from daemons.bus.message import Command
from daemons.client.served import IncomingCommand, ServedDevice, state_frames


def test_a_repeated_command_gets_its_first_reply_again() -> None:
    """The exchange may have restarted and forgotten it. The number of remembered commands is bounded."""
    served = ServedDevice("shed_lamp")
    registration = served.registration()
    assert registration is not None
    assert message.decode_command(registration).args == {"device": "shed_lamp"}
    assert served.registration() is None
    command = message.encode(Command(id="a", command="on", deadline=1.0, device="shed_lamp"))
    assert served.on_message(command) is not None
    assert served.on_message(command) is None
    assert served.resend == []
    reply = served.reply("a", "applied", None)
    assert served.on_message(command) is None
    assert served.resend == [reply]
    assert message.decode_receipt(reply).device == "shed_lamp"
    assert served.on_message(b"nonsense") is None
    for number in range(1010):
        served.on_message(message.encode(Command(id=f"b{number}", command="on", deadline=1.0)))
    assert len(served._replies) == 1000


def test_a_command_names_its_sender() -> None:
    """The program may treat the commands of some senders in another way."""
    command = Command(id="a", command="on", deadline=1.0, device="shed_lamp", who="page:anna")
    received = ServedDevice("shed_lamp").on_message(message.encode(command))
    assert received is not None
    assert IncomingCommand(received, lambda *_: None).who == "page:anna"


def test_a_state_has_its_topic_and_cause() -> None:
    """These are the two frames that the exchange expects."""
    assert state_frames("shed_lamp", {"status": True}, "c1") == [
        b"shed_lamp/state",
        b'{"state":{"status":true},"cause":"c1"}',
    ]
