"""The Python client for your own programs: follow states, send commands, serve a device of your own.

    from daemons.client import House

    with House("run") as house:
        print(house.send("bathroom_light", "press").outcome)
        for change in house.changes("toaster"):
            print(change.device, change.state["phase"])

`House("run")` is for a program on the machine of the house, in a house with or without an exchange.
Over the network it is `House("laptop.key")`, with the file that `house keys make laptop` has written.
`daemons.client.aio` is the same for asyncio. docs/programs.md has more examples.
"""

from daemons.client.changes import StateChange
from daemons.client.house import House
from daemons.client.served import IncomingCommand

__all__ = ["House", "IncomingCommand", "StateChange"]
