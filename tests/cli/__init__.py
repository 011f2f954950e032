"""Tests of daemons/cli/."""
