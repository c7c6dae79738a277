// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

/**
 * @title ConsentDomain
 * @notice The EIP-712 domain of every statement: name "ConsentRegistry", version "1", this chain, the registry's address.
 *
 * The verifiers need the registry's domain, not one with their own address. OpenZeppelin's EIP712 cannot provide that.
 */
abstract contract ConsentDomain {
    bytes32 private constant _TYPE_HASH =
        keccak256("EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)");
    bytes32 private constant _NAME_HASH = keccak256("ConsentRegistry");
    bytes32 private constant _VERSION_HASH = keccak256("1");

    address private immutable _verifyingContract;
    uint256 private immutable _cachedChainId;
    bytes32 private immutable _cachedSeparator;

    constructor(address verifyingContract) {
        _verifyingContract = verifyingContract;
        _cachedChainId = block.chainid;
        _cachedSeparator = _buildSeparator(verifyingContract);
    }

    /// @dev Compares the chain id, because after a fork the two chains must not share signatures (EIP-712, "Security
    /// considerations").
    function _separator() internal view returns (bytes32) {
        return block.chainid == _cachedChainId ? _cachedSeparator : _buildSeparator(_verifyingContract);
    }

    function _buildSeparator(address verifyingContract) private view returns (bytes32) {
        return keccak256(abi.encode(_TYPE_HASH, _NAME_HASH, _VERSION_HASH, block.chainid, verifyingContract));
    }
}
