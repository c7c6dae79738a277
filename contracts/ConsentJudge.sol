// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.22;

import {MerkleProof} from "@openzeppelin/contracts/utils/cryptography/MerkleProof.sol";
import {MessageHashUtils} from "@openzeppelin/contracts/utils/cryptography/MessageHashUtils.sol";

import {ConsentDomain} from "./ConsentDomain.sol";
import {ConsentHashes} from "./ConsentHashes.sol";
import {ConsentSignatures} from "./ConsentSignatures.sol";
import {Evidence, Grant, Status} from "./ConsentTypes.sol";
import {IConsentRegistry} from "./IConsentRegistry.sol";

/**
 * @title ConsentJudge
 * @notice Judges evidence against one registry. {ConsentVerifier} and {ConsentGate} inherit it, so both always agree.
 *
 * The steps have the numbers of the off-chain verifier. This contract does not judge the notice and its rendering, the
 * order and vocabulary of the lists, mandates, or the depth of the anchor. Verify the evidence file for those.
 */
abstract contract ConsentJudge is ConsentDomain {
    bytes32 private constant _GRANT_TYPE_HASH =
        keccak256(
            "Grant(string statement,address subject,address controller,bytes32 request,string[] purposes,string[] data,"
            "string terms,bytes32 notice,bytes32 content,bytes32 supersedes,uint64 issuedAt,uint64 notBefore,"
            "uint64 expiresAt,bytes32 revocation,bytes32 salt)"
        );

    uint256 private constant _MAX_SIGNATURE = 8192;
    uint256 private constant _MAX_PROOF = 15;
    uint256 private constant _CLOCK_SKEW = 15 minutes;

    /// @notice The registry whose anchors and revocations count.
    IConsentRegistry public immutable registry;

    /// @notice There is no consent registry of this domain at the address.
    error NotARegistry(address registry);

    constructor(IConsentRegistry registry_) ConsentDomain(address(registry_)) {
        if (address(registry_).code.length == 0 || registry_.domainSeparator() != _separator()) {
            revert NotARegistry(address(registry_));
        }
        registry = registry_;
    }

    /// @dev The first failed step names the answer. `purpose` and `data` are keccak256 of the exact terms.
    function _judge(
        Evidence calldata evidence,
        address controller,
        bytes32 purpose,
        bytes32 data
    ) internal view returns (Status) {
        Status status = _judgeProof(evidence); // steps 1 to 3
        if (status == Status.Valid) status = _judgeFacts(evidence); // steps 4 to 6
        if (status == Status.Valid) status = _judgePolicy(evidence.grant, controller, purpose, data); // step 7
        return status;
    }

    function _judgeProof(Evidence calldata evidence) private view returns (Status) {
        bytes calldata signature = evidence.signature;
        if (signature.length == 0 || signature.length > _MAX_SIGNATURE) return Status.Malformed;
        if (evidence.proof.length > _MAX_PROOF) return Status.Malformed;

        // 1. Another domain gives another digest, which the subject did not sign.
        bytes32 digest = MessageHashUtils.toTypedDataHash(_separator(), _hash(evidence.grant));
        // 2. Signed by the subject.
        if (!ConsentSignatures.isSignedBy(evidence.grant.subject, digest, signature)) return Status.BadSignature;
        // 3. The root of the proof is the evidence's root.
        bytes32 leaf = ConsentHashes.leaf(digest, signature);
        if (!MerkleProof.verifyCalldata(evidence.proof, evidence.root, leaf)) return Status.NotIncluded;
        return Status.Valid;
    }

    function _judgeFacts(Evidence calldata evidence) private view returns (Status) {
        Grant calldata grant = evidence.grant;
        IConsentRegistry.Facts memory facts = registry.facts(evidence.root, _handle(grant), grant.subject);
        uint256 issuedAt = grant.issuedAt;

        // 4. Anchored, and not dated later than that.
        if (facts.anchoredAt == 0) return Status.NotAnchored;
        if (issuedAt > facts.anchoredAt + _CLOCK_SKEW) return Status.PostDated;
        // 5. Not revoked. The earlier of the two times counts, so a grant dated in the future does not survive a
        // kill-switch. It is <=, so a grant from the kill-switch's own block ends with it.
        if (facts.revokedAt != 0) return Status.Revoked;
        if (issuedAt <= facts.cutoff || facts.anchoredAt <= facts.cutoff) return Status.Revoked;
        // 6. Within its time.
        if (block.timestamp < grant.notBefore) return Status.NotYetValid;
        if (block.timestamp >= grant.expiresAt) return Status.Expired;
        return Status.Valid;
    }

    // 7. Given to this controller, for this purpose, with this data.
    function _judgePolicy(
        Grant calldata grant,
        address controller,
        bytes32 purpose,
        bytes32 data
    ) private pure returns (Status) {
        if (grant.controller != controller) return Status.WrongController;
        if (!_contains(grant.purposes, purpose)) return Status.PurposeNotGranted;
        if (!_contains(grant.data, data)) return Status.DataNotGranted;
        return Status.Valid;
    }

    function _handle(Grant calldata grant) private pure returns (bytes32) {
        bytes32 saltHash = keccak256(abi.encode(grant.salt));
        return ConsentHashes.handle(grant.revocation, ConsentHashes.tag(grant.subject, saltHash));
    }

    // EIP-712, "Definition of hashStruct", in two halves, because one abi.encode of 16 values is too deep for the stack.
    function _hash(Grant calldata grant) private pure returns (bytes32) {
        return
            keccak256(
                bytes.concat(
                    abi.encode(
                        _GRANT_TYPE_HASH,
                        grant.statement,
                        grant.subject,
                        grant.controller,
                        grant.request,
                        keccak256(abi.encodePacked(grant.purposes)),
                        keccak256(abi.encodePacked(grant.data)),
                        grant.terms
                    ),
                    abi.encode(
                        grant.notice,
                        grant.content,
                        grant.supersedes,
                        grant.issuedAt,
                        grant.notBefore,
                        grant.expiresAt,
                        grant.revocation,
                        grant.salt
                    )
                )
            );
    }

    function _contains(bytes32[] calldata list, bytes32 wanted) private pure returns (bool) {
        for (uint256 i = 0; i < list.length; ++i) {
            if (list[i] == wanted) return true;
        }
        return false;
    }
}
