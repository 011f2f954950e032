"""The faults of devices that other processes know by their text."""

MEMORY_FAULT = "its memory cannot be written"
"""How the fault of a device begins whose journal cannot be written."""
CLOCK_FAULT = "its rules with times of day wait: the clock of this machine is not known to be right yet"
"""The fault of a device that waits for the right time."""
