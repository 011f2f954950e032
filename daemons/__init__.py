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
              abroad, parlour ◀─ door ◀─ exchange ◀───────────────────────────────┤
                    mqtt ◀─ crossing ◀─ uplink ◀─ outbox ◀─ bridge ◀──────────────┘

Every process is a `process`: a life under a name, on the bus, loop, journal and clock; under
all of it message, value, errors. The mirror serves its page from page/, and the browser's part of
that is page/static/. What the recorder writes, history reads. What the bridge tells
Home Assistant, entity makes and discovery says, on the topics of topic; order reads what comes back.
The `house` command is cli and console, with status, tail and terminal/ beneath it; drill breaks a
running house, and verdict says what came of it. Programs of a person's own come in at the exchange's
door, in Python by client or aio; a link leads to another host's.
"""

__version__ = "0.1.0"
