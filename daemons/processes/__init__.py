"""What runs: one folder a process, and process.py, which all of them share."""
