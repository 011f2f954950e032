"""Measures speed and size of the house and of its peers, in one run on one machine.

    python -m bench            the short measurements, a few minutes: `make bench`
    python -m bench --full     more rounds, and the long measurements: `make bench-full`
    python -m bench press cost only these; files are written only with --json or --document
    python -m bench inside     the profile: where the time of one press goes, in each process

    measurements/      one measurement a file; found by its file name, there is no list to edit
    peers/             other systems that carry a press from a switch to a mirror, one a file; some keep
                       every message until it is handled
    house.py           a temporary house for a measurement; observers.py reads its states
    peer_system.py     the server and the processes of one peer; peer_roles.py is the work of each process
    publisher_load.py  many publishers as load for a mirror; page_clients.py many clients of its page
    heartbeat_processes.py  processes that publish only heartbeats: the lower limit at rest
    press_cost.py      the cost of a press inside one process; press_profile.py its steps, calls and profile
    journal_cost.py    the cost of a save of the journal, beside that of files opened anew
    stage_hooks/       records the stages of each process of a house; press_spans.py finds a press in them
    process_counters.py  what the kernel counts for each process; system_calls.py counts with strace
    report.py          figures by round, as JSON; table.py, plot.py and document.py show them
    compare.py         compares two reports and lists what got slower beyond the noise
    fleet.py           the cost of many houses for one broker; shelly_library.py compares two libraries
    fuzz/              sends invalid messages to every door of a house and checks that it still answers

Subjects are interleaved where possible: each round measures all of them, so that all have the same
machine. A figure is the median over the rounds, with the lowest and the highest round beside it.
"""
