"""Tests of daemons/cli/terminal/."""
