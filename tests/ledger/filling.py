"""Run by test_full_disk: gives instructions until the file system takes no more, and goes on once it does.

Prints what happened as JSON: the acknowledged sequences, and what was said in between.
"""

import json
import os
import resource
import signal
import sys
from pathlib import Path

from dpa_core.application import Application, StoreError
from dpa_core.clock import Clock
from dpa_core.ledger import Ledger
from tests.conftest import email, switch
from tests.frozen import frozen_agreements

path = Path(sys.argv[1])
application = Application(Ledger.open(path), frozen_agreements(), Clock())
anna = application.person(email("anna"))
acknowledged, said = [], []


def toggle(reason=""):
    file = application.open(anna, "nordfrakt")
    on = "voice" in file.state.features.on
    command = switch(file.agreement, file.state.features, reason, voice=not on)
    try:
        acknowledged.append(application.carry_out(anna, "nordfrakt", command, file.sequence).sequence)
    except StoreError as error:
        said.append(str(error))


toggle()
wal = path.with_name(path.name + ".wal")
# The limit on a file's size stands in for a full disk; without the signal, writing fails with an error.
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (wal.stat().st_size + 20_000, hard))
while not said:
    toggle("x" * 1_500)
while len(said) < 2:  # until there is no room for a short one either
    toggle()
seen_while_full = application.open(anna, "nordfrakt").sequence
try:
    application.ledger.check_writable()
    healthy = True
except StoreError:
    healthy = False
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
if sys.argv[2] == "space":
    toggle()
print(json.dumps({"acknowledged": acknowledged, "said": said, "seen": seen_while_full, "healthy": healthy}))
sys.stdout.flush()
os._exit(0)  # as a server that is restarted at once: nothing is tidied up
