"""TLS with an MQTT broker: the authorities, the certificate of the client, and the name to check."""

import os
import ssl
import stat
from pathlib import Path
from typing import Any

from daemons.drivers.transports.broker import Broker
from daemons.errors import StorageError


class NamedContext(ssl.SSLContext):
    """A TLS context that checks the name of the broker, also if the connection goes to an address."""

    server_name: str

    def wrap_socket(self, *args: Any, **kwargs: Any) -> ssl.SSLSocket:
        """Begin TLS on a socket, with the name of the broker."""
        return super().wrap_socket(*args, **{**kwargs, "server_hostname": self.server_name})


def broker_context(broker: Broker) -> ssl.SSLContext | None:
    """Return the TLS context for a broker, or None without TLS; StorageError if a file cannot be used."""
    if not broker.tls:
        return None
    context = NamedContext(ssl.PROTOCOL_TLS_CLIENT)
    context.server_name = broker.broker
    context.verify_flags = ssl.create_default_context().verify_flags
    if broker.certificate_authority is None:
        context.load_default_certs()
    else:
        _check_readable(broker.certificate_authority)
        try:
            context.load_verify_locations(broker.certificate_authority)
        except ssl.SSLError as error:
            raise StorageError(f"the file {broker.certificate_authority} has no certificate (PEM)") from error
    if broker.certificate_file is not None:
        _load_own(context, broker.certificate_file, broker.key_file or broker.certificate_file)
    return context


def _load_own(context: ssl.SSLContext, certificate_file: str, key_file: str) -> None:
    """Load the certificate of the client and its key."""
    _check_readable(certificate_file)
    if _check_readable(key_file) & 0o077:
        raise StorageError(f"the key file {key_file} can be read by others; run `chmod 600 {key_file}`")
    try:
        context.load_cert_chain(certificate_file, key_file, password=lambda: "")  # else it asks the terminal
    except (ssl.SSLError, ValueError) as error:
        text = "are no certificate and its key (PEM, without a password)"
        raise StorageError(f"the files {certificate_file} and {key_file} {text}") from error


def _check_readable(file: str) -> int:
    """Return the permissions of a file; raises StorageError if it cannot be read."""
    try:
        with Path(file).open("rb") as opened:
            opened.read(1)
            return stat.S_IMODE(os.fstat(opened.fileno()).st_mode)
    except OSError as error:
        raise StorageError(f"the file {file} cannot be read: {error.strerror}") from error
