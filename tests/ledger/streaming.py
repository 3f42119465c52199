"""Run by test_kill: toggles one feature for ever, and prints each sequence once it is acknowledged.

Takes nothing from conftest, so that it starts quickly: it is started and killed ten times.
"""

import sys
from pathlib import Path

from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.office import Office
from dpa_core.subjects.features import Instruct
from tests.frozen import frozen_agreements

store, address, customer = sys.argv[1:]
office = Office(Ledger.open(Path(store)), frozen_agreements(), Clock())
anna = office.person(address)
while True:
    file = office.open(anna, customer)
    toggle = Instruct({"voice": "voice" not in file.state.features.on})
    print(office.carry_out(anna, customer, toggle, file.sequence).sequence, flush=True)
