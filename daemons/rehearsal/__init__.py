"""Rehearses a whole house in virtual time, in one process: real devices, rehearsed hardware and bus."""
