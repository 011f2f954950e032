"""Converts the times of another host's clock into those of this host's clock. Pure.

The conversion of one time is `HostClock.to_local`, in host_clock.py. The link to a host (host_link.py)
uses that class and nothing else of this package.

    host_clock.py   HostClock: the clock of one other host, and the conversion of one of its times
    offset.py       ClockOffset: the difference to that clock, learned from its replies
    steps.py        ClockHistory: when a clock was set, so that earlier times of it can be corrected
    translate.py    StateTranslator: all times in the messages of one device; equal times stay equal
"""
