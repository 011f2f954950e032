"""The tests of daemons/drivers/."""
