"""Tests of the parts of the driver `simulated` that only some devices load."""
