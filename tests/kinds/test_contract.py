"""The contract of the kinds of House."""

from daemons.contract.kinds import *  # noqa: F403  its tests run here
