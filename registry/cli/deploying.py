"""``deploy``: the contracts onto a chain, and the folder that makes it a network."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from registry.cli.app import START, Depth, Sender, Yes, app, command
from registry.cli.context import Session, ask_yes
from registry.core.errors import InvalidInput, Rejected
from registry.present.text import Row, table

if TYPE_CHECKING:
    from registry.client.home import Home
    from registry.ledger.base import Deployment
    from registry.ledger.deploy import Plan

_COIN, _GWEI = 10**18, 10**9
_EXAMPLE = "consent deploy --rpc-url http://127.0.0.1:8545 --network ~/mynet --sender main"


@command(app, "deploy", _EXAMPLE, panel=START, without={"ipfs"})
def deploy(
    session: Session,
    sender: Sender = None,
    evm: Annotated[
        str | None,
        typer.Option("--evm", metavar="BUILD", help="prague or shanghai; by default the newest that the chain runs."),
    ] = None,
    depth: Depth = None,
    yes: Yes = False,
) -> None:
    """Put the contracts on a chain, and write the folder of its network.

    An account of your home pays, and has no power over the contracts afterwards: nobody has. On every chain with the
    usual deployer they have the same addresses. What is there already is checked and not paid for again, so that
    running it once more completes what was interrupted.
    """
    url = session.settings.rpc_url
    if url is None:
        raise InvalidInput("no node is named", "Add --rpc-url URL.")
    folder = session.network_path
    if (folder / "deployment.json").exists():
        _say(session, _found(session, url), [])
        return
    plan, deployment = _deployed(session, url, evm, yes)
    _write(session, folder, url, deployment)
    _say(session, deployment, plan.missing)


def _found(session: Session, url: str) -> Deployment:
    """The deployment that the folder names, if it is on the chain that the node shows."""
    from registry.client.network_config import read_settings, write_settings
    from registry.ledger.base import read_deployment
    from registry.ledger.deploy import check_deployment
    from registry.ledger.node_info import probe

    folder = session.network_path
    known = read_deployment(folder / "deployment.json")
    with session.out.working("asking the node"):
        chain_id = probe(url).chain_id
        if chain_id != known.chain_id:
            message = f"{folder} is the folder of a network on chain {known.chain_id}, and the node is on {chain_id}"
            raise InvalidInput(message, "Name another folder with --network: a network is deployed once.")
        check_deployment(url, known)
    if "rpc_url" not in read_settings(folder):
        write_settings(folder, rpc_url=url)
    session.out.note("The folder's contracts are on this chain and are ours: there was nothing to do.")
    return known


def _deployed(session: Session, url: str, evm: str | None, yes: bool) -> tuple[Plan, Deployment]:
    from registry.ledger.deploy import deploy as carry_out
    from registry.ledger.deploy import survey
    from registry.ledger.rpc import DEFAULT_MAX_FEE
    from registry.wallets import keyfiles

    home: Home = session.home
    payer = home.account(session.words("sender") or session.key_name)
    with session.out.working("asking the node"):
        plan = survey(url, payer.address, evm=evm)
    for line in table([*_plan_rows(plan, url, payer.name), ("Folder", session.network_path)]):
        session.out.note(line)
    sender = None
    if plan.missing:
        _check_balance(plan)
        if not yes and not ask_yes("Go on?"):
            raise Rejected("you said no", "Nothing was sent.")
        sender = session.unlock(lambda phrase: keyfiles.open_key(home.keys, payer.name, phrase))
    session.network_path.mkdir(mode=0o700, parents=True, exist_ok=True)  # before anything is paid
    fee = session.settings.max_fee_gwei
    with session.out.working("deploying"):
        deployment = carry_out(
            url,
            sender,
            plan=plan,
            max_fee=DEFAULT_MAX_FEE if fee is None else round(fee * _GWEI),
            confirmations=session.settings.confirmations or 0,
            progress=lambda transaction, seconds: session.out.progress(f"{transaction}, {seconds:.0f} s"),
        )
    return plan, deployment


def _plan_rows(plan: Plan, url: str, payer: str) -> list[Row]:
    from registry.ledger.node_info import name_of

    places: list[Row] = [
        (contract, f"{site.address}, {'there already' if site.stands else 'to be created'}")
        for contract, site in (("Registry", plan.registry), ("Verifier", plan.verifier))
    ]
    where = "the same on every chain" if plan.everywhere else "this chain's own: the deployer is not on it"
    rows = [("Chain", f"{plan.chain_id}, through {name_of(url)}"), *places, ("Addresses", where), ("Build", plan.evm)]
    if not plan.missing:
        return rows
    money = f"{_coins(plan.gas * plan.price)} in the chain's currency"
    cost = f"about {plan.gas:,} gas at {plan.price / _GWEI:,.4g} gwei: {money}"
    return [*rows, ("Cost", cost), ("Paid by", f"{plan.payer} ({payer}), which has {_coins(plan.balance)}")]


def _coins(wei: int) -> str:
    """In the chain's own currency, whatever it is called."""
    return f"{wei / _COIN:,.9f}".rstrip("0").rstrip(".")


def _check_balance(plan: Plan) -> None:
    if plan.balance < plan.gas * plan.price:
        message = f"{plan.payer} has {_coins(plan.balance)}, and about {_coins(plan.gas * plan.price)} is needed"
        raise InvalidInput(message, "Send it some of the chain's currency; nothing was sent.")


def _write(session: Session, folder: Path, url: str, deployment: Deployment) -> None:
    """``deployment.json`` comes last: a folder that has it is whole."""
    from registry.client.network_config import write_settings
    from registry.ledger.base import write_deployment
    from registry.ledger.node_info import name_of

    write_settings(folder, rpc_url=url)
    write_deployment(folder / "deployment.json", deployment)
    if name_of(url) not in (url.rstrip("/"), f"ipc:{url}"):
        session.out.note("network.toml holds the node's URL as you gave it; take a key out before you hand it on.")
    if deployment.block == 0:
        note = "The node does not know the registry's block, so logs are read from the first: slow on a long chain."
        session.out.note(f"{note} Write its number into deployment.json if you know it.")


def _say(session: Session, deployment: Deployment, created: list[str]) -> None:
    from registry.ledger.artifacts import EVM_VERSIONS
    from registry.ledger.contract_addresses import addresses

    everywhere = (deployment.registry, deployment.verifier) in map(addresses, EVM_VERSIONS)
    folder = session.network_path
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
        ("Hand over", f"the folder {folder}; whoever has it says: export CONSENT_NETWORK=FOLDER"),
    ]
    session.out.result(document, table(rows))
