"""The tests of daemons/kinds/."""
