// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

import {ConsentJudge} from "./ConsentJudge.sol";
import {Evidence, Status} from "./ConsentTypes.sol";
import {IConsentRegistry} from "./IConsentRegistry.sol";

/**
 * @title ConsentGate
 * @notice Base of a brand's own contracts: a function with this modifier runs only while the consent holds.
 *
 * The sender need not be the subject, because others have the evidence file too. Key all effects on
 * `evidence.grant.subject`, never on `msg.sender`. Evidence in a transaction publishes the grant for ever, which needs the
 * subject's explicit choice.
 */
abstract contract ConsentGate is ConsentJudge {
    /// @notice The brand to whom the consent must have been given.
    address public immutable controller;

    /// @notice The consent does not hold; `status` says why.
    error NotConsented(Status status);

    /// @dev Runs the function only with the subject's valid consent.
    /// @param evidence the grant, its signature and its proof
    /// @param purpose keccak256 of the purpose
    /// @param data keccak256 of the kind of data
    modifier onlyConsented(
        Evidence calldata evidence,
        bytes32 purpose,
        bytes32 data
    ) {
        _requireConsent(evidence, purpose, data);
        _;
    }

    constructor(IConsentRegistry registry_, address controller_) ConsentJudge(registry_) {
        controller = controller_;
    }

    /// @dev A function of its own, so a contract with many gates contains the judging code once.
    function _requireConsent(Evidence calldata evidence, bytes32 purpose, bytes32 data) internal view {
        Status status = _judge(evidence, controller, purpose, data);
        if (status != Status.Valid) revert NotConsented(status);
    }
}
