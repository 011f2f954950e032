"""Tests of daemons/processes/bridge/."""
