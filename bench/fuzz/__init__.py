"""Sends invalid messages to every socket of a temporary house, and checks that the house is as before.

python -m bench.fuzz --seconds 60 --seed 1

__main__.py      the shared loop: prepare, warm up, send at random, check
target.py        the house: its configuration, its broker, its hardware and its keys
door.py          the interface of the files below, each of which is one kind of door
commands.py      the command sockets of the bus
publishers.py    the publish sockets of the bus
impostor.py      a program that publishes in the place of the light switch
page_http.py     the page, by HTTP
page_socket.py   the page, by its WebSocket
gateway.py       the exchange: three TCP ports, and three sockets in the run directory
strangers.py     the same three ports, without a valid key
broker.py        the MQTT broker of the bridge and of the MQTT drivers
hardware.py      the answers of emulated hardware to its drivers
supervisor.py    supervisord's own socket, and the pipes of the logs
junk.py          random and wrong values for all of them
tally.py         counts of what was sent and answered
watch.py         the visible state, the memory and the log of each process
report.py        the tables, and the list of broken promises
"""
