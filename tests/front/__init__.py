"""The tests of daemons/front/."""
