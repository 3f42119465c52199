"""Run by tests: a process that holds a data folder's store as a server does, takes commands, and may write.

Arguments: the database file, and an address that toggles a feature of Nordfrakt for ever, or “-”. Prints each
acknowledged sequence, or “ready”. Starts in a fraction of a web server's time.
"""

import sys
import threading
from pathlib import Path

from dpa_core.application import Application
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from dpa_core.local_socket import listening
from dpa_core.subjects.features import SetFeatures
from tests.frozen import frozen_agreements

store, address = sys.argv[1:]
application = Application(Ledger.open(Path(store)), frozen_agreements(), Clock())
with listening(application):
    if address == "-":
        print("ready", flush=True)
        threading.Event().wait()
    anna = application.person(address)
    while True:
        file = application.open(anna, "nordfrakt")
        toggle = SetFeatures({"voice": "voice" not in file.state.features.on})
        print(application.carry_out(anna, "nordfrakt", toggle, file.sequence).sequence, flush=True)
