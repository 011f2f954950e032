"""The tests of daemons/page/."""
