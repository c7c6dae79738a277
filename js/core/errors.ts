// Every error that this code throws on purpose. The names are those of Python's registry/core/errors.py and of docs/formats.md,
// "Verification". Names are values and not classes, because bundlers shorten the names of classes.

/** What may be thrown of evidence that was judged, and the answer is no; in the order of Solidity's `Status`. */
export const NOT_CONSENTED = [
  "Malformed", "WrongDomain", "BadSignature", "BadMandate", "NotIncluded", "NotAnchored", "PostDated", "BackDated", "Revoked",
  "NotYetValid", "Expired", "NoticeMismatch", "WrongController", "PurposeNotGranted", "DataNotGranted", "TermsNotGranted",
  "NotAccepted",
] as const;
export type NotConsentedName = (typeof NOT_CONSENTED)[number];
export type CouldNotCheckName = "LedgerUnavailable" | "NotaryUnavailable" | "BrandUnavailable" | "StorageUnavailable" | "NotYetAnchored";
export type SealedDataName = "DamagedSeal" | "NotARecipient" | "WrongCapsule" | "WrongPassphrase";

const ADVICE: Readonly<Record<string, string>> = {
  Malformed: "Ask for the original file again; a file that was re-formatted can be restored.",
  WrongDomain: "The evidence belongs to another chain or registry; check it with the configuration of that one.",
  BadSignature:
    "Do not rely on it: somebody else signed it, it was altered, or the author is a contract that no longer " +
    "accepts it because its owners changed.",
  BadMandate: "Ask for one that the mandate covers, or ask the person for one that they signed themselves.",
  NotIncluded: "Ask for evidence whose proof belongs to this statement and signature.",
  NotAnchored: "Wait for the anchoring transaction or for more confirmations, then verify again.",
  PostDated: "The statement claims to be younger than its anchor; ask for a new one from a device whose clock is right.",
  BackDated: "The statement was anchored long after the date it claims; ask for a new one.",
  Revoked: "Stop processing now; only a new grant can allow it again.",
  NotYetValid: "Wait until the grant begins.",
  Expired: "Ask the person for a new grant.",
  NoticeMismatch: "The grant does not fit the notice beside it; ask for one that does.",
  WrongController: "The grant was given to somebody else; it allows you nothing.",
  PurposeNotGranted: "Ask the person for a grant of that purpose.",
  DataNotGranted: "Ask the person for a grant of that data.",
  TermsNotGranted: "The person agreed to other terms; keep to those or ask again.",
  NotAccepted: "The controller has to counter-sign it.",
  LedgerUnavailable: "Check that the chain is reachable and is the configured one, then try again.",
  NotaryUnavailable: "Try again later, or name another notary.",
  BrandUnavailable: "Nothing is lost: what could not be delivered waits here, and is tried again.",
  StorageUnavailable: "Check that the content store is reachable and holds the data, then try again.",
  NotYetAnchored: "It is completed later; until then it proves nothing.",
  DamagedSeal: "The sealed file is damaged or was altered; fetch it again from its content identifier.",
  NotARecipient: "It is sealed to other keys than yours; use the identity that it was sealed to.",
  WrongCapsule: "It does not belong to this grant; ask the person for the right one.",
  WrongPassphrase: "Try the passphrase again; nothing was changed.",
  InvalidInput: "Correct it and try again; nothing was done.",
};

/** Base of all. `advice` says in one sentence what to do now. Messages never hold secrets. */
export class ConsentError extends Error {
  readonly advice: string;

  constructor(name: string, message: string, advice?: string) {
    super(message);
    this.name = name;
    this.advice = advice ?? ADVICE[name] ?? "";
  }
}

/** The evidence was judged, and the answer is no. */
export class NotConsented extends ConsentError {
  declare readonly name: NotConsentedName;

  constructor(name: NotConsentedName, message: string, advice?: string) {
    super(name, message, advice);
  }
}

/** Neither yes nor no: the facts that decide it could not be read. */
export class CouldNotCheck extends ConsentError {
  declare readonly name: CouldNotCheckName;

  constructor(name: CouldNotCheckName, message: string, advice?: string) {
    super(name, message, advice);
  }
}

/** Sealed bytes that do not open. */
export class SealedDataError extends ConsentError {
  declare readonly name: SealedDataName;

  constructor(name: SealedDataName, message: string, advice?: string) {
    super(name, message, advice);
  }
}

/** The request makes no sense. Nothing was done. */
export class InvalidInput extends ConsentError {
  constructor(message: string, advice?: string) {
    super("InvalidInput", message, advice);
  }
}

export const malformed = (message: string, advice?: string): NotConsented => new NotConsented("Malformed", message, advice);
