// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ConsentJudge} from "./ConsentJudge.sol";
import {Evidence, Status} from "./ConsentTypes.sol";
import {IConsentRegistry} from "./IConsentRegistry.sol";

/**
 * @title ConsentVerifier
 * @notice Answers whether a consent holds, and if not, why not. Ask it in an eth_call, which publishes nothing.
 */
contract ConsentVerifier is ConsentJudge {
    constructor(IConsentRegistry registry_) ConsentJudge(registry_) {}

    /**
     * @notice May `controller` use `data` for `purpose` now, by this evidence?
     * @dev Uses the block's time as now. Key all effects on `evidence.grant.subject`, never on the sender. Act on a yes
     * only: with too little gas, a contract wallet cannot answer, which reads as `BadSignature`.
     * @param evidence the grant, its signature and its proof
     * @param controller the brand that wants to use the data
     * @param purpose keccak256 of the purpose, for example of "dpv:Personalisation"
     * @param data keccak256 of the kind of data, for example of "pd:Purchase"
     * @return `Status.Valid` for yes; anything else is no
     */
    function check(
        Evidence calldata evidence,
        address controller,
        bytes32 purpose,
        bytes32 data
    ) external view returns (Status) {
        return _judge(evidence, controller, purpose, data);
    }
}
