"""The pure parts of the driver `esphome`: what the entities of a node mean."""
