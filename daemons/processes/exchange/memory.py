"""What the exchange remembers across a crash."""

from msgspec import Struct, field

from daemons.bus.message import Scalar
from daemons.processes.exchange.clock_sync.steps import ClockHistory
from daemons.processes.exchange.clock_sync.translate import TranslationMemory
from daemons.processes.exchange.program_state import ProgramMemory
from daemons.processes.process_run import ProcessRun


class ExchangeMemory(Struct, frozen=True, kw_only=True):
    """The journal entry of the exchange; the field names of the file are those in `name`."""

    life: ProcessRun
    programs: dict[str, ProgramMemory] = field(default_factory=dict, name="guests")
    translations: dict[str, TranslationMemory] = field(default_factory=dict, name="echoes")
    clock: ClockHistory | None = None
    state: dict[str, Scalar] = field(default_factory=dict, name="shown")
    """The latest state of the exchange itself."""
    turned: dict[str, float] = {}
    blocked: dict[str, float] = {}
    """When each blocked client may connect again, in seconds since the start of the machine."""
