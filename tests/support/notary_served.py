"""Serves the notary's API over stores in a folder, in a process of its own: ``python -m tests.support.notary_served``.

    notary_served FOLDER DATABASE       prints the URL, and serves until SIGTERM; DATABASE may be empty

The sponsor with the key "bench" pays for everything, and the worker's note says that all is well.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from registry.http.serving import Server
from registry.notary.api import Api, build_app
from registry.notary.condition import WORKER_NOTE
from registry.notary.ingest import Ingest
from registry.notary.settings import NotarySettings
from registry.notary.sponsors import sponsor_key_hash
from registry.notary.stores import open_stores
from registry.notary.token_keys import TokenKeys, new_token_key
from tests.support.notary_api import DOMAIN, FastSigner

BUDGET = 10**12


def main(folder: Path, database: str) -> None:
    """Serve until SIGTERM."""
    settings = NotarySettings(database=database, requests_per_second=10**6, promise_seconds=80_000, free_tokens=10**6)
    stores, now = open_stores(folder, settings), int(time.time())
    new_token_key(folder, time.gmtime().tm_year)
    stores.intake.add_sponsor("bench", sponsor_key_hash("bench"), BUDGET, now)
    stores.book.put_note(WORKER_NOTE, {"state": "ok", "since": now, "at": now})
    ingest = Ingest(stores.intake)
    keys = TokenKeys(folder, time.time)
    server = Server(build_app(Api(stores.intake, stores.book, ingest, FastSigner(), DOMAIN, settings, keys)))
    print(server.url, flush=True)
    server.run()
    ingest.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
