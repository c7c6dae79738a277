// The seed at rest: an age file that a passkey opens (WebAuthn PRF), or a passphrase where the browser has no PRF.

import { ConsentError, InvalidInput } from "../../core/errors.ts";
import type { Database } from "./database.ts";

export type Way = "passkey" | "passphrase";

/** How the seed is locked away. `checked` tells whether the person has shown that they wrote down the words. */
export interface Door {
  readonly id: "seed";
  readonly way: Way;
  readonly sealed: Uint8Array;
  /** Names the passkey, and opens nothing without it. Empty for a passphrase. */
  readonly credential: string;
  readonly checked: boolean;
}

const KEY_NAME = "Consent";
export const MIN_PASSPHRASE = 12;

/** The person, or their browser, did not open it. Nothing changed. */
export class NotOpened extends ConsentError {
  constructor(name: "Rejected" | "WrongPassphrase", message: string) {
    super(name, message, "Try again; nothing was changed.");
  }
}

/** This browser cannot seal anything by a passkey: a passphrase must do. */
export class NoPasskeys extends ConsentError {
  constructor() {
    super("NoPasskeys", "this browser or passkey cannot seal data", "Use a passphrase.");
  }
}

export const findDoor = (database: Database): Promise<Door | undefined> => database.get<Door>("door", "seed");

export async function keepDoor(database: Database, door: Door): Promise<void> {
  await database.put("door", door);
  // Asked once: when the person has their words, and so means to come back. A browser that asks them is answered here.
  if (door.checked) await stay();
}

/** Asks the browser not to clear what is kept here when it needs room. A no changes nothing. */
async function stay(): Promise<void> {
  try {
    if (!(await navigator.storage.persisted())) await navigator.storage.persist();
  } catch {
    // Older browsers have no such question.
  }
}

/** Returns the seed sealed by a new passkey. Throws `NoPasskeys` and `NotOpened`. */
export async function sealByPasskey(seed: Uint8Array): Promise<Door> {
  const age = await import("age-encryption");
  const credential = await asked(() => age.webauthn.createCredential({ keyName: KEY_NAME }));
  const encrypter = new age.Encrypter();
  encrypter.addRecipient(new age.webauthn.WebAuthnRecipient({ identity: credential }));
  const sealed = await asked(() => encrypter.encrypt(seed));
  return { id: "seed", way: "passkey", sealed, credential, checked: false };
}

/** Returns the seed sealed by a passphrase. Throws `InvalidInput` for a short one. */
export async function sealByPassphrase(seed: Uint8Array, passphrase: string): Promise<Door> {
  if ([...passphrase].length < MIN_PASSPHRASE) throw new InvalidInput("the passphrase is too short", `Use at least ${MIN_PASSPHRASE} characters.`);
  const { inWorker } = await import("./scrypt.ts");
  const sealed = await inWorker({ do: "seal", data: seed, passphrase: passphrase.normalize("NFC") });
  return { id: "seed", way: "passphrase", sealed, credential: "", checked: false };
}

/** Returns the seed, 32 bytes. Throws `NotOpened`. */
export async function openDoor(door: Door, passphrase = ""): Promise<Uint8Array> {
  if (door.way === "passphrase") return openByPassphrase(door, passphrase);
  const age = await import("age-encryption");
  const decrypter = new age.Decrypter();
  decrypter.addIdentity(new age.webauthn.WebAuthnIdentity({ identity: door.credential }));
  return asked(() => decrypter.decrypt(door.sealed));
}

async function openByPassphrase(door: Door, passphrase: string): Promise<Uint8Array> {
  const { inWorker, Refused } = await import("./scrypt.ts");
  try {
    return await inWorker({ do: "open", data: door.sealed, passphrase: passphrase.normalize("NFC") });
  } catch (error) {
    if (error instanceof Refused) throw new NotOpened("WrongPassphrase", "that is not the passphrase");
    throw error;
  }
}

async function asked<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    const name = (error as Error).name;
    if (name === "NotAllowedError" || name === "AbortError") throw new NotOpened("Rejected", "the passkey was not used");
    throw new NoPasskeys();
  }
}
