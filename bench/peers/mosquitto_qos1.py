"""mosquitto with paho-mqtt, at QoS 1: each message is acknowledged on both of its ways."""

from bench.peers.mosquitto import Mosquitto


class MosquittoQos1(Mosquitto):
    """One MQTT client at QoS 1."""

    qos = 1
