"""Back up a whole home into one sealed file: ``age -d FILE | tar -x`` opens it without any of our software."""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, BinaryIO, NamedTuple

from registry.client.home import Home
from registry.client.vault_blocks import capsules_of
from registry.core.age.recipients import Passphrase
from registry.core.age.stream import open_sealed, seal
from registry.core.errors import BlockMismatch, DamagedSeal, InvalidInput
from registry.core.file_kinds import MAX_JSON, SEALED, kind_of_file
from registry.core.ipld.cid import MAX_BLOCK_BYTES, Block, check_block
from registry.fs.files import creating, make_folder, making_folder, read_bounded, reading_again, replace_file, writing
from registry.storage.base import BlockStore
from registry.vault.place import Place, note_place
from registry.wallets.keystore import refuse_guessable

if TYPE_CHECKING:
    from registry.vault.owner import OwnerSide

MAX_HOME_FILE = 16 * 1024 * 1024
_FILES = re.compile(
    r"config\.toml|seed\.json|vault/index|vault/granting/0x[0-9a-f]{64}|keys/[a-z0-9][a-z0-9._-]*\.json"
    r"|(?:evidence|restricted|requests|pending|deliveries|mail)/0x[0-9a-f]{64}\.json|promises/0x[0-9a-f]{64}-0x[0-9a-fA-F]{40}\.json"
    r"|endings/0x(?:[0-9a-f]{64}(?:-0x[0-9a-f]{64})?|[0-9a-fA-F]{40})\.json|tokens/[0-9A-Za-z-]{1,64}\.token"
    r"|confirmed/[0-9]{1,20}-0x[0-9a-fA-F]{40}-[a-z0-9.-]{1,253}\.json"
    r"|uses/(?:heads-[0-9]{1,20}-0x[0-9a-fA-F]{40}-0x[0-9a-fA-F]{40}|0x[0-9a-f]{64})-[0-9]{1,4}\.json"
    r"|uses/changed-[0-9a-f]{16}\.json"
    r"|cutoffs/0x[0-9a-fA-F]{40}|payers/0x[0-9a-fA-F]{40}/0x[0-9a-fA-F]{40}"
)
_BLOCK = re.compile(r"blocks/(b[a-z2-7]+)")


class Saved(NamedTuple):
    """How much a backup holds: home files, vault blocks, and its own size in bytes."""

    files: int
    blocks: int
    size: int


def back_up(
    home: Home, vault: OwnerSide, store: BlockStore, file: Path, passphrase: str, *, guessable: bool = False
) -> Saved:
    """Write the sealed backup of a home to a new ``file``, whole or not at all.

    ``InvalidInput`` for a guessable passphrase, unless ``guessable`` allows it.
    """
    if not guessable:
        refuse_guessable(passphrase)
    if file.exists():
        raise InvalidInput(f"{file} exists already", "Name a new file; a backup never replaces another.")
    with writing(file):
        make_folder(file.parent)
        try:
            with tempfile.TemporaryFile(dir=home.path) as plain, creating(file) as sealed:
                files, blocks = _write_archive(plain, home, vault, store)
                plain.seek(0)
                seal(plain, sealed, [Passphrase(passphrase)])
        except FileExistsError:
            raise InvalidInput(f"{file} exists already", "Name a new file; a backup never replaces another.") from None
    return Saved(files, blocks, file.stat().st_size)


def restore(file: Path, home: Home, store: BlockStore, passphrase: str, **names: Any) -> Saved:
    """Restore a backup: its files into a new home, its blocks into the store, all of it or nothing.

    ``names`` are those of `restore_from`.
    """
    with reading_again(file) as source:
        return restore_from(source, home, store, passphrase, **names)


def restore_from(
    source: BinaryIO,
    home: Home,
    store: BlockStore,
    passphrase: str,
    *,
    place: Place | None = None,
    network: Path | None = None,
) -> Saved:
    """Do as `restore` does, from an open file; after ``WrongPassphrase``, it can be called again.

    The home remembers ``place``, the name of the store, and the folder of its ``network``. The ones that the backup
    remembers may lie on another machine.
    """
    if home.path.exists():
        raise InvalidInput(f"{home.path} exists already", "Restore into a new folder: --home FOLDER.")
    refuse_other_files(source)
    size = source.seek(0, io.SEEK_END)
    source.seek(0)
    with writing(home.path), making_folder(home.path) as made:
        with tempfile.TemporaryFile(dir=home.path.parent) as plain:
            open_sealed(source, plain, [Passphrase(passphrase)])
            # Check every member before storing any block, so that a damaged backup leaves nothing behind.
            files, blocks = _read_files(plain, made)
            if not Home(made).exists:
                raise DamagedSeal("the backup holds no home (seed.json is missing)")
            store.put(Block(found[1], data) for name, data in _members(plain) if (found := _BLOCK.fullmatch(name)))
        home.remember(made, network)
        if place is not None:
            note_place(Home(made).vault, place)
    return Saved(files, blocks, size)


def refuse_other_files(source: BinaryIO) -> None:
    """Raise ``DamagedSeal`` for an open file that is known to be no sealed one, before a passphrase is asked for."""
    source.seek(0)
    kind = kind_of_file(source.read(MAX_JSON))
    source.seek(0)
    if kind is not None and kind != SEALED:
        raise DamagedSeal(f"this is {kind.name}, not a backup", "Give the file that `consent backup` wrote.")


def _write_archive(plain: IO[bytes], home: Home, vault: OwnerSide, store: BlockStore) -> tuple[int, int]:
    files = blocks = 0
    with vault.still() as own, tarfile.open(fileobj=plain, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for path in sorted(p for p in home.path.rglob("*") if p.is_file()):
            name = path.relative_to(home.path).as_posix()
            if _FILES.fullmatch(name):
                _add(archive, name, read_bounded(path, MAX_HOME_FILE))
                files += 1
        for block in chain(own, capsules_of(home, store)):
            _add(archive, f"blocks/{block.cid}", block.data)
            blocks += 1
    return files, blocks


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    archive.addfile(member, io.BytesIO(data))


def _read_files(plain: IO[bytes], home: Path) -> tuple[int, int]:
    """Check every member and write the home's files; return how many files and blocks there are."""
    files = blocks = 0
    for name, data in _members(plain):
        if found := _BLOCK.fullmatch(name):
            try:
                check_block(found[1], data)
            except (BlockMismatch, InvalidInput) as error:
                raise DamagedSeal(f"a block in the backup does not match its name: {error}") from None
            blocks += 1
        else:
            replace_file(home / name, data)
            files += 1
    return files, blocks


def _members(plain: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    plain.seek(0)
    try:
        with tarfile.open(fileobj=plain, mode="r:") as archive:
            for member in archive:
                yield member.name, _content(archive, member)
    except tarfile.TarError as error:
        raise DamagedSeal(f"the backup is not a tar archive: {error}") from None


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    # Accept only the names that `back_up` writes, so that nothing lands outside the home and no link is followed.
    is_block = _BLOCK.fullmatch(member.name) is not None
    if not member.isfile() or not (is_block or _FILES.fullmatch(member.name)):
        raise DamagedSeal(f"the backup holds {member.name[:80]!r}, which does not belong in one")
    if member.size > (MAX_BLOCK_BYTES if is_block else MAX_HOME_FILE):
        raise DamagedSeal(f"{member.name[:80]!r} in the backup is too large")
    file = archive.extractfile(member)
    assert file is not None  # it is None only for what is no file
    return file.read()
