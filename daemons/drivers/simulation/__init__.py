"""The parts of the driver `simulated` that only some devices load."""
