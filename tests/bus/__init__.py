"""Tests of daemons/bus/."""
