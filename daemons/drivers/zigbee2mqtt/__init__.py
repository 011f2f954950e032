"""The messages of Zigbee2MQTT: the presses in an action, the values in a state, the list of devices."""
