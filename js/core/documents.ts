// What all signed documents of a vault have in common: one encoding, an Ed25519 signature, a frame, and a seal.
// age authenticates no sender, so a vault's key signs the RFC 8785 bytes of each document without `signature`.

import { ConsentError, InvalidInput, malformed, SealedDataError } from "./errors.ts";
import { pack, unpack } from "./frames.ts";
import { encode, parseCanonical, type Json, type JsonObject } from "./json.ts";
import { damaged, openBytes, sealBytes } from "./sealing.ts";
import type { Hex, Word } from "./scalars.ts";
import { asObject, asText, checkConstant } from "./shapes.ts";
import { isSignedWith, type SigningKey } from "./vault_keys.ts";

const SIGNATURE = /^0x[0-9a-f]{128}$/;

/** What every document has. Its members are those of its JSON. */
export interface Signed {
  readonly type: string;
  readonly version: 1;
  readonly signature: Hex;
}

/**
 * A kind of document: the most bytes of its sealed file and of its JSON, and its members besides those of `Signed`. `check` throws
 * `Malformed` for a value outside of its bounds, `checkLists` for a repeated entry: a short list would else become any amount of data.
 */
export interface DocumentKind<D extends Signed> {
  readonly type: D["type"];
  readonly maxSealed: number;
  readonly maxPlain: number;
  readonly members: readonly string[];
  readonly check: (found: JsonObject) => void;
  readonly checkLists: (document: D) => void;
}

/** A document without what `sign` adds. */
export type Draft<D extends Signed> = Omit<D, keyof Signed>;

/** Returns the document with this key's signature in it. Throws `Malformed` where it breaks a rule of its kind. */
export function sign<D extends Signed>(kind: DocumentKind<D>, draft: Draft<D>, key: SigningKey): D {
  const unsigned = { ...draft, type: kind.type, version: 1 };
  const document = { ...unsigned, signature: key.sign(encode(unsigned as unknown as Json)) } as unknown as D;
  return asDocument(kind, document as unknown as Json);
}

/** Requires that this public key signed the document; otherwise `WrongCapsule`. */
export function checkSignature(document: Signed, signer: Word): void {
  const { signature, ...rest } = document;
  if (isSignedWith(signer, encode(rest as unknown as Json), signature)) return;
  throw new SealedDataError("WrongCapsule", "it is not signed by the vault it claims to come from");
}

/** Returns a signed document as it is stored. Throws `Malformed` if it repeats an entry, `InvalidInput` if it is too large. */
export async function sealDocument<D extends Signed>(kind: DocumentKind<D>, document: D, recipient: string): Promise<Uint8Array> {
  kind.checkLists(document);
  const plain = encode(document as unknown as Json);
  const sealed = plain.length <= kind.maxPlain ? await sealBytes(await pack(plain, kind.maxSealed), [recipient]) : undefined;
  if (sealed !== undefined && sealed.length <= kind.maxSealed) return sealed;
  throw new InvalidInput(`the ${kind.type} is larger than ${kind.maxSealed / 1024} KiB`, "Put less into it.");
}

/**
 * Opens and parses a document, and checks its lists. Whose it is, is for the caller to check. Throws `NotARecipient` for another
 * identity, `DamagedSeal` for what is no such document, `Malformed` for a repeated entry.
 */
export async function parseSealed<D extends Signed>(kind: DocumentKind<D>, sealed: Uint8Array, identity: string): Promise<D> {
  const plain = await unsealed(sealed, identity, kind.maxSealed, kind.maxPlain);
  const document = asSealedContent(() => asDocument(kind, parseCanonical(plain, kind.maxPlain)));
  kind.checkLists(document);
  return document;
}

/** Opens a document like `parseSealed`, and requires that this public key signed it; otherwise `WrongCapsule`. */
export async function openDocument<D extends Signed>(
  kind: DocumentKind<D>, sealed: Uint8Array, identity: string, signer: Word,
): Promise<D> {
  const document = await parseSealed(kind, sealed, identity);
  checkSignature(document, signer);
  return document;
}

/** Opens a sealed frame within these bounds. */
export async function unsealed(sealed: Uint8Array, identity: string, maxSealed: number, maxPlain: number): Promise<Uint8Array> {
  if (sealed.length > maxSealed) throw damaged(`it is longer than ${maxSealed} bytes`);
  return unpack(await openBytes(sealed, [identity]), maxPlain);
}

/** Reads what a seal held. What is wrong there is a damaged seal: its sealer wrote it this way, and nobody judged consent. */
export function asSealedContent<Read>(read: () => Read): Read {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof ConsentError)) throw error;
    throw damaged(`what was sealed is not what it should be: ${error.message}`);
  }
}

/** Reads parsed JSON as a document of this kind; `Malformed` otherwise. */
export function asDocument<D extends Signed>(kind: DocumentKind<D>, value: Json): D {
  const found = asObject(value, kind.type, [...kind.members, "signature", "type", "version"]);
  checkConstant(found["type"], kind.type, "type");
  checkConstant(found["version"], 1, "version");
  if (!SIGNATURE.test(asText(found["signature"], "signature"))) throw malformed("the signature is not 64 bytes in lower-case hex with 0x");
  kind.check(found);
  return found as unknown as D;
}
