"""Tests of daemons/drivers/physics."""
