"""The tests: one file for each file of daemons/, and each test says what it holds the house to."""
