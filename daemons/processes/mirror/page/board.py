"""The board: the notices and the sentence that the page shows. The mirror's thread writes it."""

import time
from collections.abc import Sequence

from daemons.bus.notice import Notice
from daemons.processes.mirror.attention import AttentionMemory
from daemons.processes.mirror.sentence import Part, is_same


class Board:
    """The latest notices and the sentence, with a number that grows whenever one of them changes.

    The fields are replaced and never changed in place, so the page's thread can read them at any time.
    """

    def __init__(self) -> None:
        self.started_at = time.time()
        """When the mirror began to listen (Unix seconds)."""
        self.number = 0
        self.notices: tuple[Notice, ...] = ()
        self.sentence: tuple[Part, ...] = ()
        self.memory = AttentionMemory()

    def show(self, notices: tuple[Notice, ...], sentence: Sequence[Part], memory: AttentionMemory) -> bool:
        """Show notices and a sentence; return whether they differ from those before."""
        if notices == self.notices and is_same(sentence, self.sentence):
            return False
        self.notices, self.sentence, self.memory = notices, tuple(sentence), memory
        self.number += 1
        return True
