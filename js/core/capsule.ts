// Capsules hand over a grant's bundles (docs/formats.md, "Capsule and update").

import { sha256 } from "@noble/hashes/sha2.js";
import { toHex } from "./bytes.ts";
import { asBundleKey, checkKeys, type BundleKey } from "./bundle_keys.ts";
import { checkSignature, parseSealed, sealDocument, sign, type DocumentKind, type Signed } from "./documents.ts";
import { InvalidInput, malformed, SealedDataError } from "./errors.ts";
import { checkRecipient } from "./recipients.ts";
import { asAddress, asWord, type Address, type Word } from "./scalars.ts";
import { asList, asText } from "./shapes.ts";
import type { Relationship } from "./owner.ts";

export const MAX_SEALED = 256 * 1024;
export const MAX_PLAIN = 1024 * 1024;

/** The bundles that a grant hands over, for whom, and where the brand may write to (`mailbox`, a recipient of age). */
export interface Capsule extends Signed {
  readonly type: "Capsule";
  readonly subject: Address;
  readonly controller: Address;
  readonly lock: Word;
  readonly vaultKey: Word;
  readonly mailbox: string;
  readonly streams: readonly BundleKey[];
}

/** What a capsule must be for: the members of the grant whose `content` it is. */
export interface Granted {
  readonly subject: Address;
  readonly controller: Address;
  readonly revocation: Word;
}

export const CAPSULE: DocumentKind<Capsule> = {
  type: "Capsule",
  maxSealed: MAX_SEALED,
  maxPlain: MAX_PLAIN,
  members: ["subject", "controller", "lock", "vaultKey", "mailbox", "streams"],
  check(found) {
    asAddress(found["subject"], "subject");
    asAddress(found["controller"], "controller");
    asWord(found["lock"], "lock");
    asWord(found["vaultKey"], "vaultKey");
    checkMailbox(asText(found["mailbox"], "mailbox"));
    asList(found["streams"], "streams", asBundleKey);
  },
  checkLists: ({ streams }) => checkKeys(streams),
};

/** Returns the signed capsule of a relationship, for the grant with this lock. */
export function makeCapsule(relationship: Relationship, lock: Word, streams: readonly BundleKey[]): Capsule {
  const { subject, controller, key, mailbox } = relationship;
  return sign(CAPSULE, { subject, controller, lock, vaultKey: key.publicKey, mailbox, streams }, key);
}

/** Seals a capsule to the recipient in the controller's notice. The answer is one block, whose SHA-256 is the grant's `content`. */
export const sealCapsule = (capsule: Capsule, recipient: string): Promise<Uint8Array> => sealDocument(CAPSULE, capsule, recipient);

/** Returns the `content` of the grant that hands over this sealed capsule. */
export const contentOf = (sealed: Uint8Array): Word => toHex(sha256(sealed));

/**
 * Opens a capsule. Throws `WrongCapsule` if it was made for another subject, controller or grant, `NotARecipient` for another
 * identity, `DamagedSeal` for altered bytes, `Malformed` for a repeated stream.
 */
export async function openCapsule(sealed: Uint8Array, identity: string, grant: Granted): Promise<Capsule> {
  const capsule = await parseSealed(CAPSULE, sealed, identity);
  const wanted = { subject: grant.subject, controller: grant.controller, lock: grant.revocation };
  for (const name of ["subject", "controller", "lock"] as const) {
    if (capsule[name] !== wanted[name]) throw new SealedDataError("WrongCapsule", `the capsule was made for another ${name}`);
  }
  checkSignature(capsule, capsule.vaultKey);
  return capsule;
}

function checkMailbox(mailbox: string): void {
  try {
    checkRecipient(mailbox);
  } catch (error) {
    if (!(error instanceof InvalidInput)) throw error;
    throw malformed(`the mailbox is no age recipient: ${error.message}`);
  }
}
