"""Exponential backoff: how long to wait before the next attempt. Pure but for the jitter."""

import random

MOST_DOUBLINGS = 20
"""2.0**20 pauses are longer than any limit; more doublings would overflow."""


def backoff_seconds(failures: int, first_seconds: float, longest_seconds: float) -> float:
    """Return the pause after so many failures in a row: the first one, then twice as long each time.

    `failures` counts from 1. The pause never exceeds `longest_seconds`.
    """
    doublings = min(max(failures - 1, 0), MOST_DOUBLINGS)
    return float(min(longest_seconds, first_seconds * 2.0**doublings))


def with_jitter(seconds: float) -> float:
    """Return between half of a pause and the whole, so that many clients do not return at once."""
    return seconds * random.uniform(0.5, 1.0)  # noqa: S311  not a secret
