"""Run by test_kill: toggles one feature for ever, and prints each sequence once it is acknowledged.

Takes nothing from conftest, so that it starts quickly: it is started and killed ten times.
"""

import sys
from pathlib import Path

from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.subjects.features import SetFeatures
from tests.frozen import frozen_agreements

store, address, customer = sys.argv[1:]
application = Application(Ledger.open(Path(store)), frozen_agreements(), Clock())
anna = application.person(address)
while True:
    file = application.open(anna, customer)
    toggle = SetFeatures({"voice": "voice" not in file.state.features.on})
    print(application.carry_out(anna, customer, toggle, file.sequence).sequence, flush=True)
