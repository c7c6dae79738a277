// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {SignatureChecker} from "@openzeppelin/contracts/utils/cryptography/SignatureChecker.sol";

/**
 * @title ConsentSignatures
 * @notice Checks signatures of a key (65 bytes r, s, v; low s; v 27 or 28) or else of a contract wallet (ERC-1271).
 */
library ConsentSignatures {
    uint256 private constant _ECDSA_LENGTH = 65;

    /**
     * @notice True if `signer` signed `digest`. Never reverts because of the signature or of the signer's answer.
     * @dev Tries the key first, even if the signer has code. An account with EIP-7702 code still signs with its own key,
     * and SignatureChecker.isValidSignatureNow would ask only the code.
     */
    function isSignedBy(address signer, bytes32 digest, bytes calldata signature) internal view returns (bool) {
        return
            _isSignedByKey(signer, digest, signature) ||
            SignatureChecker.isValidERC1271SignatureNow(signer, digest, signature);
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
}
