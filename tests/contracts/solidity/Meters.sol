// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";

import {ConsentGate} from "../../../contracts/ConsentGate.sol";
import {Evidence, Status} from "../../../contracts/ConsentTypes.sol";
import {ConsentVerifier} from "../../../contracts/ConsentVerifier.sol";
import {IConsentRegistry} from "../../../contracts/IConsentRegistry.sol";

/// @notice What a contract pays that asks a verifier elsewhere: encoding, cold call and answer included.
contract VerifierMeter {
    function measure(
        ConsentVerifier verifier,
        Evidence calldata evidence,
        address controller,
        bytes32 purpose,
        bytes32 data
    ) external view returns (uint256 used, Status status) {
        uint256 before = gasleft();
        status = verifier.check(evidence, controller, purpose, data);
        used = before - gasleft();
    }
}

/// @notice What a contract pays that inherits the gate.
contract GateMeter is ConsentGate {
    constructor(IConsentRegistry registry_, address controller_) ConsentGate(registry_, controller_) {}

    function measure(Evidence calldata evidence, bytes32 purpose, bytes32 data) external view returns (uint256) {
        uint256 before = gasleft();
        _requireConsent(evidence, purpose, data);
        return before - gasleft();
    }

    function guarded(
        Evidence calldata evidence,
        bytes32 purpose,
        bytes32 data
    ) external view onlyConsented(evidence, purpose, data) returns (address) {
        return evidence.grant.subject;
    }
}

/// @notice How much of a check's gas is not the signer's own: the cost of asking it, and all of the judging.
contract ShareMeter {
    function measure(
        ConsentVerifier verifier,
        Evidence calldata evidence,
        address controller,
        bytes32 purpose,
        bytes32 data
    ) external view returns (uint256 used, uint256 own, Status status) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (bytes32(0), evidence.signature));
        address signer = evidence.grant.subject;
        uint256 before = gasleft();
        assembly ("memory-safe") {
            pop(staticcall(gas(), signer, add(question, 0x20), mload(question), 0x00, 0x00))
        }
        own = before - gasleft();
        before = gasleft();
        status = verifier.check(evidence, controller, purpose, data);
        used = before - gasleft();
    }
}
