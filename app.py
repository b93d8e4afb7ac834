"""The server: Streamlit's pages, and HTTP routes and the sign-in gate beside them.

`streamlit run app.py` finds the app by parsing this file for a literal `st.App(...)`.
"""

from __future__ import annotations

import gc
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
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


async def _tend() -> None:
    """Bring a worker back that was killed at its job, for as long as the server runs."""
    from cssim.services.executors import tend_worker

    workspace = runtime.workspace()
    while True:
        await anyio.sleep(workspace.settings.heartbeat_seconds)
        try:
            await anyio.to_thread.run_sync(tend_worker, workspace)
        except Exception:  # the database may be away for a moment: ask again
            logging.getLogger(__name__).exception("cannot see after the worker")


@asynccontextmanager
async def lifespan(_app: Any) -> AsyncIterator[None]:
    """Migrate, keep a worker alive, exempt start-up's objects from collection."""
    await anyio.to_thread.run_sync(_start)
    gc.collect()
    gc.freeze()
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_tend)
        yield
        tasks.cancel_scope.cancel()
    runtime.close()


app = st.App(
    Path(__file__).parent / "cssim" / "ui" / "shell.py",
    routes=web_routes(runtime.workspace),
    middleware=[Middleware(Gate, workspace=runtime.workspace)],
    lifespan=lifespan,
    on_script_error=boundary.report,
)
