"""The tests of daemons/traffic/."""
