"""Tests of daemons/processes/exchange/clock_sync/."""
