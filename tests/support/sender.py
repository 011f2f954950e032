"""Send commands: read lines with a device and a command from standard input, and print each receipt.
A press takes a test a millisecond by this, and not the start of a `house send`.
"""

import os
import sys

import zmq

from daemons.bus import message
from daemons.bus.requests.blocking import send_command
from daemons.bus.requests.protocol import new_command

ANSWER_SECONDS = 20.0

if __name__ == "__main__":
    os.chdir(os.environ["HOUSE_RUN"])
    context: zmq.Context[zmq.Socket[bytes]] = zmq.Context()
    for line in sys.stdin:
        device, word = line.split()
        receipt = send_command(context, device, new_command(word, ANSWER_SECONDS))
        sys.stdout.write(message.encode(receipt).decode() + "\n")
        sys.stdout.flush()
    context.destroy(linger=0)
