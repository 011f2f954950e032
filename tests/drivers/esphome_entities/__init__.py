"""The pure parts of the driver `esphome`."""
