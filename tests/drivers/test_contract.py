"""The contract of the drivers of House."""

from daemons.contract.drivers import *  # noqa: F403  its tests run here
