"""The reason of a system error, for a person: without the sockets and the addresses in its text."""

import os
import re

NUMBER = re.compile(r"\[Errno (\d+)\]")


def reason(error: OSError) -> str:
    """Return why a host cannot be connected.

    If a name has several addresses, asyncio puts the errors of all of them into one text, with each address.
    """
    if error.errno is not None and error.errno > 0:
        return os.strerror(error.errno)
    text = error.strerror or str(error)
    numbers = dict.fromkeys(NUMBER.findall(text))
    return ", ".join(os.strerror(int(number)) for number in numbers) or text or type(error).__name__
