"""The bridge at clusters of real brokers: a node is killed, comes back, or is frozen."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

pytest.importorskip("aiomqtt", reason="needs the extra mqtt")

from daemons.bus.message import BRIDGE
from tests.support.haproxy import Haproxy
from tests.support.house import HOUSE, HouseFactory, Listener
from tests.support.mosquitto import Mosquitto
from tests.support.mqtt_recorder import MqttRecorder, record_broker
from tests.support.nats_cluster import NatsCluster
from tests.support.network import Network
from tests.support.patience import Deadline
from tests.support.rabbitmq_cluster import RabbitmqCluster

BACK_SECONDS = 30.0
"""Twice the time that docs/scale.md gives: NATS elects leaders at random times, also on a fast machine."""
CONFIGURATION = """
[house]
name = "Test house"
watchdog = "60s"

[recorder]
enabled = false

[devices.lamp]
kind = "lamp"
driver = "simulated"

[devices.toaster]
kind = "toaster"
driver = "simulated"

[bridge]
discovery = "off"
"""


def toml(*brokers: str) -> str:
    """Return a house with a bridge to several brokers."""
    return f"{CONFIGURATION}brokers = {json.dumps(brokers)}\n"


def wait_for_session(listener: Listener, ports: Sequence[int], *, other_than: int = -1) -> int:
    """Wait until the bridge has a session with another node, and return the number of its node."""
    nodes = {f"127.0.0.1:{port}": node for node, port in enumerate(ports)}

    def at_another(listener: Listener) -> bool:
        return any(
            listener.has_state(BRIDGE, status=True, fault=None, broker=broker)
            for broker, node in nodes.items()
            if node != other_than
        )

    listener.wait_for(at_another)
    return nodes[str(listener.states[BRIDGE].state["broker"])]


def wait_for_command(mqtt_client: MqttRecorder, word: str) -> float:
    """Send commands with new ids until one is applied; return the seconds, and fail after the bound."""
    began, deadline = time.monotonic(), Deadline(BACK_SECONDS)
    before = len(mqtt_client.receipts("lamp"))
    while not any(one["outcome"] == "applied" for one in mqtt_client.receipts("lamp")[before:]):
        assert deadline.left() > 0, f"no command was applied: {deadline}"
        command = {"command": word, "id": os.urandom(4).hex(), "timeout_seconds": 1}
        mqtt_client.publish("house/lamp/command", command, qos=0)
        time.sleep(0.2)  # a command that is lost sends no event
    return time.monotonic() - began


def repeat_until_answered(mqtt_client: MqttRecorder, topic: str, id_: str, answers: int) -> None:
    """Send a command with one id again and again until there are so many receipts of its device."""
    deadline = Deadline()
    while len(mqtt_client.receipts(topic.split("/")[1])) < answers:
        assert deadline.left() > 0, f"no receipt {deadline}"
        mqtt_client.publish(topic, {"id": id_}, qos=0)
        time.sleep(0.2)  # a command that is lost sends no event


def show(figure: str) -> None:
    """Print a figure of docs/scale.md, which `pytest -s` shows."""
    print(figure)  # noqa: T201


def test_a_house_survives_the_loss_of_its_node(make_house: HouseFactory, tmp_path: Path) -> None:
    """Its node is killed and comes back, and another is frozen: commands are answered, none acts twice."""
    with NatsCluster(tmp_path / "nats") as cluster:
        house = make_house(toml(*(f"mqtt://127.0.0.1:{port}" for port in cluster.ports)))
        house.house("up")
        with house.listen(BRIDGE) as listener:
            assert wait_for_session(listener, cluster.ports) == 0
            with record_broker(cluster.ports[2]) as mqtt_client:
                wait_for_command(mqtt_client, "on")
                cluster.kill(0)
                seconds = wait_for_command(mqtt_client, "off")
                show(f"NATS: commands are answered {seconds:.1f} s after the loss of the node")
                node = wait_for_session(listener, cluster.ports, other_than=0)
                mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", status=False))
            cluster.start(0)
            cluster.wait()
            with record_broker(cluster.ports[(node + 1) % 3]) as mqtt_client:
                repeat_until_answered(mqtt_client, "house/toaster/command/start", "once", 1)
                cluster.send(node, signal.SIGSTOP)
                mqtt_client.publish("house/toaster/command/start", {"id": "once"}, qos=0)
                seconds = wait_for_command(mqtt_client, "on")
                show(f"NATS: commands are answered {seconds:.1f} s after the node has frozen")
                wait_for_session(listener, cluster.ports, other_than=node)
                cluster.send(node, signal.SIGCONT)
                answers = len(mqtt_client.receipts("toaster"))
                repeat_until_answered(mqtt_client, "house/toaster/command/start", "once", answers + 1)
                mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", status=True))
                mqtt_client.wait_for(lambda: mqtt_client.is_online(BRIDGE))
    assert [switching.on for switching in house.switchings("lamp")] == [True, False, True]
    assert [switching.on for switching in house.switchings("toaster")].count(True) == 1


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_house_survives_a_cut_of_its_node(
    network: Network, make_house: HouseFactory, tmp_path: Path
) -> None:
    """Its node loses the other nodes, but not the house; later another node loses everything."""
    names = ("one", "two", "three")
    hosts = [network.add(name) for name in names]
    home, desk = network.add("home"), network.add("desk")
    with NatsCluster(tmp_path / "nats", hosts) as cluster:
        brokers = [f"mqtt://{it}:{port}" for it, port in zip(cluster.addresses, cluster.ports, strict=True)]
        house = make_house(toml(*brokers), command_prefix=home.command_prefix)
        house.house("up")

        def send_until_applied(broker: str, word: str) -> float:
            began, deadline = time.monotonic(), Deadline(BACK_SECONDS)
            words = ["fleet", "--broker", broker, "--prefix", "", "send", "house", "lamp", word]
            while True:
                command = [*desk.command_prefix, *HOUSE, *words, "--timeout", "1"]
                done = subprocess.run(command, env=house.environment, capture_output=True, check=False)
                if done.returncode == 0:
                    return time.monotonic() - began
                assert deadline.left() > 0, f"no command was applied {deadline}: {done}"

        def node_of_session(listener: Listener, other_than: int | None = None) -> int:
            listener.wait_for(
                lambda it: any(
                    it.has_state(BRIDGE, status=True, broker=broker.removeprefix("mqtt://"))
                    for node, broker in enumerate(brokers)
                    if node != other_than
                )
            )
            return brokers.index(f"mqtt://{listener.states[BRIDGE].state['broker']}")

        with house.listen(BRIDGE) as listener:
            node = node_of_session(listener)
            send_until_applied(brokers[2], "on")
            for other in {*range(3)} - {node}:
                network.cut(names[node], names[other])
            seconds = send_until_applied(brokers[2], "off")
            show(f"NATS: commands are answered {seconds:.1f} s after the node has lost the others")
            after = node_of_session(listener, other_than=node)
            network.heal()
            desk_node = ({*range(3)} - {after}).pop()
            send_until_applied(brokers[desk_node], "on")
            for other in ("home", "desk", *({*names} - {names[after]})):
                network.cut(names[after], other)
            seconds = send_until_applied(brokers[desk_node], "off")
            show(f"NATS: commands are answered {seconds:.1f} s after the node was cut off")
            node_of_session(listener, other_than=after)
            network.heal()
    assert [switching.on for switching in house.switchings("lamp")] == [True, False, True, False]


@pytest.mark.long
@pytest.mark.timeout(600)
def test_a_house_survives_the_loss_of_its_node_of_rabbitmq(make_house: HouseFactory, tmp_path: Path) -> None:
    """Its node is killed and comes back, and another is frozen.

    The queue of a client id belongs to one node. The bridge does not wait for a dead node.
    """
    with RabbitmqCluster(tmp_path / "rabbitmq") as cluster:
        house = make_house(toml(*(f"mqtt://127.0.0.1:{port}" for port in cluster.ports)))
        house.house("up")
        with house.listen(BRIDGE) as listener, record_broker(cluster.ports[2]) as mqtt_client:
            assert wait_for_session(listener, cluster.ports) == 0
            wait_for_command(mqtt_client, "on")
            cluster.kill(0)
            seconds = wait_for_command(mqtt_client, "off")
            show(f"RabbitMQ: commands are answered {seconds:.1f} s after the loss of the node")
            node = wait_for_session(listener, cluster.ports, other_than=0)
            mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", status=False))
            assert all(map(mqtt_client.is_online, (BRIDGE, "lamp", "toaster")))
            cluster.start(0)
            cluster.wait(0)
            with record_broker(cluster.ports[(node + 1) % 3]) as other_client:
                repeat_until_answered(other_client, "house/toaster/command/start", "once", 1)
                cluster.send(node, signal.SIGSTOP)
                other_client.publish("house/toaster/command/start", {"id": "once"}, qos=0)
                seconds = wait_for_command(other_client, "on")
                show(f"RabbitMQ: commands are answered {seconds:.1f} s after the node has frozen")
                wait_for_session(listener, cluster.ports, other_than=node)
                cluster.send(node, signal.SIGCONT)
                other_client.wait_for(lambda: other_client.shows("lamp", status=True))
    assert [switching.on for switching in house.switchings("lamp")] == [True, False, True]
    assert [switching.on for switching in house.switchings("toaster")].count(True) == 1


@pytest.mark.long
def test_a_house_survives_the_loss_of_a_broker_behind_a_balancer(
    make_house: HouseFactory, tmp_path: Path
) -> None:
    """Two brokers have one address. The second one gets everything when the first one is killed."""
    with (
        Mosquitto(tmp_path / "one") as one,
        Mosquitto(tmp_path / "two") as two,
        Haproxy(tmp_path, [one.port, two.port]) as balancer,
    ):
        house = make_house(toml(f"mqtt://127.0.0.1:{balancer.port}"))
        house.house("up")
        with house.listen(BRIDGE) as listener, record_broker(two.port) as mqtt_client:
            wait_for_session(listener, [balancer.port])
            assert not mqtt_client.is_online(BRIDGE), "the first broker has the session"
            house.send("lamp", "on")
            one.kill()
            seconds = wait_for_command(mqtt_client, "off")
            show(f"haproxy: commands are answered {seconds:.1f} s after the loss of the broker")
            mqtt_client.wait_for(lambda: mqtt_client.shows("lamp", status=False))
            mqtt_client.wait_for(lambda: all(map(mqtt_client.is_online, (BRIDGE, "lamp", "toaster"))))
    assert [switching.on for switching in house.switchings("lamp")] == [True, False]
