"""What one client of the page is shown, by its rights and by its own filter. Pure."""

from collections.abc import Mapping

from msgspec import Struct

from daemons.config.loader import kind_or_none
from daemons.processes.mirror.page import PageContext
from daemons.processes.mirror.page.auth import Account


class View(Struct, frozen=True):
    """What one client is shown. Documents for equal views are encoded once."""

    names: frozenset[str] | None = None
    """The processes that the client wants and may see; None for all."""
    visible: frozenset[str] | None = None
    """The devices that the client may see; None for the whole house, with its services."""
    commanded: frozenset[str] | None = None
    """The devices that the client may command; None for all."""

    def includes(self, name: str) -> bool:
        """Return whether a process is shown."""
        return self.names is None or name in self.names

    def is_visible(self, name: str) -> bool:
        """Return whether the client may see a process."""
        return self.visible is None or name in self.visible

    def may_command(self, name: str) -> bool:
        """Return whether the client may command a device."""
        return self.commanded is None or name in self.commanded


WHOLE_HOUSE = View()


def view_of(context: PageContext, account: Account) -> View:
    """Return what an account is shown without a filter.

    Only an account that sees the whole house sees a mirror: the sentence of a mirror names all devices.
    """
    rights = account.rights
    commanded = None
    if "*" not in rights.command:
        commanded = frozenset(name for name in context.peers if rights.may_command(name))
    if "*" in rights.hear:
        return View(None, None, commanded)
    visible = frozenset(
        name for name, peer in context.peers.items() if rights.may_hear(name) and not is_mirror(peer.kind)
    )
    return View(visible, visible, commanded)


def may_send(context: PageContext, view: View, device: str, command: str, args: Mapping[str, object]) -> bool:
    """Return whether a client may send a command.

    A client may acknowledge at the mirror what is about a device that it may command.
    """
    if view.may_command(device):
        return True
    about = args.get("device")
    is_own = device == context.mirror and command == "acknowledge"
    return is_own and isinstance(about, str) and view.is_visible(about) and view.may_command(about)


def is_mirror(kind: str) -> bool:
    """Return whether devices of a kind are mirrors."""
    type_ = kind_or_none(kind)
    return type_ is not None and type_.role == "mirror"
