// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

/// @notice What is asked of the Ethereum Attestation Service.
interface IEAS {
    struct Attestation {
        bytes32 uid;
        bytes32 schema;
        uint64 time;
        uint64 expirationTime;
        uint64 revocationTime;
        bytes32 refUID;
        address recipient;
        address attester;
        bool revocable;
        bytes data;
    }

    function getAttestation(bytes32 uid) external view returns (Attestation memory);
    function isAttestationValid(bytes32 uid) external view returns (bool);
}

/// @notice What a contract pays that asks it: encoding, cold call and answer included.
contract EasMeter {
    function measureGet(IEAS eas, bytes32 uid) external view returns (uint256 used, IEAS.Attestation memory found) {
        uint256 before = gasleft();
        found = eas.getAttestation(uid);
        used = before - gasleft();
    }

    function measureExists(IEAS eas, bytes32 uid) external view returns (uint256 used, bool exists) {
        uint256 before = gasleft();
        exists = eas.isAttestationValid(uid);
        used = before - gasleft();
    }
}
