"""The program that explains a change for the page.

It reads the history and the whole configuration, which the mirror never loads. In a process of its own it
delays no other, and the others go first (nice(2)).

Its argument is a WhyQuery as JSON, and its working directory is the run directory. Its output is a
WhyDocument as JSON. The exit status is NO_HISTORY if it cannot be made; then the error output says why.
"""

import os
import sys

import msgspec

from daemons.config.explained import WhyDocument
from daemons.config.explanation import Explainer, RecordedPast, declined_rules
from daemons.config.rule_names import Titles
from daemons.errors import HouseError
from daemons.processes.mirror.page.history_reader import WhyQuery
from daemons.storage.history import PATH
from daemons.storage.history_program import NICE
from daemons.storage.history_query import NO_HISTORY
from daemons.storage.recorded_changes import open_changes
from daemons.supervision.install import installed_house

MOST_DECLINED = 20
"""How many declined decisions an answer contains at most."""


def main() -> None:
    """Read, and write the answer."""
    query = msgspec.json.decode(sys.argv[1], type=WhyQuery)
    os.nice(NICE)
    try:
        house = installed_house()
        named = Titles(house)
        with open_changes(PATH) as recorded:
            explanation = Explainer(house, RecordedPast(recorded), named).explain(query.name, query.at)
        declined = declined_rules(house, query.name, MOST_DECLINED, named)
    except HouseError as error:
        sys.stderr.write(str(error))
        sys.exit(NO_HISTORY)
    sys.stdout.buffer.write(msgspec.json.encode(WhyDocument(explanation=explanation, declined=declined)))


if __name__ == "__main__":
    main()
