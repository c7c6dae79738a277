// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

import {ConsentGate} from "consent-registry-contracts/ConsentGate.sol";
import {Evidence} from "consent-registry-contracts/ConsentTypes.sol";
import {IConsentRegistry} from "consent-registry-contracts/IConsentRegistry.sol";

/// @notice A developer's own contract: it greets customers who consent to marketing by e-mail.
contract Shop is ConsentGate {
    mapping(address customer => bool) public greeted;

    constructor(IConsentRegistry registry_, address controller_) ConsentGate(registry_, controller_) {}

    function greet(
        Evidence calldata evidence
    ) external onlyConsented(evidence, keccak256("dpv:Marketing"), keccak256("pd:EmailAddress")) {
        greeted[evidence.grant.subject] = true;
    }
}
