"""The server: Streamlit's pages, and HTTP routes and the sign-in gate beside them.

`streamlit run app.py` finds the app by parsing this file for a literal `st.App(...)`.
"""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio.to_thread
import streamlit as st
from starlette.middleware import Middleware

from cssim.config import Settings, is_loopback
from cssim.errors import BadSetting
from cssim.ui import boundary, runtime
from cssim.web.gate import Gate
from cssim.web.routes import web_routes


def _start() -> None:
    from cssim.services.executors import ensure_worker

    workspace = runtime.workspace()  # migrates the database
    _check_address(workspace.settings)
    ensure_worker(workspace.settings)


def _check_address(settings: Settings) -> None:
    """Single-user mode asks nobody who they are: refuse to listen where others can reach it."""
    address = st.get_option("server.address") or "all addresses"
    if settings.single_user and not is_loopback(str(address)):
        raise BadSetting(
            "CSSIM_SINGLE_USER needs a server that only this machine reaches, and this one listens "
            f"on {address}: start it by `python -m cssim app --single-user`"
        )


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Migrate, start a worker where none is alive, exempt start-up's objects from collection."""
    await anyio.to_thread.run_sync(_start)
    gc.collect()
    gc.freeze()
    yield
    runtime.close()


app = st.App(
    Path(__file__).parent / "cssim" / "ui" / "shell.py",
    routes=web_routes(runtime.workspace),
    middleware=[Middleware(Gate, workspace=runtime.workspace)],
    lifespan=lifespan,
    on_script_error=boundary.report,
)
