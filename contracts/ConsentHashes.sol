// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

import {Hashes} from "@openzeppelin/contracts/utils/cryptography/Hashes.sol";

/**
 * @title ConsentHashes
 * @notice The hashes that a grant, the registry and a verifier must agree on, each defined once.
 */
library ConsentHashes {
    /// @notice keccak256(abi.encode(secret)): the lock that the grant carries.
    function lock(bytes32 secret) internal pure returns (bytes32) {
        return keccak256(abi.encode(secret));
    }

    /// @notice keccak256(abi.encode(subject, saltHash)): binds the handle to the subject without revealing the subject.
    function tag(address subject, bytes32 saltHash) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(bytes32(uint256(uint160(subject))), saltHash);
    }

    /// @notice keccak256(abi.encode(lock, tag)): the value that is revoked.
    function handle(bytes32 lock_, bytes32 tag_) internal pure returns (bytes32) {
        return Hashes.efficientKeccak256(lock_, tag_);
    }

    /// @notice The leaf of one signed statement in OpenZeppelin's StandardMerkleTree of ["bytes32","bytes32"].
    /// @dev It covers the signature too, so an anchor proves that the signature existed, not only the text. It is hashed
    /// twice, so no inner node of a tree can pass for a leaf.
    function leaf(bytes32 digest, bytes calldata signature) internal pure returns (bytes32) {
        return keccak256(abi.encode(Hashes.efficientKeccak256(digest, keccak256(signature))));
    }
}
