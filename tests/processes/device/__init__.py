"""Tests of daemons/processes/device/."""
