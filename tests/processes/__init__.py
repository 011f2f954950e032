"""Tests of daemons/processes/."""
