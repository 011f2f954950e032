"""Tests of daemons/bus/requests/."""
