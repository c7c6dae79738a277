// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

/**
 * @notice The answer to "may this controller use this data for this purpose now?", and if not, why not.
 *
 * The names and their order are those of the Python package's errors. Zero is never yes: an answer that was never
 * written reads as `Malformed`. On chain only the names without a dash below are given.
 *
 * - `Malformed`: the signature has 0 or more than 8,192 bytes, or the proof more than 15 elements
 * - `Valid`: yes
 * - `WrongDomain` -
 * - `BadSignature`: not signed by the subject, for this chain and registry; delegated grants are refused here too
 * - `BadMandate` -
 * - `NotIncluded`: the proof does not lead from this statement and signature to the root
 * - `NotAnchored`: nobody anchored the root
 * - `PostDated`: issued more than 15 minutes after it was anchored
 * - `BackDated` -
 * - `Revoked`: by its handle, or by the subject's cutoff
 * - `NotYetValid`: it begins later
 * - `Expired`: it is over
 * - `NoticeMismatch` -
 * - `WrongController`: given to somebody else
 * - `PurposeNotGranted`, `DataNotGranted`: given, but not for this
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
 * @notice A signed Grant in the order of its EIP-712 type. A string travels as its keccak256 and an array of strings as
 * their keccak256s: the struct hash comes out the same, so the wallet shows words and the chain pays for hashes.
 * @param statement keccak256 of the sentence the wallet showed
 * @param subject the person
 * @param controller who may use the data
 * @param request digest of the controller's request, or zero
 * @param purposes keccak256 of each purpose, in the order signed
 * @param data keccak256 of each kind of data, in the order signed
 * @param terms keccak256 of the agreement's name
 * @param notice SHA-256 of the notice document
 * @param content SHA-256 of the sealed capsule, or zero
 * @param supersedes digest of the grant that this one replaces, or zero
 * @param issuedAt unix seconds, as the subject claims
 * @param notBefore unix seconds, the first of validity
 * @param expiresAt unix seconds, the first after validity
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
 * @notice A grant and what proves it. Inside a transaction it publishes the grant; an eth_call publishes nothing.
 * @param grant what was signed
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
