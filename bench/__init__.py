"""How fast and how small the house is, beside its peers, in one run on one machine.

    python -m bench            all but what takes long, in a few minutes: `make bench`
    python -m bench --full     more of everything, and what takes long: `make bench-full`
    python -m bench press cost only these; nothing is written without --json or --document

    measurements/  what is measured, one a file; found by its name, no list is edited
    peers/         who else carries a press from a switch to a mirror, one a file
    house.py       a house of its own for a measurement, which leaves nothing behind; sight.py sees it
    cast.py        a peer's processes, each of which does a part.py; flood.py, crowd.py loads for a mirror
    pulse.py       processes that only beat, the limit at rest
    inside.py      what a press costs inside one process
    report.py      figures by round, as JSON; table.py, plot.py, document.py show them
    compare.py     two reports: what got slower beyond the noise
    fleet.py       how many houses a broker holds; shelly.py weighs a library that was not taken
    fuzz.py        throws what is no message at a house, and asks whether it still answers

Whatever can be is interleaved: each round measures everybody, so that all have the same machine,
and figures are medians over rounds with the lowest and the highest beside them.
"""
