"""House: every appliance is its own process, and they talk straight to each other.

    a press            state                      state
    ───────▶ switch ──────────▶ coffee maker ──────────────┐
             (binds)    │       (hears, binds)             ▼
                        └─────▶ toaster ───────────────▶ mirror ──▶ terminal
                                (hears, binds)          (hears all)

How a line of configuration becomes a process, file by file:

    config/house.toml ─▶ config ─▶ supervise ─▶ supervisord ─▶ python -m daemons NAME
                                                                        │ __main__
                              kinds/KIND ◀─ appliance ◀─ device ◀───────┤
                              drivers/DRIVER ◀────────────┘             │
                                            kinds/mirror ◀─ mirror ◀────┘

and what each process stands on: bus, loop, journal, rule, clock; under all of it message,
value, errors. The `house` command is cli, with status, tail and terminal beneath it.
"""

__version__ = "0.1.0"
