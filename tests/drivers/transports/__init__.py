"""Tests of daemons/drivers/transports/."""
