"""The HTTP interface of a Shelly of the first generation: its client, its status, and what a device has."""
