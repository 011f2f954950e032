"""Rehearses a whole house in virtual time, in one process: real devices, rehearsed hardware and bus.

from daemons.rehearsal import Rehearsal

with Rehearsal("config/house.toml", at="2026-03-29 06:29") as house:
house.press("bathroom_light")
house.wait("3m")
assert house["toaster"].ready
"""

from daemons.rehearsal.rehearsal import Rehearsal as Rehearsal
