// The index of a vault and the name of a home (docs/formats.md, "Index and book", "Homes"). With the seed, an index restores the vault.

import { STREAM_BYTES } from "./bundle_keys.ts";
import { openDocument, type DocumentKind, type Signed } from "./documents.ts";
import { SealedDataError } from "./errors.ts";
import type { Json } from "./json.ts";
import { checkCid, checkIdentityShape } from "./records.ts";
import { asTerm, checkDistinct, type Word } from "./scalars.ts";
import { asInteger, asList, asObject, asText } from "./shapes.ts";
import { checkHex } from "./texts.ts";

export const MAX_INDEX = 4 << 20;
export const MAX_NAME = 16 * 1024;
export const HOME_BYTES = 8;

/** One stream of the owner: its name, category and identity, and its newest head. */
export interface OwnStream {
  readonly stream: string;
  readonly category: string;
  readonly identity: string;
  readonly head: string;
  readonly number: number;
}

/** A home's newest state of the vault. `counter` is the home's own, and only ever grows. */
export interface VaultIndex extends Signed {
  readonly type: "VaultIndex";
  readonly home: string;
  readonly counter: number;
  readonly streams: readonly OwnStream[];
  readonly book: string | null;
}

/** What a home leaves in a store for the others: the CID of its newest index, and that index's counter. */
export interface HomeName extends Signed {
  readonly type: "HomeName";
  readonly home: string;
  readonly counter: number;
  readonly index: string;
}

export const VAULT_INDEX: DocumentKind<VaultIndex> = {
  type: "VaultIndex",
  maxSealed: MAX_INDEX,
  maxPlain: MAX_INDEX,
  members: ["home", "counter", "streams", "book"],
  check(found) {
    checkHex(asText(found["home"], "home"), HOME_BYTES, "the home");
    asInteger(found["counter"], "counter", 1);
    asList(found["streams"], "streams", asOwnStream);
    if (found["book"] !== null) checkCid(asText(found["book"], "book"));
  },
  checkLists({ streams }) {
    checkDistinct(streams.map((one) => one.stream), "a stream");
    checkDistinct(streams.map((one) => one.head), "a head");
  },
};

export const HOME_NAME: DocumentKind<HomeName> = {
  type: "HomeName",
  maxSealed: MAX_NAME,
  maxPlain: MAX_NAME,
  members: ["home", "counter", "index"],
  check(found) {
    checkHex(asText(found["home"], "home"), HOME_BYTES, "the home");
    asInteger(found["counter"], "counter", 1);
    checkCid(asText(found["index"], "index"));
  },
  checkLists: () => undefined,
};

/** Opens the name that stands under a home, with the errors of `openDocument`; `WrongCapsule` for another home's. */
export async function openName(sealed: Uint8Array, home: string, identity: string, signer: Word): Promise<HomeName> {
  const name = await openDocument(HOME_NAME, sealed, identity, signer);
  if (name.home !== home) throw new SealedDataError("WrongCapsule", "it is the name of another home");
  return name;
}

function asOwnStream(value: Json, name: string): OwnStream {
  const found = asObject(value, name, ["stream", "category", "identity", "head", "number"]);
  checkHex(asText(found["stream"], `${name}.stream`), STREAM_BYTES, "the stream's name");
  asTerm(found["category"], `${name}.category`);
  checkIdentityShape(asText(found["identity"], `${name}.identity`));
  checkCid(asText(found["head"], `${name}.head`));
  asInteger(found["number"], `${name}.number`, 1);
  return found as unknown as OwnStream;
}
