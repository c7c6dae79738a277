// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

/**
 * @title IConsentRegistry
 * @notice Remembers when a batch of signed statements was anchored, and which consents were ended.
 *
 * It sees hashes, and neither people nor purposes. It has no owner, proxy, pause, fee or Ether, so nobody can stop a
 * revocation. Every state changes once and never back, and every call may be repeated. So calls need no nonce: a replay
 * does no harm.
 *
 * One lock, two keys. These values follow from a grant:
 *
 *     lock     = keccak256(abi.encode(secret))            (the grant's `revocation`)
 *     saltHash = keccak256(abi.encode(salt))
 *     tag      = keccak256(abi.encode(subject, saltHash))
 *     handle   = keccak256(abi.encode(lock, tag))         (the value that is revoked)
 *
 * The secret opens the lock in private. The subject's own address opens it too, openly, even if somebody else made the
 * lock. Revoking works before anchoring.
 */
interface IConsentRegistry {
    /// @notice All that the chain knows of one consent. Unix seconds; zero means "never".
    /// @param anchoredAt when the root was first anchored
    /// @param revokedAt when the handle was first revoked
    /// @param cutoff everything of the subject that was issued or anchored until then is revoked
    struct Facts {
        uint64 anchoredAt;
        uint64 revokedAt;
        uint64 cutoff;
    }

    /// @notice The values that revoke one consent in private.
    /// @param secret the preimage of the grant's lock
    /// @param tag keccak256(abi.encode(subject, saltHash)), which does not reveal the subject
    struct Opening {
        bytes32 secret;
        bytes32 tag;
    }

    /// @notice A batch was anchored, or anchored again. Only the first time counts.
    /// @dev A repeat is logged too, so nobody can suppress an honest manifest by anchoring first with a false one.
    /// @param root of OpenZeppelin's StandardMerkleTree over (digest, keccak256(signature))
    /// @param manifest SHA-256 of the batch's commitments in ascending order; a claim that readers check
    event Anchored(bytes32 indexed root, bytes32 manifest);

    /// @notice A consent ended. Logged once for each handle.
    event Revoked(bytes32 indexed handle);

    /// @notice A subject's cutoff grew. Logged only if it grew, so the last one is the largest.
    /// @param issuedUntil the new cutoff, in unix seconds; the largest uint64 for a retired address
    event RevokedAll(address indexed subject, uint64 issuedUntil);

    /// @notice Neither `subject`'s own key nor, if it is a contract, its ERC-1271 function accepts the signature.
    error InvalidSignature(address subject);

    /// @notice A cutoff may be signed at most 15 minutes ahead of the chain's clock.
    error InTheFuture(uint64 issuedUntil);

    /// @notice No batch has the root zero. Readers use it for "not anchored".
    error ZeroRoot();

    /// @notice Records that `root` exists. Anyone may call; the first time is kept.
    function anchor(bytes32 root, bytes32 manifest) external;

    /// @notice Ends one consent in private. Anyone may send, and the chain learns neither the person nor the consent.
    function revoke(bytes32 secret, bytes32 tag) external;

    /// @notice Ends many consents in private, of any number of people.
    function revokeBatch(Opening[] calldata openings) external;

    /// @notice Ends one consent of the sender, without the secret. Shows the sender's address to everyone.
    function revokeOpenly(bytes32 lock, bytes32 saltHash) external;

    /// @notice The same for a subject who signed `Revoke(address subject,bytes32 handle)`; anyone may pay.
    function revokeOpenlyFor(address subject, bytes32 lock, bytes32 saltHash, bytes calldata signature) external;

    /// @notice The sender's kill-switch: ends everything issued or anchored until now, this block included.
    function revokeAll() external;

    /// @notice The same for a subject who signed `RevokeAll(address subject,uint64 issuedUntil)`; anyone may pay.
    /// @param issuedUntil in unix seconds; up to 15 minutes ahead counts as now, more is `InTheFuture`
    function revokeAllFor(address subject, uint64 issuedUntil, bytes calldata signature) external;

    /// @notice For a stolen key: the sender's address is never believed again. This cannot be undone.
    function retire() external;

    /// @notice The same for a subject who signed `Retire(address subject)`; anyone may pay.
    function retireFor(address subject, bytes calldata signature) external;

    /// @notice Returns all that the chain knows of one consent. Pass zero for a value that is not needed.
    function facts(bytes32 root, bytes32 handle, address subject) external view returns (Facts memory);

    /// @notice Returns the EIP-712 domain separator of all statements on this chain.
    function domainSeparator() external view returns (bytes32);
}
