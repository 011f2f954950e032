"""A hand in a house: it reads lines of a device and a command from its standard input, sends each, and
prints the receipt. So a press takes a test a millisecond, and not the start of a `house send`.
"""

import os
import sys

import zmq

from daemons.bus import message
from daemons.bus.sockets import ask, command

ANSWER_SECONDS = 20.0

if __name__ == "__main__":
    os.chdir(os.environ["HOUSE_RUN"])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    for line in sys.stdin:
        device, word = line.split()
        receipt = ask(context, device, command(word, ANSWER_SECONDS))
        sys.stdout.write(message.encode(receipt).decode() + "\n")
        sys.stdout.flush()
    context.destroy(linger=0)
