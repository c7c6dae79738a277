// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {ConsentDomain} from "./ConsentDomain.sol";
import {ConsentHashes} from "./ConsentHashes.sol";
import {ConsentSignatures} from "./ConsentSignatures.sol";
import {IConsentRegistry} from "./IConsentRegistry.sol";

/**
 * @title ConsentRegistry
 * @notice The registry: three maps whose entries are never removed. See {IConsentRegistry}.
 */
contract ConsentRegistry is IConsentRegistry, ConsentDomain {
    bytes32 private constant _REVOKE_TYPE_HASH = keccak256("Revoke(address subject,bytes32 handle)");
    bytes32 private constant _REVOKE_ALL_TYPE_HASH = keccak256("RevokeAll(address subject,uint64 issuedUntil)");
    bytes32 private constant _RETIRE_TYPE_HASH = keccak256("Retire(address subject)");

    uint256 private constant _CLOCK_SKEW = 15 minutes;
    uint64 private constant _RETIRED = type(uint64).max;

    mapping(bytes32 root => uint64 time) private _anchoredAt;
    mapping(bytes32 handle => uint64 time) private _revokedAt;
    mapping(address subject => uint64 time) private _cutoff;

    constructor() ConsentDomain(address(this)) {}

    /// @inheritdoc IConsentRegistry
    function anchor(bytes32 root, bytes32 manifest) external {
        if (root == 0) revert ZeroRoot();
        if (_anchoredAt[root] == 0) _anchoredAt[root] = uint64(block.timestamp);
        emit Anchored(root, manifest);
    }

    /// @inheritdoc IConsentRegistry
    function revoke(bytes32 secret, bytes32 tag) external {
        _revoke(ConsentHashes.handle(ConsentHashes.lock(secret), tag));
    }

    /// @inheritdoc IConsentRegistry
    function revokeBatch(Opening[] calldata openings) external {
        for (uint256 i = 0; i < openings.length; ++i) {
            _revoke(ConsentHashes.handle(ConsentHashes.lock(openings[i].secret), openings[i].tag));
        }
    }

    /// @inheritdoc IConsentRegistry
    function revokeOpenly(bytes32 lock, bytes32 saltHash) external {
        _revoke(ConsentHashes.handle(lock, ConsentHashes.tag(msg.sender, saltHash)));
    }

    /// @inheritdoc IConsentRegistry
    function revokeOpenlyFor(address subject, bytes32 lock, bytes32 saltHash, bytes calldata signature) external {
        bytes32 handle = ConsentHashes.handle(lock, ConsentHashes.tag(subject, saltHash));
        _requireSigned(subject, keccak256(abi.encode(_REVOKE_TYPE_HASH, subject, handle)), signature);
        _revoke(handle);
    }

    /// @inheritdoc IConsentRegistry
    function revokeAll() external {
        _raiseCutoff(msg.sender, uint64(block.timestamp));
    }

    /// @inheritdoc IConsentRegistry
    function revokeAllFor(address subject, uint64 issuedUntil, bytes calldata signature) external {
        if (issuedUntil > block.timestamp + _CLOCK_SKEW) revert InTheFuture(issuedUntil);
        _requireSigned(subject, keccak256(abi.encode(_REVOKE_ALL_TYPE_HASH, subject, issuedUntil)), signature);
        uint64 time = uint64(block.timestamp);
        _raiseCutoff(subject, issuedUntil < time ? issuedUntil : time);
    }

    /// @inheritdoc IConsentRegistry
    function retire() external {
        _raiseCutoff(msg.sender, _RETIRED);
    }

    /// @inheritdoc IConsentRegistry
    function retireFor(address subject, bytes calldata signature) external {
        _requireSigned(subject, keccak256(abi.encode(_RETIRE_TYPE_HASH, subject)), signature);
        _raiseCutoff(subject, _RETIRED);
    }

    /// @inheritdoc IConsentRegistry
    function facts(bytes32 root, bytes32 handle, address subject) external view returns (Facts memory) {
        return Facts(_anchoredAt[root], _revokedAt[handle], _cutoff[subject]);
    }

    /// @inheritdoc IConsentRegistry
    function domainSeparator() external view returns (bytes32) {
        return _separator();
    }

    function _revoke(bytes32 handle) private {
        if (_revokedAt[handle] != 0) return;
        _revokedAt[handle] = uint64(block.timestamp);
        emit Revoked(handle);
    }

    function _raiseCutoff(address subject, uint64 issuedUntil) private {
        if (issuedUntil <= _cutoff[subject]) return;
        _cutoff[subject] = issuedUntil;
        emit RevokedAll(subject, issuedUntil);
    }

    function _requireSigned(address subject, bytes32 structHash, bytes calldata signature) private view {
        bytes32 digest = MessageHashUtils.toTypedDataHash(_separator(), structHash);
        if (!ConsentSignatures.isSignedBy(subject, digest, signature)) revert InvalidSignature(subject);
    }
}
