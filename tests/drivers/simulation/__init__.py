"""Tests of daemons/drivers/simulation."""
