// Sealing is the age v1 file format (c2sp.org/age), by the package age-encryption, held to the rules of registry/core/age.
// age does not say who sealed: what must be authentic is signed before.

import { Decrypter, Encrypter, type Stanza } from "age-encryption";
import { utf8 } from "./bytes.ts";
import { ConsentError, InvalidInput, SealedDataError } from "./errors.ts";
import { checkIdentity, checkRecipient, isPostQuantum } from "./recipients.ts";

export const MAX_RECIPIENTS = 512;
export const MAX_PASSPHRASE_BYTES = 4096;
// About 660 post-quantum stanzas: a hostile stream must not fill the memory.
export const MAX_HEADER_BYTES = 1 << 20;
const MAX_WORK_FACTOR = 20;
const LOW_ORDER = "the recipient's X25519 key is of low order";

/** A passphrase that seals and opens; `workFactor` is the base-two logarithm of scrypt's N when sealing, 18 unless given. */
export type Passphrase = { readonly passphrase: string; readonly workFactor?: number };
/** Whom a file is sealed to: "age1pq1..", "age1..", or a passphrase. Identities are "AGE-SECRET-KEY-..", or a passphrase. */
export type Key = string | Passphrase;

/** Seals in memory. Throws `InvalidInput` unless there are 1 to 512 recipients of one kind, or one passphrase. */
export async function sealBytes(plain: Uint8Array, recipients: readonly Key[]): Promise<Uint8Array> {
  const encrypter = encrypterFor(recipients);
  try {
    return await encrypter.encrypt(plain);
  } catch {
    throw new InvalidInput(LOW_ORDER, "Ask its owner for another; never seal to this one.");
  }
}

/** Seals a stream in constant memory, with the errors of `sealBytes`. */
export async function sealStream(source: ReadableStream<Uint8Array>, recipients: readonly Key[]): Promise<ReadableStream<Uint8Array>> {
  return encrypterFor(recipients).encrypt(source);
}

/**
 * Opens in memory; each identity is tried. On an error nothing is released: `NotARecipient`, `WrongPassphrase`, `DamagedSeal`, and
 * `InvalidInput` for what is no identity.
 */
export async function openBytes(sealed: Uint8Array, identities: readonly Key[]): Promise<Uint8Array> {
  const decrypter = decrypterFor(identities);
  try {
    return await decrypter.decrypt(sealed);
  } catch (error) {
    throw asSealError(error);
  }
}

/**
 * Opens a stream in constant memory. Every byte that comes out is authentic, but a cut end is found only at the end: until the
 * stream has closed, use nothing of it. The errors are those of `openBytes`, of the call or of the stream.
 */
export async function openStream(source: ReadableStream<Uint8Array>, identities: readonly Key[]): Promise<ReadableStream<Uint8Array>> {
  const decrypter = decrypterFor(identities);
  try {
    return withSealErrors(await decrypter.decrypt(source.pipeThrough(boundedHeader())));
  } catch (error) {
    throw asSealError(error);
  }
}

function encrypterFor(recipients: readonly Key[]): Encrypter {
  const kinds = new Set(recipients.map((one) => (typeof one === "string" ? isPostQuantum(one) : "passphrase")));
  if (recipients.length < 1 || recipients.length > MAX_RECIPIENTS) {
    throw new InvalidInput(`a file needs 1 to ${MAX_RECIPIENTS} recipients`, "Name the recipients.");
  }
  if (kinds.size > 1) throw new InvalidInput("one file cannot mix recipients of different kinds", "Seal a file for each kind.");
  if (kinds.has("passphrase") && recipients.length > 1) {
    throw new InvalidInput("a passphrase must be the only recipient of its file", "Seal a file for each passphrase.");
  }
  const encrypter = new Encrypter();
  for (const one of recipients) addRecipient(encrypter, one);
  return encrypter;
}

function addRecipient(encrypter: Encrypter, recipient: Key): void {
  if (typeof recipient === "string") {
    checkRecipient(recipient);
    encrypter.addRecipient(recipient);
    return;
  }
  const { passphrase, workFactor = 18 } = recipient;
  checkPassphrase(passphrase);
  if (!Number.isInteger(workFactor) || workFactor < 1 || workFactor > MAX_WORK_FACTOR) {
    throw new InvalidInput("scrypt's work factor is out of range", `Take one from 1 to ${MAX_WORK_FACTOR}.`);
  }
  encrypter.setPassphrase(passphrase);
  encrypter.setScryptWorkFactor(workFactor);
}

function decrypterFor(identities: readonly Key[]): Decrypter {
  const decrypter = new Decrypter();
  decrypter.addIdentity({ unwrapFileKey: checkStanzas });
  for (const one of identities) {
    if (typeof one === "string") {
      checkIdentity(one);
      decrypter.addIdentity(one);
    } else for (const spelling of spellings(one.passphrase)) decrypter.addPassphrase(spelling);
  }
  const hasPassphrase = identities.some((one) => typeof one !== "string");
  // It is asked last, when no other identity has opened the file.
  decrypter.addIdentity({ unwrapFileKey: (stanzas) => refuse(stanzas, hasPassphrase) });
  return decrypter;
}

/** Systems compose accented letters differently: what was typed is tried in each form. */
function spellings(passphrase: string): ReadonlySet<string> {
  checkPassphrase(passphrase);
  return new Set([passphrase, passphrase.normalize("NFC"), passphrase.normalize("NFD")]);
}

function checkPassphrase(passphrase: string): void {
  const { length } = utf8(passphrase);
  if (length < 1 || length > MAX_PASSPHRASE_BYTES) throw new InvalidInput("a passphrase has 1 to 4,096 bytes", "Choose another passphrase.");
}

function checkStanzas(stanzas: readonly Stanza[]): null {
  if (stanzas.length === 0) throw damaged("the header has no stanza");
  if (stanzas.length > 1 && stanzas.some(isScrypt)) throw damaged("the header has a passphrase stanza beside others");
  return null;
}

function refuse(stanzas: readonly Stanza[], hasPassphrase: boolean): never {
  if (!stanzas.some(isScrypt)) throw new SealedDataError("NotARecipient", "none of the identities opens this file");
  if (hasPassphrase) throw new SealedDataError("WrongPassphrase", "the passphrase does not open this file");
  throw new SealedDataError("NotARecipient", "the file is sealed with a passphrase", "Give the passphrase that it was sealed with.");
}

const isScrypt = (stanza: Stanza): boolean => stanza.args[0] === "scrypt";

export const damaged = (message: string): SealedDataError => new SealedDataError("DamagedSeal", message);

// The package throws plain errors for everything that is not age v1.
function asSealError(error: unknown): unknown {
  return error instanceof ConsentError ? error : damaged("it is no age file, or it was altered or cut off");
}

function withSealErrors(source: ReadableStream<Uint8Array>): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (done) controller.close();
        else controller.enqueue(value);
      } catch (error) {
        controller.error(asSealError(error));
      }
    },
    cancel: (reason) => reader.cancel(reason),
  });
}

/** Passes bytes on, and fails where the header has not ended within its bound. */
function boundedHeader(): TransformStream<Uint8Array, Uint8Array> {
  let seen = 0;
  let isOver = false;
  let tail = "";
  return new TransformStream({
    transform(chunk, controller) {
      if (!isOver) {
        const text = tail + Array.from(chunk.subarray(0, MAX_HEADER_BYTES), (byte) => String.fromCharCode(byte)).join("");
        isOver = text.includes("\n--- ");
        tail = text.slice(-4);
        seen += chunk.length;
        if (!isOver && seen > MAX_HEADER_BYTES) throw damaged("the header is cut off, or longer than this reader allows");
      }
      controller.enqueue(chunk);
    },
  });
}
