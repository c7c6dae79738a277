// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {IERC1271} from "@openzeppelin/contracts/interfaces/IERC1271.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";

/// @notice A contract account of one owner, in a signature format of its own: r and yParity-and-s (EIP-2098, 64 bytes).
contract OwnedWallet is IERC1271 {
    address public owner;

    constructor(address owner_) {
        owner = owner_;
    }

    function handOver(address next) external {
        require(msg.sender == owner, "not the owner");
        owner = next;
    }

    /// @notice Calls as the account, so that it can be a msg.sender.
    function execute(address target, bytes calldata call) external returns (bytes memory) {
        require(msg.sender == owner, "not the owner");
        (bool done, bytes memory answer) = target.call(call);
        require(done, "call failed");
        return answer;
    }

    function isValidSignature(bytes32 hash, bytes calldata signature) external view returns (bytes4) {
        if (signature.length != 64) return 0xffffffff;
        (address signer, , ) = ECDSA.tryRecover(hash, bytes32(signature[0:32]), bytes32(signature[32:64]));
        return signer == owner && signer != address(0) ? this.isValidSignature.selector : bytes4(0xffffffff);
    }
}

/// @notice Says no in every way there is, and yes in ways that are none. Also an EIP-7702 delegate that believes nobody.
contract OddWallet is IERC1271 {
    enum Answer {
        No,
        Revert,
        Panic,
        BurnAllGas,
        Nothing,
        FourBytesOnly,
        DirtyWord,
        LowBytes,
        HugeNo
    }

    Answer public answer;

    constructor(Answer answer_) {
        answer = answer_;
    }

    function isValidSignature(bytes32, bytes calldata) external view returns (bytes4) {
        if (answer == Answer.Revert) revert("no");
        if (answer == Answer.Panic) assert(false);
        bytes32 yes = bytes32(IERC1271.isValidSignature.selector);
        if (answer == Answer.BurnAllGas) assembly ("memory-safe") {
            invalid()
        }
        if (answer == Answer.Nothing) assembly ("memory-safe") {
            return(0, 0)
        }
        if (answer == Answer.FourBytesOnly) assembly ("memory-safe") {
            mstore(0, yes)
            return(0, 4)
        }
        if (answer == Answer.DirtyWord) assembly ("memory-safe") {
            mstore(0, or(yes, 1))
            return(0, 32)
        }
        if (answer == Answer.LowBytes) assembly ("memory-safe") {
            mstore(0, shr(224, yes))
            return(0, 32)
        }
        if (answer == Answer.HugeNo) assembly ("memory-safe") {
            return(0x80, 100000)
        }
        return 0xffffffff;
    }
}

/// @notice Answers every call with `size` bytes that begin with `head`, or reverts with them.
contract LongWallet {
    bytes32 private immutable _head;
    uint256 private immutable _size;
    bool private immutable _reverts;

    constructor(bytes32 head, uint256 size, bool reverts) {
        (_head, _size, _reverts) = (head, size, reverts);
    }

    fallback() external {
        (bytes32 head, uint256 size, bool reverts) = (_head, _size, _reverts);
        assembly {
            mstore(0x00, head)
            mstore(0x20, 0)
            mstore(0x40, 0)
            if reverts {
                revert(0x00, size)
            }
            return(0x00, size)
        }
    }
}
