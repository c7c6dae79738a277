"""``app``: serve the person's app to the browsers on this machine."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from registry.cli.app import command, group
from registry.cli.context import Context
from registry.config.network_file import read_domains
from registry.fs.supervisor import stop_on_signals
from registry.web.app_config import app_config
from registry.web.app_server import PORT, AppServer

app = group("app", "consent app serve")


@command(app, "serve", "consent app serve", without={"passphrase_fd", "allow_announcing", "ipfs"})
def serve(
    ctx: Context,
    port: Annotated[
        int,
        typer.Option("--port", metavar="N", min=0, max=65_535, help="Its port, 8900 by default; 0 takes a free one."),
    ] = PORT,
) -> None:
    """Serve the person's app to the browsers on this machine, until Ctrl-C or SIGTERM ends it, with exit code 0.

    The app reads, signs, shows and ends consent in the browser. It keeps what it holds sealed there, for this port: a
    browser takes another port for another app. It works on the configured network, whose node, notaries and gateways
    the browser asks by itself.
    """
    configuration = ctx.configuration
    config = app_config(ctx.network.ledger.deployment, configuration.settings, read_domains(configuration.network_path))
    with stop_on_signals() as stop, AppServer(config, port) as server:
        ctx.out.result({"event": "listening", "url": server.url}, [f"The app is at {server.url}"])
        sys.stdout.flush()
        while not stop.wait(1.0):
            pass
    ctx.out.result({"event": "ended"}, ["The app is served no more."])
