"""Tests of daemons/processes/exchange/."""
