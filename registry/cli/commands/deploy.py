"""``deploy``: put the contracts on a chain."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from registry.cli.app import app, command
from registry.cli.context import Context
from registry.client.sign import noting
from registry.config.network_file import read_settings, write_settings
from registry.core.errors import InvalidInput
from registry.core.scalars import format_units
from registry.fs.files import make_folder, writing
from registry.ledger.artifacts import EVM_VERSIONS
from registry.ledger.base import Deployment, read_deployment, write_deployment
from registry.ledger.contract_addresses import addresses
from registry.ledger.deploy import Plan, check_deployment, survey
from registry.ledger.deploy import deploy as carry_out
from registry.ledger.rpc import DEFAULT_MAX_FEE, name_of, probe
from registry.present.text import Row, table
from registry.wallets import keyfiles

_COIN, _GWEI = 18, 9
_EXAMPLE = "consent deploy --rpc-url http://127.0.0.1:8545 --network ~/mynet --sender main"


@command(app, "deploy", _EXAMPLE, options=("sender", "depth", "yes"), without={"ipfs"})
def deploy(
    ctx: Context,
    evm: Annotated[
        str | None,
        typer.Option("--evm", metavar="BUILD", help="prague or shanghai; by default the newest that the chain runs."),
    ] = None,
) -> None:
    """Put the contracts on a chain, and write the folder of its network.

    An account of your home pays. It has no power over the contracts afterwards, and neither has anybody else. On every
    chain with the usual deployer they have the same addresses. A contract that is there already is checked and not
    paid for again, so that a second run completes an interrupted one.
    """
    url = ctx.configuration.settings.rpc_url
    if url is None:
        raise InvalidInput("no node is named", "Add --rpc-url URL.")
    folder = ctx.configuration.network_path
    if (folder / "deployment.json").exists():
        _say(ctx, _found(ctx, url), [])
        return
    plan, deployment = _deployed(ctx, url, evm)
    _write(ctx, folder, url, deployment)
    _say(ctx, deployment, plan.missing)


def _found(ctx: Context, url: str) -> Deployment:
    """Return the deployment that the folder names, if it is on the node's chain."""
    folder = ctx.configuration.network_path
    known = read_deployment(folder / "deployment.json")
    with ctx.working("asking the node"):
        chain_id = probe(url).chain_id
        if chain_id != known.chain_id:
            message = f"{folder} is the folder of a network on chain {known.chain_id}, and the node is on {chain_id}"
            raise InvalidInput(message, "Name another folder with --network: a network is deployed once.")
        check_deployment(url, known)
    if "rpc_url" not in read_settings(folder):
        write_settings(folder, rpc_url=url)
    ctx.out.note("The folder's contracts are on this chain and are ours: nothing was done.")
    return known


def _deployed(ctx: Context, url: str, evm: str | None) -> tuple[Plan, Deployment]:
    home = ctx.home
    payer = home.account(ctx.configuration.text("sender") or ctx.wallets.key_name)
    with ctx.working("asking the node"):
        plan = survey(url, payer.address, evm=evm)
    for line in table([*_plan_rows(plan, url, payer.name), ("Folder", ctx.configuration.network_path)]):
        ctx.out.note(line)
    sender = None
    if plan.missing:
        _check_balance(plan)
        ctx.agree()
        is_light = keyfiles.is_light(home.keys, payer.name)
        sender = ctx.unlock(lambda phrase: keyfiles.open_key(home.keys, payer.name, phrase), is_light)
    with writing(ctx.configuration.network_path):
        make_folder(ctx.configuration.network_path)  # fail here, before anything is paid
    fee = ctx.configuration.settings.max_fee_gwei
    with ctx.working("deploying"):
        deployment = carry_out(
            url,
            sender,
            plan=plan,
            max_fee=DEFAULT_MAX_FEE if fee is None else round(fee * 10**_GWEI),
            confirmations=ctx.configuration.settings.confirmations or 0,
            progress=lambda transaction, seconds: ctx.out.progress(f"{transaction}, {seconds:.0f} s"),
        )
    return plan, deployment


def _plan_rows(plan: Plan, url: str, payer: str) -> list[Row]:
    places: list[Row] = [
        (contract, f"{site.address}, {'there already' if site.stands else 'to be created'}")
        for contract, site in (("Registry", plan.registry), ("Verifier", plan.verifier))
    ]
    where = "the same on every chain" if plan.everywhere else "this chain's own: the deployer is not on it"
    rows = [("Chain", f"{plan.chain_id}, through {name_of(url)}"), *places, ("Addresses", where), ("Build", plan.evm)]
    if not plan.missing:
        return rows
    money = f"{format_units(plan.gas * plan.price, _COIN)} in the chain's currency"
    cost = f"about {plan.gas:,} gas at {format_units(plan.price, _GWEI)} gwei: {money}"
    return [
        *rows,
        ("Cost", cost),
        ("Paid by", f"{plan.payer} ({payer}), which has {format_units(plan.balance, _COIN)}"),
    ]


def _check_balance(plan: Plan) -> None:
    if plan.balance < plan.gas * plan.price:
        has, needs = (format_units(amount, _COIN) for amount in (plan.balance, plan.gas * plan.price))
        message = f"{plan.payer} has {has}, and about {needs} is needed"
        raise InvalidInput(message, "Send it some of the chain's currency; nothing was sent.")


def _write(ctx: Context, folder: Path, url: str, deployment: Deployment) -> None:
    """Write ``deployment.json`` last, so that a folder that has it is whole."""
    with noting("The contracts are on the chain: run it again to write the folder, and nothing is paid twice."):
        write_settings(folder, rpc_url=url)
        write_deployment(folder / "deployment.json", deployment)
    if name_of(url) not in (url.rstrip("/"), f"ipc:{url}"):
        ctx.out.note(
            "network.toml holds the node's URL as you gave it; remove a key from it before you share the folder."
        )
    if deployment.block == 0:
        note = "The node does not know the registry's block, so logs are read from the first: slow on a long chain."
        ctx.out.note(f"{note} Write its number into deployment.json if you know it.")


def _say(ctx: Context, deployment: Deployment, created: list[str]) -> None:
    everywhere = (deployment.registry, deployment.verifier) in map(addresses, EVM_VERSIONS)
    folder = ctx.configuration.network_path
    document: dict[str, Any] = {
        "chainId": deployment.chain_id,
        "registry": deployment.registry,
        "verifier": deployment.verifier,
        "block": deployment.block,
        "sameEverywhere": everywhere,
        "created": created,
        "network": str(folder),
    }
    rows: list[Row] = [
        ("Registry", deployment.registry),
        ("Verifier", deployment.verifier),
        ("Chain", f"{deployment.chain_id}, from block {deployment.block:,}"),
        ("Created", ", ".join(created) or "nothing, and nothing was paid"),
        ("Hand over", f"the folder {folder}; its users run: export CONSENT_NETWORK=FOLDER"),
    ]
    ctx.out.result(document, table(rows))
