"""House: home automation in which every appliance is its own process.

    a press            state                      state
    ───────▶ switch ──────────▶ coffee maker ──────────────┐
             (binds)    │    (subscribes, binds)           ▼
                        └─────▶ toaster ───────────────▶ mirror ──▶ page, terminal
                             (subscribes, binds)     (subscribes to all)

docs/architecture.md has the tree, the way of a press through the files, and where new code belongs.
"""

__version__ = "1.0.0"
