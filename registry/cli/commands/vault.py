"""``vault``: the commands of a person's own data, each in a file beside this."""

from __future__ import annotations

from registry.cli.app import group
from registry.cli.commands import (
    vault_add,
    vault_check,
    vault_edit,
    vault_export,
    vault_import,
    vault_move,
    vault_pull,
    vault_query,
    vault_records,
    vault_schema,
    vault_shred,
    vault_sync,
)

vault = group("vault", "consent vault add receipt.pdf --category pd:Purchase\nconsent vault search 'coat after:2026'")
vault_add.add_to(vault)
vault_import.add_to(vault)
vault_records.add_to(vault)
vault_edit.add_to(vault)
vault_query.add_to(vault)
vault_schema.add_to(vault)
vault_export.add_to(vault)
vault_sync.add_to(vault)
vault_pull.add_to(vault)
vault_shred.add_to(vault)
vault_check.add_to(vault)
vault_move.add_to(vault)
