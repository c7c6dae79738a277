// SPDX-License-Identifier: Apache-2.0
pragma solidity 0.8.30;

import {ConsentGate} from "../ConsentGate.sol";
import {Evidence} from "../ConsentTypes.sol";
import {IConsentRegistry} from "../IConsentRegistry.sol";

/**
 * @title LoyaltyProgram
 * @notice A brand's points, awarded for purchases only while the customer consents to personalisation with purchases.
 *
 * Points belong to the grant's subject, no matter who sent the evidence. Withdrawing consent stops new points and removes
 * none: spending needs no consent.
 */
contract LoyaltyProgram is ConsentGate {
    /// @notice keccak256("dpv:Personalisation")
    bytes32 public constant PURPOSE = keccak256("dpv:Personalisation");
    /// @notice keccak256("pd:Purchase")
    bytes32 public constant DATA = keccak256("pd:Purchase");
    /// @notice The points that every customer gets once for joining.
    uint256 public constant WELCOME = 100;

    /// @notice The customers who joined. Entries stay, so a new consent after an ended one gives no second welcome.
    mapping(address customer => bool) public joined;
    /// @notice Points to spend.
    mapping(address customer => uint256) public points;

    event Joined(address indexed customer);
    event Awarded(address indexed customer, uint256 amount);
    event Spent(address indexed customer, uint256 amount);

    error OnlyController(address sender);
    error AlreadyJoined(address customer);
    error NotJoined(address customer);
    error TooFewPoints(address customer, uint256 available, uint256 wanted);

    constructor(IConsentRegistry registry_, address controller_) ConsentGate(registry_, controller_) {}

    /// @notice Enrols the grant's subject. Anyone may bring the evidence and pay; the points go to the subject.
    function join(Evidence calldata evidence) external onlyConsented(evidence, PURPOSE, DATA) {
        address customer = evidence.grant.subject;
        if (joined[customer]) revert AlreadyJoined(customer);
        joined[customer] = true;
        points[customer] += WELCOME;
        emit Joined(customer);
    }

    /// @notice The brand's till: points for a purchase of the grant's subject.
    function award(Evidence calldata evidence, uint256 amount) external onlyConsented(evidence, PURPOSE, DATA) {
        if (msg.sender != controller) revert OnlyController(msg.sender);
        address customer = evidence.grant.subject;
        if (!joined[customer]) revert NotJoined(customer);
        points[customer] += amount;
        emit Awarded(customer, amount);
    }

    /// @notice Spends the sender's own points.
    function spend(uint256 amount) external {
        uint256 available = points[msg.sender];
        if (available < amount) revert TooFewPoints(msg.sender, available, amount);
        points[msg.sender] = available - amount;
        emit Spent(msg.sender, amount);
    }
}
