// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

/**
 * @notice The answer to "may this controller use this data for this purpose now?", and if not, why not.
 *
 * The names and their order are those of the Python package's errors. Zero is never yes: an answer that was never
 * written reads as `Malformed`. The names with a dash below are never given on chain.
 *
 * - `Malformed`: the signature has 0 or more than 8,192 bytes, or the proof more than 15 elements
 * - `Valid`: yes
 * - `WrongDomain` -
 * - `BadSignature`: not signed by the subject, for this chain and registry; delegated grants are refused here too
 * - `BadMandate` -
 * - `NotIncluded`: the proof does not lead from this statement and signature to the root
 * - `NotAnchored`: the root is not anchored
 * - `PostDated`: issued more than 15 minutes after it was anchored
 * - `BackDated` -
 * - `Revoked`: by its handle, or by the subject's cutoff
 * - `NotYetValid`: its window begins later
 * - `Expired`: its window is over
 * - `NoticeMismatch` -
 * - `WrongController`: given to somebody else
 * - `PurposeNotGranted`, `DataNotGranted`: given, but not for this purpose or datum
 * - `TermsNotGranted`, `NotAccepted` -
 */
enum Status {
    Malformed,
    Valid,
    WrongDomain,
    BadSignature,
    BadMandate,
    NotIncluded,
    NotAnchored,
    PostDated,
    BackDated,
    Revoked,
    NotYetValid,
    Expired,
    NoticeMismatch,
    WrongController,
    PurposeNotGranted,
    DataNotGranted,
    TermsNotGranted,
    NotAccepted
}

/**
 * @notice A signed Grant in the order of its EIP-712 type. Each string is given as its keccak256, an array of strings as
 * an array of keccak256. The struct hash is the same, so the wallet shows words and the chain pays for hashes only.
 * @param statement keccak256 of the sentence that the wallet showed
 * @param subject the person
 * @param controller the brand that may use the data
 * @param request digest of the controller's request, or zero
 * @param purposes keccak256 of each purpose, in the signed order
 * @param data keccak256 of each kind of data, in the signed order
 * @param terms keccak256 of the agreement's name
 * @param notice SHA-256 of the notice document
 * @param content SHA-256 of the sealed capsule, or zero
 * @param supersedes digest of the grant that this one replaces, or zero
 * @param issuedAt unix seconds, as the subject claims
 * @param notBefore unix seconds, the first second of validity
 * @param expiresAt unix seconds, the first second after validity
 * @param revocation the lock, keccak256(abi.encode(secret))
 * @param salt 32 random bytes
 */
struct Grant {
    bytes32 statement;
    address subject;
    address controller;
    bytes32 request;
    bytes32[] purposes;
    bytes32[] data;
    bytes32 terms;
    bytes32 notice;
    bytes32 content;
    bytes32 supersedes;
    uint64 issuedAt;
    uint64 notBefore;
    uint64 expiresAt;
    bytes32 revocation;
    bytes32 salt;
}

/**
 * @notice A grant and its proof. Inside a transaction it publishes the grant; an eth_call publishes nothing.
 * @param grant the signed grant
 * @param signature the exact bytes that were anchored
 * @param root the Merkle root of its batch
 * @param proof at most 15 sibling hashes, from the leaf up; none for a batch of one
 */
struct Evidence {
    Grant grant;
    bytes signature;
    bytes32 root;
    bytes32[] proof;
}
