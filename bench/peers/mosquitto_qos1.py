"""mosquitto with paho-mqtt, at QoS 1: each message is acknowledged on each of its two ways."""

from bench.peers.mosquitto import Mosquitto


class MosquittoQos1(Mosquitto):
    """One MQTT client that is sure of every message."""

    qos = 1
