// Who owns a vault, whatever keeps the seed (a keystore, a passkey): from 24 words to every account, key and recipient.

import { Accounts } from "./accounts.ts";
import { seedOf, splitWords, wordsOf } from "./mnemonic.ts";
import { recipientOf } from "./recipients.ts";
import type { Address } from "./scalars.ts";
import { fingerprint, homesName, mailboxIdentity, ownerIdentity, relationshipKey, vaultKey } from "./seeds.ts";
import type { SigningKey } from "./vault_keys.ts";

/** What a seed gives. `identity` opens index and book, `recipient` is its public half, `key` signs them. */
export interface Owner {
  readonly identity: string;
  readonly recipient: string;
  readonly key: SigningKey;
  readonly accounts: Accounts;
  readonly homes: string;
  readonly fingerprint: string;
  readonly relationship: (subject: Address, controller: Address) => Promise<Relationship>;
}

/** What one account of the person and one brand share. `key` signs bundles, `mailbox` is the recipient for what comes back. */
export interface Relationship {
  readonly subject: Address;
  readonly controller: Address;
  readonly key: SigningKey;
  readonly mailboxIdentity: string;
  readonly mailbox: string;
}

/** Returns the owner of the vault with this seed (32 bytes). */
export async function ownerOf(seed: Uint8Array): Promise<Owner> {
  wordsOf(seed); // refuses another length
  const kept = seed.slice();
  const identity = ownerIdentity(kept);
  return Object.freeze({
    identity,
    recipient: await recipientOf(identity),
    key: vaultKey(kept),
    accounts: new Accounts(kept),
    homes: homesName(kept),
    fingerprint: await fingerprint(kept),
    relationship: (subject: Address, controller: Address) => relationshipOf(kept, subject, controller),
  });
}

/** Returns the owner whose 24 words a person typed, in any case and with any white space between. Throws `InvalidInput`. */
export const ownerFromWords = (text: string): Promise<Owner> => ownerOf(seedOf(splitWords(text)));

async function relationshipOf(seed: Uint8Array, subject: Address, controller: Address): Promise<Relationship> {
  const identity = mailboxIdentity(seed, subject, controller);
  const key = relationshipKey(seed, subject, controller);
  return Object.freeze({ subject, controller, key, mailboxIdentity: identity, mailbox: await recipientOf(identity) });
}
