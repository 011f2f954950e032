"""Commands and their receipts: one protocol, and its clients: blocking, for a process's loop, for asyncio."""
