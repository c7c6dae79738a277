// The verifier's questions to a chain, and the chain's answers: read first, judged afterwards. Asking is the caller's work.

import { equal } from "./bytes.ts";
import { acceptanceIn, authorOfEvidence, mandateIn, signerOfEvidence, type Evidence } from "./evidence.ts";
import { handleFor } from "./locks.ts";
import { bytesOf, ZERO_WORD, type Address, type Hex, type Word } from "./scalars.ts";
import { recoverAddress } from "./signatures.ts";

/** The largest depth, in blocks below the head, at which an anchor may be read. */
export const MAX_DEPTH = 1_000_000;

/** One call of the contract's `facts(root, handle, subject)`. A zero root stands for none, a zero handle for what cannot be revoked. */
export interface FactQuery {
  readonly root: Word;
  readonly subject: Address;
  /** The grant's `revocation` and `salt`, which make the handle; absent for statements that cannot be revoked. */
  readonly lock?: Word;
  readonly salt?: Word;
  /** A handle that is known without its grant. */
  readonly handle?: Word;
}

/** Whether the contract at `signer` accepts this signature of this digest (ERC-1271). */
export interface SignatureQuery {
  readonly signer: Address;
  readonly digest: Uint8Array;
  readonly signature: Hex;
}

/** The contract's answer, in unix seconds; zero is "never". A retired address has a cutoff beyond every date. */
export interface AnchorFacts {
  readonly anchoredAt: number;
  readonly revokedAt: number;
  readonly cutoff: number;
}

/**
 * Everything read from one chain for one verification; times are unix seconds.
 *
 * `clock` is the reader's own clock at the time of asking. `depth` is the number of blocks below the head at which `anchoredAt`
 * was read; the rest is read at the head. `asOf` is the past time for which cutoffs and ERC-1271 answers were read, undefined
 * for the present. `anchors` has the answers by `keyOfQuery`, `signatures` by `keyOfSignature`.
 */
export interface Facts {
  readonly chainId: number;
  readonly blockNumber: number;
  readonly blockHash: Word;
  readonly blockTime: number;
  readonly clock: number;
  readonly depth: number;
  readonly asOf?: number | undefined;
  readonly anchors: ReadonlyMap<string, AnchorFacts>;
  readonly signatures: ReadonlyMap<string, boolean>;
}

/** max(own clock, head's time): a chain whose clock runs ahead never hides a revocation. */
export const presentOf = ({ clock, blockTime }: Pick<Facts, "clock" | "blockTime">): number => Math.max(clock, blockTime);

/** What a chain must be asked before this evidence can be judged: one query for each anchor in the file, then unclear signatures. */
export function factQueries(evidence: Evidence): { readonly anchors: readonly FactQuery[]; readonly signatures: readonly SignatureQuery[] } {
  const parts = [evidence, mandateIn(evidence), acceptanceIn(evidence)].filter((part) => part !== undefined);
  const signer = evidence.mandate === undefined ? [] : [signerQuery(evidence)];
  return { anchors: [...parts.map(factQuery), ...signer], signatures: parts.filter((part) => !isSignedByAuthor(part)).map(signatureQuery) };
}

export function factQuery(evidence: Evidence): FactQuery {
  const root = evidence.anchor?.root ?? ZERO_WORD;
  const { statement } = evidence;
  if (statement.primaryType !== "Grant" && statement.primaryType !== "Mandate") return { root, subject: authorOfEvidence(evidence) };
  const { subject, revocation, salt } = statement.message;
  return { root, subject, lock: revocation, salt };
}

/** Asks about the delegate who signed: only its cutoff matters. */
export const signerQuery = (evidence: Evidence): FactQuery => ({ root: ZERO_WORD, subject: signerOfEvidence(evidence) });

export function signatureQuery(evidence: Evidence): SignatureQuery {
  return { signer: signerOfEvidence(evidence), digest: evidence.digest, signature: evidence.signature };
}

/** Whether the key of the author, or of the author's delegate, signed it. Any other signature may be a contract's, which only the chain can decide. */
export function isSignedByAuthor(evidence: Evidence): boolean {
  const signer = recoverAddress(evidence.digest, bytesOf(evidence.signature));
  return signer !== undefined && equal(signer, bytesOf(signerOfEvidence(evidence)));
}

/** The handle that the contract marks as revoked; zero for a statement that cannot be revoked. */
export function handleOfQuery({ subject, lock, salt, handle }: FactQuery): Word {
  if (handle !== undefined) return handle;
  return lock === undefined || salt === undefined ? ZERO_WORD : handleFor(subject, lock, salt);
}

/** The name of a query among the answers. It needs none of the handle's hashes. */
export const keyOfQuery = ({ root, subject, lock = "", salt = "", handle = "" }: FactQuery): string => [root, subject, lock, salt, handle].join(" ");

export const keyOfSignature = ({ signer, digest, signature }: SignatureQuery): string => [signer, digest.join(), signature].join(" ");
