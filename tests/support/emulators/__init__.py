"""Emulated hardware, one file for each driver, on real sockets."""
