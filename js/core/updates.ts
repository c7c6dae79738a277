// Stream updates continue the bundles of a grant (docs/formats.md, "Capsule and update").

import { asBundleKey, checkKeys, type BundleKey } from "./bundle_keys.ts";
import { MAX_PLAIN, MAX_SEALED } from "./capsule.ts";
import { openDocument, sealDocument, sign, type DocumentKind, type Signed } from "./documents.ts";
import { SealedDataError } from "./errors.ts";
import { asWord, type Word } from "./scalars.ts";
import { asInteger, asList } from "./shapes.ts";
import type { SigningKey } from "./vault_keys.ts";

/** All bundles of a grant (its digest) with their newest heads. The brand keeps the update with the largest `number`. */
export interface StreamUpdate extends Signed {
  readonly type: "StreamUpdate";
  readonly grant: Word;
  readonly number: number;
  readonly streams: readonly BundleKey[];
}

export const STREAM_UPDATE: DocumentKind<StreamUpdate> = {
  type: "StreamUpdate",
  maxSealed: MAX_SEALED,
  maxPlain: MAX_PLAIN,
  members: ["grant", "number", "streams"],
  check(found) {
    asWord(found["grant"], "grant");
    asInteger(found["number"], "number", 1);
    asList(found["streams"], "streams", asBundleKey);
  },
  checkLists: ({ streams }) => checkKeys(streams),
};

/** Returns the signed update of a grant. `number` is the sum of the heads' numbers; `key` is the relationship's. */
export const makeUpdate = (grant: Word, number: number, streams: readonly BundleKey[], key: SigningKey): StreamUpdate =>
  sign(STREAM_UPDATE, { grant, number, streams }, key);

/** Seals an update to the recipient in the controller's notice. */
export const sealUpdate = (update: StreamUpdate, recipient: string): Promise<Uint8Array> => sealDocument(STREAM_UPDATE, update, recipient);

/** Opens an update. Throws `WrongCapsule` if it is for another grant, or not by the capsule's `vaultKey`. */
export async function openUpdate(sealed: Uint8Array, identity: string, grant: Word, vaultKey: Word): Promise<StreamUpdate> {
  const update = await openDocument(STREAM_UPDATE, sealed, identity, vaultKey);
  if (update.grant !== grant) throw new SealedDataError("WrongCapsule", "the update was made for another grant");
  return update;
}
