// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/**
 * @title ConsentSignatures
 * @notice Checks signatures of a key (65 bytes r, s, v; low s; v 27 or 28) or else of a contract wallet (ERC-1271).
 */
library ConsentSignatures {
    uint256 private constant _ECDSA_LENGTH = 65;

    /**
     * @notice True if `signer` signed `digest`. Never reverts because of the signature or of the signer's answer.
     * @dev Tries the key first, even if the signer has code. An account with EIP-7702 code still signs with its own key,
     * and OpenZeppelin's SignatureChecker.isValidSignatureNow would ask only the code.
     */
    function isSignedBy(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        return _isSignedByKey(signer, digest, signature) || _isAcceptedByContract(signer, digest, signature);
    }

    function _isSignedByKey(address signer, bytes32 digest, bytes calldata signature) private pure returns (bool) {
        if (signature.length != _ECDSA_LENGTH) return false;
        (address recovered, ECDSA.RecoverError failure, ) = ECDSA.tryRecover(
            digest,
            uint8(signature[64]),
            bytes32(signature[0:32]),
            bytes32(signature[32:64])
        );
        return failure == ECDSA.RecoverError.NoError && recovered == signer;
    }

    /**
     * @dev ERC-1271: accepted if the call succeeds, returns at least a word, and the word is the padded selector.
     *
     * The call copies at most one word of the answer, so a long answer costs its signer's gas and none of ours.
     * OpenZeppelin's isValidERC1271SignatureNow copies all of it. The signer may still burn the gas that the call is
     * given, 63/64 of what is left (EIP-150). A signer that runs out of it has not accepted.
     */
    function _isAcceptedByContract(
        address signer,
        bytes32 digest,
        bytes calldata signature
    ) private view returns (bool accepted) {
        bytes memory question = abi.encodeCall(IERC1271.isValidSignature, (digest, signature));
        bytes32 yes = bytes32(IERC1271.isValidSignature.selector);
        assembly ("memory-safe") {
            // The answer goes to the scratch space, from 0x00 to 0x1f.
            let success := staticcall(gas(), signer, add(question, 0x20), mload(question), 0x00, 0x20)
            accepted := and(success, and(gt(returndatasize(), 0x1f), eq(mload(0x00), yes)))
        }
    }
}
