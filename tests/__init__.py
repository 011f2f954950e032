"""The tests: one file for each file of daemons/, and each test documents one promised behaviour."""
