// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

import {ConsentGate} from "consent-registry-contracts/ConsentGate.sol";
import {ConsentRegistry} from "consent-registry-contracts/ConsentRegistry.sol";
import {Evidence, Status} from "consent-registry-contracts/ConsentTypes.sol";
import {ConsentVerifier} from "consent-registry-contracts/ConsentVerifier.sol";
import {Shop} from "../src/Shop.sol";

interface Vm {
    function warp(uint256 time) external;
    function readFile(string calldata path) external view returns (string memory);
    function parseJsonBytes(string calldata json, string calldata key) external pure returns (bytes memory);
    function parseJsonBytes32(string calldata json, string calldata key) external pure returns (bytes32);
    function parseJsonAddress(string calldata json, string calldata key) external pure returns (address);
    function parseJsonUint(string calldata json, string calldata key) external pure returns (uint256);
    function expectRevert(bytes calldata reason) external;
}

/// @notice Judges a grant that the Python package made, by its call data: evidence.json, which the test writes.
contract ShopTest {
    Vm private constant VM = Vm(address(uint160(uint256(keccak256("hevm cheat code")))));

    ConsentRegistry private registry;
    ConsentVerifier private verifier;
    Shop private shop;
    string private file;

    function setUp() public {
        file = VM.readFile("evidence.json");
        VM.warp(VM.parseJsonUint(file, ".time"));
        registry = new ConsentRegistry();
        require(address(registry) == VM.parseJsonAddress(file, ".registry"), "the grant names another registry");
        verifier = new ConsentVerifier(registry);
        shop = new Shop(registry, VM.parseJsonAddress(file, ".controller"));
        registry.anchor(VM.parseJsonBytes32(file, ".root"), 0);
    }

    function test_the_verifier_takes_the_call_data() public view {
        require(_answer(".check") == Status.Valid, "it holds");
        require(_answer(".checkOther") == Status.PurposeNotGranted, "another purpose was not granted");
    }

    function test_the_gate_takes_the_argument() public {
        shop.greet(_evidence());
        require(shop.greeted(VM.parseJsonAddress(file, ".subject")), "the subject is greeted");
    }

    function test_after_its_end() public {
        registry.revoke(VM.parseJsonBytes32(file, ".secret"), VM.parseJsonBytes32(file, ".tag"));
        require(_answer(".check") == Status.Revoked, "it has ended");
        Evidence memory ended = _evidence();
        VM.expectRevert(abi.encodeWithSelector(ConsentGate.NotConsented.selector, Status.Revoked));
        shop.greet(ended);
    }

    function _answer(string memory name) private view returns (Status) {
        (bool done, bytes memory answer) = address(verifier).staticcall(VM.parseJsonBytes(file, name));
        require(done && answer.length == 32, "the call data does not fit the verifier");
        return abi.decode(answer, (Status));
    }

    function _evidence() private view returns (Evidence memory) {
        return abi.decode(VM.parseJsonBytes(file, ".argument"), (Evidence));
    }
}
