"""Tests of daemons/processes/recorder/."""
