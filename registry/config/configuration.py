"""One party's configuration: flags, then ``CONSENT_*`` variables, then ``config.toml``, then ``network.toml``."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from registry.config.home_file import HOME_FILE
from registry.config.network_file import NAMES, Settings, read_settings, read_toml, settings_of
from registry.core.errors import InvalidInput

MAX_CREDENTIALS_BYTES = 8 * 1024


@dataclass(frozen=True)
class Configuration:
    """Where each setting comes from. A flag of None was not given. ``repr`` shows no value: a URL may hold a key."""

    flags: Mapping[str, Any] = field(default_factory=dict, repr=False)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)

    def value(self, name: str, default: Any = None) -> Any:
        """Return the setting, or the default where no place names it."""
        return next((value for value, _ in self._named(name)), default)

    def source(self, name: str) -> str:
        """Return the place that names the setting, such as ``CONSENT_IPFS``; empty where none does."""
        return next((place for _, place in self._named(name)), "")

    def _named(self, name: str) -> Iterator[tuple[Any, str]]:
        if (flag := self.flags.get(name)) is not None:
            yield flag, f"--{name.replace('_', '-')}"
        if text := self.environment.get(f"CONSENT_{name.upper()}"):
            yield text, f"CONSENT_{name.upper()}"
        if name in self._config:
            yield self._config[name], HOME_FILE
        # The network's folder cannot name its own place.
        if name != "network" and name in self._shared:
            yield self._shared[name], "network.toml"

    def text(self, name: str) -> str | None:
        """Return a setting that must be text; ``InvalidInput`` where it is not."""
        value = self.value(name)
        if value is not None and not isinstance(value, str):
            raise InvalidInput(f"{name} in config.toml is not text", f'Write it in quotes: {name} = "...".')
        return value

    def whole_number(self, name: str) -> int | None:
        """Return a setting that must be a number from 0 on; ``InvalidInput`` where it is not."""
        if (value := self.value(name)) is None:
            return None
        try:
            number = -1 if isinstance(value, bool | float) else int(value)
        except (TypeError, ValueError):
            number = -1
        if number < 0:
            raise InvalidInput(f"{name} is {value!r}, not a number from 0 on", "Correct the configuration.")
        return number

    @cached_property
    def network_path(self) -> Path:
        """``CONSENT_NETWORK``: the folder that parties share. In config.toml its path is seen from the home."""
        if not (chosen := self.text("network")):
            return default_network()
        if self.source("network") == HOME_FILE:
            return Path(os.path.normpath(self.home_path / Path(chosen).expanduser()))
        return _absolute(chosen)

    @property
    def named_network(self) -> Path | None:
        """The network's folder where somebody named it, else None: a new home remembers it."""
        return self.network_path if self.source("network") else None

    @cached_property
    def home_path(self) -> Path:
        """``CONSENT_HOME``: this party's folder, on whichever network it is used."""
        chosen = self.flags.get("home") or self.environment.get("CONSENT_HOME")
        return _absolute(chosen) if chosen else default_home()

    @cached_property
    def _config(self) -> dict[str, Any]:
        return read_toml(self.home_path / HOME_FILE)

    @cached_property
    def _shared(self) -> dict[str, Any]:
        return read_settings(self.network_path)

    @cached_property
    def settings(self) -> Settings:
        """What the ledger and the store are made of. A command's own ``--confirmations`` (``depth``) goes first."""
        values = {name: self.value(name) for name in NAMES}
        if (depth := self.flags.get("depth")) is not None:
            values["confirmations"] = depth
        # `read_settings` has checked network.toml, so a wrong value stands in another place.
        places = dict.fromkeys(place for name in NAMES if (place := self.source(name)) != "network.toml")
        return settings_of(values, " or ".join(filter(None, places)) or "network.toml")

    @cached_property
    def bounds(self) -> dict[str, Any]:
        """The bounds of a policy. A command's own ``--confirmations`` (``depth``) is only how long it waits."""
        depth, age = self.whole_number("confirmations") or 0, self.settings.max_facts_age
        return {"confirmations": depth, "max_facts_age": age, "max_backdate": self.max_backdate}

    def max_backdate(self) -> int | None:
        """Return the setting of this name. Only judging reads it, so that a wrong value stops no ending."""
        return self.whole_number("max_backdate")

    @property
    def allow_announcing(self) -> bool:
        """Whether sealed data may go to an IPFS node that announces it; ``InvalidInput`` where it is no yes or no.

        The network's folder cannot say so: a person, and nobody else, decides that about their data.
        """
        value = self.value("allow_announcing", False)
        words = {"true": True, "1": True, "false": False, "0": False}
        if isinstance(value, bool | str) and (found := words.get(str(value).lower())) is not None:
            return found
        raise InvalidInput(f"allow_announcing is {value!r}, not true or false", "Correct the configuration.")

    @property
    def passphrase_file(self) -> Path | None:
        """The file that holds the passphrase, for a command with ``--passphrase-file``: a service has no terminal."""
        if "passphrase_file" not in self.flags:
            return None
        named = self.flags["passphrase_file"] or self.environment.get("CONSENT_PASSPHRASE_FILE")
        return _absolute(named) if named else None

    @property
    def credentials(self) -> Path | None:
        """The file ``ipfs_credentials``, relative to the home; None where no IPFS node or no file is named."""
        file = self.text("ipfs_credentials")
        if not file or self.settings.ipfs is None:
            return None
        if self.source("ipfs") == "network.toml":
            # The credentials would go to a node that somebody else chose.
            advice = "Name the node in config.toml too (ipfs = ...), if your credentials are for it."
            raise InvalidInput("credentials go only to an IPFS node that you named yourself", advice)
        return self.home_path / Path(file).expanduser()


def read_credentials(file: Path) -> dict[str, Any]:
    """Read one line, "basic USER:PASSWORD" or "bearer TOKEN": ``basic`` or ``bearer`` for a `KuboBlocks`.

    ``InvalidInput`` if other users may read the file, or if it holds anything else. It quotes nothing of the file.
    """
    try:
        with file.open("rb") as source:
            mode = stat.S_IMODE(os.fstat(source.fileno()).st_mode)
            text = source.read(MAX_CREDENTIALS_BYTES).decode("utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise InvalidInput(f"the credentials in {file} cannot be read: {why}", "Check the path.") from None
    if os.name == "posix" and mode & 0o077:
        advice = f"Run: chmod 600 {file}. Then change the credentials, because other users may have read them."
        raise InvalidInput(f"other users may read the credentials in {file} (mode {mode:03o})", advice)
    kind, _, value = text.partition(" ")
    user, colon, password = value.partition(":")
    if kind == "basic" and colon and user:
        return {"basic": (user, password)}
    if kind == "bearer" and value:
        return {"bearer": value}
    raise InvalidInput(f"{file} holds no credentials", 'Write one line: "basic USER:PASSWORD" or "bearer TOKEN".')


def default_network() -> Path:
    """Return the network's folder in the user's data folder."""
    return _data() / "network"


def default_home() -> Path:
    """Return the home in the user's data folder."""
    return _data() / "home"


def default_notary() -> Path:
    """Return a notary's folder in the user's data folder."""
    return _data() / "notary"


def default_brand() -> Path:
    """Return a brand's folder in the user's data folder."""
    return _data() / "brand"


def _data() -> Path:
    from platformdirs import user_data_path

    return user_data_path("consent-registry")


def _absolute(path: str | Path) -> Path:
    return Path(path).expanduser().absolute()
