"""``brand init``, ``brand profile`` and ``brand serve``: make a brand's service, and run it."""

from __future__ import annotations

import logging
import sys
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer

from registry.brand.settings import BRAND_FILE, FILE, KEY_FILE, BrandSettings, make_internal_key, require_brand
from registry.cli.app import command
from registry.cli.brand_context import Dir, folder_of, site_of
from registry.cli.context import Context
from registry.cli.exit_codes import USAGE
from registry.cli.options import WALLET
from registry.core.errors import InvalidInput, Malformed
from registry.core.profiles import write_profile
from registry.fs.files import make_folder, replace_file
from registry.fs.supervisor import stop_on_signals, supervise
from registry.present.text import Row, table

PUBLIC, INTERNAL, WORKER = "public", "internal", "worker"
PARTS = (PUBLIC, INTERNAL, WORKER)
Terms = Annotated[list[str] | None, typer.Option(metavar="IRI", help="An agreement it keeps to; repeat.")]
DatabaseUrl = Annotated[
    str, typer.Option("--database", metavar="URL", help="A PostgreSQL database; without it, SQLite.")
]


def add_to(brand: typer.Typer) -> None:
    """Add these commands to the group."""
    example = "consent brand init --name NAME --domain DOMAIN --url URL --contact CONTACT"
    command(brand, "init", example, options=(*WALLET, "notary"))(init)
    command(brand, "profile", "consent brand profile", options=("force",))(profile)
    command(brand, "serve", "consent brand serve", options=("passphrase_file",))(serve)


def init(
    ctx: Context,
    name: Annotated[str, typer.Option(metavar="NAME", help="How the brand is called.")],
    domain: Annotated[str, typer.Option(metavar="DOMAIN", help="Its domain, which shows its profile.")],
    url: Annotated[str, typer.Option(metavar="URL", help="Where people reach the service.")],
    contact: Annotated[str, typer.Option(metavar="CONTACT", help="Where people ask about their data.")],
    terms: Terms = None,
    directory: Dir = None,
    database: DatabaseUrl = "",
) -> None:
    """Make a brand's folder: who it is, and its settings with an explanation of each.

    The account and the key for data are those of its home. What is there already stays as it is.
    """
    folder = folder_of(directory)
    brand = ctx.session.brand()
    notaries = [each for each in ctx.configuration.settings.notary if "#" in each]
    values: dict[str, Any] = {
        "account": brand.address,
        "recipients": [brand.recipient],
        "domain": domain,
        "name": name,
        "contact": contact,
        "url": url,
        "issued_at": ctx.network.clock(),
    }
    optional = {"terms": terms, "notaries": notaries, "database": database}
    values |= {member: value for member, value in optional.items() if value}
    _profile_of(ctx, FILE.of(values, BRAND_FILE))  # what no profile can say is refused before anything is made
    make_folder(folder)
    made, made_key = FILE.make(folder, **values), make_internal_key(folder)
    document = {"folder": str(folder), "account": brand.address, "madeSettings": made, "madeKey": made_key}
    rows: list[Row] = [
        ("Folder", folder),
        ("Account", brand.address),
        ("Settings", f"{folder / BRAND_FILE}{'' if made else ' (there already)'}"),
        ("Internal key", f"{folder / KEY_FILE}{'' if made_key else ' (there already)'}"),
        ("Next", "ask with `consent brand request`, then run `consent brand serve`"),
    ]
    ctx.out.result(document, table(rows))


def profile(
    ctx: Context,
    directory: Dir = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE", help="Write it into this file.")] = None,
) -> None:
    """Show the brand's profile, as the service serves it at /.well-known/consent.json.

    A web server of the brand's own may serve the file instead.
    """
    ctx.check_out(out)
    raw = _profile_of(ctx, require_brand(folder_of(directory)))
    if out is not None:
        replace_file(out, raw)
    ctx.out.result(msgspec.json.decode(raw), [str(out)] if out is not None else [raw.decode()])


def _profile_of(ctx: Context, settings: BrandSettings) -> bytes:
    try:
        return write_profile(settings.profile(ctx.network.domain))
    except Malformed as error:
        raise InvalidInput(f"{BRAND_FILE} makes no profile: {error}", "Correct what it names.") from None


def serve(
    ctx: Context,
    directory: Dir = None,
    only: Annotated[
        str | None,
        typer.Option("--only", metavar="PART", help="Run public, internal or worker alone, where machines share."),
    ] = None,
) -> None:
    """Run the brand's service until it is ended: the listener for people, the internal one, and the worker.

    The worker alone holds the brand's key. It and the internal listener have the key for data. SIGTERM and Ctrl-C end
    all in order, with exit code 0.
    """
    if only not in (None, *PARTS):
        raise InvalidInput(f"--only names {only!r}", "Write --only public, --only internal or --only worker.")
    level = logging.INFO if ctx.out.verbosity else logging.WARNING
    logging.basicConfig(level=level, format="%(levelname)s %(name)s: %(message)s")  # to stderr
    if only is None:
        return _supervise(ctx, directory)
    if only == WORKER:
        return _work(ctx, directory)
    site = site_of(ctx, directory)
    from registry.brand.service import run_internal, run_public

    told = partial(_listens, ctx, only)
    return run_public(site, told) if only == PUBLIC else run_internal(site, told, _identity(ctx))


def _work(ctx: Context, directory: Path | None) -> None:
    from registry.brand.service import run_worker
    from registry.client.party import Brand

    site = site_of(ctx, directory)
    wallet, _ = _key(ctx, site.settings.account)
    network, home = site.network, ctx.home
    sender = None if network.ledger.has_relay else wallet
    notaries = home.notaries(network, *site.settings.notaries, tell=ctx.out.log, waits=False)
    members: dict[str, Any] = {"network": network, "wallet": wallet, "evidence": home.evidence, "sender": sender}
    brand = Brand(**members, notaries=notaries, identity=_identity(ctx))
    with stop_on_signals() as stop:
        run_worker(site, brand, stop)


def _identity(ctx: Context) -> str:
    """Return the brand's key for data: the age identity of its home's seed."""
    from registry.core.crypto.seeds import owner_identity

    return owner_identity(ctx.session.seed)


def _key(ctx: Context, account: str) -> tuple[Any, str]:
    """Open the brand's key file; also return the passphrase that opened it."""
    from registry.wallets import keyfiles

    keys = ctx.home.keys

    def opened(phrase: str) -> tuple[Any, str]:
        return keyfiles.open_key(keys, account, phrase), phrase

    return ctx.unlock(opened, keyfiles.is_light(keys, account))


def _listens(ctx: Context, part: str, url: str) -> None:
    ctx.out.result({"event": "listening", "part": part, "url": url}, [f"{part.capitalize()} on {url}"])
    sys.stdout.flush()


def _supervise(ctx: Context, directory: Path | None) -> None:
    """Run the parts as three processes. The passphrase goes to each through a pipe."""
    site = site_of(ctx, directory)
    _, phrase = _key(ctx, site.settings.account)

    def line(part: str, descriptor: int) -> list[str]:
        # The environment and the flags name the same network and home for them as for us.
        given = {"--home": ctx.flags["home"], "--network": ctx.flags["network"], "--rpc-url": ctx.flags["rpc_url"]}
        given |= {"--ipfs": ctx.flags["ipfs"], "--dir": site.folder, "--only": part}
        named = [word for name, value in given.items() if value is not None for word in (name, str(value))]
        more = [*(["--json"] if ctx.out.as_json else []), *(["-v"] if ctx.out.verbosity else [])]
        command = [sys.executable, "-P", "-m", "registry", "brand", "serve", *named, *more]
        return [*command, "--passphrase-fd", str(descriptor)]

    programs = {part: partial(line, part) for part in PARTS}
    with stop_on_signals() as stop:
        code = supervise(programs, phrase.encode(), stop, ctx.out.note, hopeless=USAGE)
    if code:
        raise typer.Exit(code)
    ctx.out.result({"event": "ended"}, ["The brand's service has ended."])
