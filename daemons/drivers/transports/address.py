"""The address of hardware that has a web server."""

from typing import Annotated

from msgspec import Meta

Address = Annotated[str, Meta(pattern=r"^(\[[0-9A-Fa-f:.%]+\]|[A-Za-z0-9._-]+)(:[0-9]{1,5})?\Z")]
"""A host or IP address, with `:port` if the port is not 80."""
