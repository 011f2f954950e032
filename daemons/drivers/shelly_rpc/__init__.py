"""The RPC of a Shelly: the client with its login, the status of its components, and what a device has."""
