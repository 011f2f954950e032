"""The HTTP status of each error of an edit."""

from http import HTTPStatus

from daemons.editing.answers import RefusedEdit
from daemons.editing.configuration import Changed, UnknownDevice
from daemons.editing.device_text import NotEditable
from daemons.editing.form import FormError
from daemons.editing.record import NothingToUndo
from daemons.editing.verbs import VerbFailed
from daemons.errors import AlreadyRunning, ConfigurationError, HouseError, StorageError

STATUSES: tuple[tuple[type[HouseError], HTTPStatus], ...] = (
    (RefusedEdit, HTTPStatus.UNPROCESSABLE_ENTITY),
    (Changed, HTTPStatus.CONFLICT),
    (NothingToUndo, HTTPStatus.CONFLICT),
    (AlreadyRunning, HTTPStatus.CONFLICT),
    (NotEditable, HTTPStatus.CONFLICT),
    (UnknownDevice, HTTPStatus.NOT_FOUND),
    (FormError, HTTPStatus.BAD_REQUEST),
    (ConfigurationError, HTTPStatus.SERVICE_UNAVAILABLE),
    (StorageError, HTTPStatus.SERVICE_UNAVAILABLE),
    (VerbFailed, HTTPStatus.SERVICE_UNAVAILABLE),
)
"""The first type that fits counts."""


def status_of(error: HouseError) -> HTTPStatus:
    """Return the status of an answer that is an error."""
    return next((status for type_, status in STATUSES if isinstance(error, type_)), HTTPStatus.CONFLICT)
