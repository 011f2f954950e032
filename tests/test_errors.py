"""The text of each error, and its builtin base class."""

import pytest

from daemons import errors

PRINTED = [
    (errors.ConfigurationError(["house.toml:3: [house] a", "house.toml:9: [house] b"]), ValueError,
     "house.toml:3: [house] a\nhouse.toml:9: [house] b"),
    (errors.StorageError("/x cannot be written: No space left on device"), OSError,
     "/x cannot be written: No space left on device"),
    (errors.SupervisorError("supervisord refuses x: BAD_NAME", 10), ConnectionError,
     "supervisord refuses x: BAD_NAME"),
    (errors.NotUp(), ConnectionError, "The house is not up; `house up` (or `make up`) starts it."),
    (errors.HistoryError("there is no history yet"), OSError, "there is no history yet"),
    (errors.DamagedHistory("history.db: file is not a database"), OSError,
     "history.db: file is not a database"),
    (errors.HistoryError("there is no history yet"), OSError, "there is no history yet"),
    (errors.DamagedHistory("h.db: malformed"), OSError, "h.db: malformed"),
    (errors.LaterHistory("h.db: it is of version 5"), OSError, "h.db: it is of version 5"),
    (errors.DeviceError("lamp", "cannot bind"), Exception, "lamp: cannot bind"),
    (errors.AlreadyRunning("lamp", 42), RuntimeError,
     "lamp: another process (PID 42) already runs under this name; end it first"),
    (errors.NoAnswer("lamp", 2.0, "is it running?"), TimeoutError,
     "lamp: no answer within 2 s; is it running?"),
    (errors.NotReady("lamp", "is not ready after 10 s"), RuntimeError, "lamp: is not ready after 10 s"),
    (errors.Unreachable("kettle", "192.168.1.7:80", "no answer within 5 s"), ConnectionError,
     "kettle: 192.168.1.7:80: no answer within 5 s"),
    (errors.Rejected("it is already toasting"), ValueError, "it is already toasting"),
    (
        errors.RejectedForNow("its hardware cannot be reached"),
        ValueError,
        "its hardware cannot be reached",
    ),
    (errors.MessageError("3 frames where a message has 2"), ValueError, "3 frames where a message has 2"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "builtin", "text"), PRINTED, ids=lambda value: type(value).__name__)
def test_the_text_of_each_error(error: errors.HouseError, builtin: type[Exception], text: str) -> None:
    """An error is a HouseError, has the documented builtin base class, and prints only its text."""
    assert isinstance(error, errors.HouseError)
    assert isinstance(error, builtin)
    assert str(error) == text


def test_every_error_of_the_tree_is_pinned() -> None:
    """A new error must be added to this test, and to the drawing in errors.py."""
    ours = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, errors.HouseError) and value is not errors.HouseError
    }
    assert ours == {type(error).__name__ for error, _, _ in PRINTED}
    assert all(name in (errors.__doc__ or "") for name in ours)


def test_a_device_error_names_its_device() -> None:
    """An error of one device has the name of that device."""
    assert errors.DeviceError("lamp", "x").device == "lamp"
    assert errors.AlreadyRunning("lamp", 7).device == "lamp"
    assert errors.AlreadyRunning("lamp", 7).pid == 7


def test_a_configuration_error_has_each_problem() -> None:
    """The problems of a configuration are a list."""
    assert errors.ConfigurationError(["a", "b"]).problems == ("a", "b")
