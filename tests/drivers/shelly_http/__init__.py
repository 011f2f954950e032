"""The pure parts of the driver `shelly_gen1`."""
