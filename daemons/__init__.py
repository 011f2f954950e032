"""House: every appliance is its own process, and they talk straight to each other.

    a press            state                      state
    ───────▶ switch ──────────▶ coffee maker ──────────────┐
             (binds)    │       (hears, binds)             ▼
                        └─────▶ toaster ───────────────▶ mirror ──▶ page
                                (hears, binds)          (hears all)     terminal

How a line of configuration becomes a process, file by file:

    config/house.toml ─▶ config ─▶ operate ─▶ supervise ─▶ supervisord ─▶ python -m daemons NAME
                                                             nursery              │ __main__
                              kinds/KIND ◀─ appliance ◀─ device ◀─────────────────┤
                              drivers/DRIVER ◀────────────┘                       │
                                            kinds/mirror ◀─ mirror ◀──────────────┤
                                                    ward ◀─ steward ◀─────────────┤
                                                writer ◀─ recorder ◀──────────────┤
                                   front/ ◀─ exchange ◀───────────────────────────────┤
                                   traffic/ ◀─ bridge ◀──────────────┘

Every process is a `process`: a life under a name, on the bus, loop, journal and clock; under
all of it message, value, errors. The mirror serves its page from page/, and the browser's part of
that is page/static/. What the recorder writes, history reads. Programs of a person's own, and the
house's other hosts, come in at the exchange's doors, in front/; in Python they use client or aio.
What Home Assistant hears and says goes over the bridge, by what is in traffic/. The `house` command is
cli and console, with status, tail and terminal/ beneath it; drill breaks a running house, and
verdict says what came of it.
"""

__version__ = "0.1.0"
