"""The command `dpa` in processes of its own that need not import it: forked from one that has.

Importing takes longer than all else a server does at its start. Started as people start it, from its command,
it is in `test_sign_in.py`, `test_trouble.py` and `test_wheel.py`.
"""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Mapping
from multiprocessing import get_context, set_start_method
from multiprocessing.process import BaseProcess
from pathlib import Path
from types import ModuleType
from unittest.mock import patch

import pandas  # noqa: F401
import uvicorn.protocols.http.h11_impl
import uvicorn.protocols.websockets.websockets_sansio_impl  # noqa: F401
from authlib.deprecate import AuthlibDeprecationWarning
from streamlit.web.server.starlette import starlette_app  # noqa: F401

from dpa_core import cli, demo, web  # noqa: F401
from pages.parts import shell  # noqa: F401

with warnings.catch_warnings():
    warnings.simplefilter("ignore", AuthlibDeprecationWarning)  # as in `demo.identity_provider`
    import oidc_provider_mock  # noqa: F401

_context = get_context("forkserver")
_context.set_forkserver_preload([__name__])


def dpa(words: list[str], log: Path, environment: Mapping[str, str]) -> BaseProcess:
    """Begin `dpa` with these words; what it prints goes to `log`."""
    process = _context.Process(target=_run, args=(words, log, dict(environment)), daemon=True)
    # AppTest leaves the script of its last page in the place of the main module, which a new process would
    # run first.
    with patch.dict(sys.modules, {"__main__": ModuleType("__main__")}):
        process.start()
    return process


def _run(words: list[str], log: Path, environment: Mapping[str, str]) -> None:
    out = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(out, sys.stdout.fileno())
    os.dup2(out, sys.stderr.fileno())
    # As in a process that was started on its own: locks that it makes are not for us to clean up.
    set_start_method("fork", force=True)
    os.environ.clear()
    os.environ.update(environment)
    sys.argv = ["dpa", *words]
    cli.main()
