"""The settings of a service: a TOML file in its folder, in which every line explains itself. It holds no secret."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Generic, TypeVar

import msgspec
from msgspec import Meta

from registry.config.network_file import read_toml
from registry.core.errors import InvalidInput
from registry.fs.files import creating, make_folder, writing

SettingText = Annotated[str, Meta(max_length=2048, pattern=r"^([!-~]([ -~]*[!-~])?)?\Z")]
S = TypeVar("S", bound=msgspec.Struct)


@dataclass(frozen=True)
class ServiceFile(Generic[S]):
    """One service's settings: the file's ``name``, their ``kind``, the file's ``head``, and a comment for each."""

    name: str
    kind: type[S]
    head: str
    comments: Mapping[str, str]

    def read(self, folder: Path) -> S:
        """Read the folder's file; ``InvalidInput`` where it holds anything else."""
        return self.of(read_toml(folder / self.name), str(folder / self.name))

    def of(self, values: Mapping[str, Any], where: str) -> S:
        """Return the settings; ``InvalidInput`` names ``where``."""
        try:
            return msgspec.convert(values, self.kind)
        except msgspec.ValidationError as error:
            raise InvalidInput(f"{where}: {error}", f"Correct {where}.") from None

    def make(self, folder: Path, **values: Any) -> bool:
        """Write the file with these values and all defaults as comments; False where there is one already."""
        self.of(values, self.name)
        file = folder / self.name
        with writing(file):
            make_folder(folder)
            try:
                with creating(file) as sink:
                    sink.write(self.text(**values).encode())
            except FileExistsError:
                self.read(folder)
                return False
        return True

    def text(self, **values: Any) -> str:
        """Return the file's text: these values, and the default of every other setting as a comment."""
        defaults = {each.name: each.default for each in msgspec.structs.fields(self.kind)}
        parts = [self.head]
        for name, comment in self.comments.items():
            mark, value = ("", values[name]) if name in values else ("# ", defaults[name])
            lines = "".join(f"# {line}\n" for line in comment.splitlines())
            parts.append(f"{lines}{mark}{name} = {json.dumps(value, ensure_ascii=False)}\n")
        return "\n".join(parts)


def check_database(database: str) -> None:
    """Raise ``ValueError`` for a database's URL that holds a password."""
    if "@" in database and ":" in database.split("//", 1)[-1].split("@", 1)[0]:
        raise ValueError("database holds a password: put it into ~/.pgpass, or name a file with PGPASSFILE")


def check_proxies(proxies: Iterable[str]) -> None:
    """Raise ``ValueError`` for what is no address of one machine, or spelled otherwise.

    A range or another spelling would match no caller, and all callers would share one allowance.
    """
    for proxy in proxies:
        try:
            found = str(ip_address(proxy))
        except ValueError:
            raise ValueError(f"proxies holds {proxy!r}, which is no address of one machine") from None
        if found != proxy:
            raise ValueError(f"proxies holds {proxy!r}: write {found}")
