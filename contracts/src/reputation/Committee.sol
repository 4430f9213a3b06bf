// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {
    AccessControlDefaultAdminRules
} from "@openzeppelin/contracts/access/extensions/AccessControlDefaultAdminRules.sol";
import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {ICommittee} from "../interfaces/ICommittee.sol";
import {IParameterRegistry} from "../interfaces/IParameterRegistry.sol";
import {IReputationOracle} from "../interfaces/IReputationOracle.sol";
import {Bonds} from "../libraries/Bonds.sol";
import {ParameterKeys} from "../libraries/ParameterKeys.sol";
import {EtherLedger} from "./EtherLedger.sol";

/// @title Committee
/// @notice The part of the ReputationOracle that keeps members and bonds, and checks signatures.
abstract contract Committee is IReputationOracle, EtherLedger, AccessControlDefaultAdminRules, EIP712 {
    using Bonds for Bonds.Bond;

    /// @notice May slash and hold bonds.
    bytes32 public constant SLASHER_ROLE = keccak256("SLASHER_ROLE");
    /// @notice Fewest members that can attest.
    uint256 public constant MIN_MEMBERS = 7;
    /// @notice Most members.
    uint256 public constant MAX_MEMBERS = 15;
    /// @notice Time that a resignation leaves for finding a successor.
    uint64 public constant RESIGNATION_DELAY = 14 days;
    /// @notice Time in which a matured resignation can be used; afterwards it lapses.
    uint64 public constant RESIGNATION_WINDOW = 7 days;
    /// @notice Time for which the signatures of a member that left or was expelled still count. Shorter than any
    /// unbonding period, so that the signer's bond is still slashable.
    uint64 public constant SIGNING_GRACE = 1 days;
    /// @notice Longest time for which a candidate's consent locks its bond.
    uint64 public constant MAX_CONSENT = 60 days;
    /// @notice Longest hold.
    uint64 public constant MAX_HOLD = 60 days;

    address[] private _members;
    mapping(address who => bool) private _isMember;
    mapping(address who => uint256) private _leavesAt;
    mapping(address who => Bonds.Bond) private _bonds;
    /// @dev End of the signing grace of a member that left the committee of this version.
    mapping(uint64 version => mapping(address who => uint256)) private _signsUntil;
    mapping(address member => address) private _payees;
    /// @dev End of a candidate's consent; 0 once it has been seated.
    mapping(address candidate => uint256) private _consentUntil;
    uint64 private _version;
    /// @dev Seats of the present version: the number of members at the rotation.
    uint32 private _seats;
    address private _deployer;

    constructor(address governor, address deployer)
        AccessControlDefaultAdminRules(1 days, governor)
        EIP712("Sovereign Gate Committee", "1")
    {
        if (deployer == address(0)) {
            revert ReputationOracleInvalidAddress();
        }
        _deployer = deployer;
    }

    modifier onlyPayee(address member) {
        if (msg.sender != bondPayee(member)) revert ReputationOracleNotPayee(msg.sender);
        _;
    }

    // ------------------------------------------------------------------------------------------------ members

    /// @inheritdoc IReputationOracle
    function bond(address member) external payable {
        if (member == address(0)) revert ReputationOracleInvalidAddress();
        if (msg.value == 0) revert ReputationOracleInvalidAmount(0);
        _bonds[member].add(msg.value);
        emit Bonded(member, msg.value);
    }

    /// @inheritdoc IReputationOracle
    function setBondPayee(address member, address payee) external onlyPayee(member) {
        if (payee == address(0)) revert ReputationOracleInvalidAddress();
        _payees[member] = payee;
        emit BondPayeeChanged(member, payee);
    }

    /// @inheritdoc IReputationOracle
    function consent(address member, uint64 until) external onlyPayee(member) {
        bool extends = until > block.timestamp && until >= _consentUntil[member];
        if (!extends || until > block.timestamp + MAX_CONSENT) revert ReputationOracleInvalidConsent(until);
        _consentUntil[member] = until;
        emit ConsentGiven(member, until);
    }

    /// @inheritdoc IReputationOracle
    function unbond(address member, uint256 amount) external onlyPayee(member) {
        if (_isMember[member]) revert ReputationOracleStillMember(member);
        if (block.timestamp < _consentUntil[member]) {
            revert ReputationOracleBondLocked(_consentUntil[member]);
        }
        Bonds.Bond storage theirs = _bonds[member];
        if (amount == 0 || amount > theirs.staked) revert ReputationOracleInvalidAmount(amount);
        _release(member);
        theirs.unbond(amount, _PARAMETERS.get(ParameterKeys.UNBONDING_PERIOD));
        emit UnbondingStarted(member, amount, theirs.freeAt());
    }

    /// @inheritdoc IReputationOracle
    function withdrawBond(address member, address to) external nonReentrant onlyPayee(member) {
        _release(member);
        Bonds.Bond storage theirs = _bonds[member];
        if (theirs.unbonding != 0 && due(msg.sender) == 0) {
            revert ReputationOracleStillUnbonding(theirs.freeAt());
        }
        _payOut(msg.sender, to);
    }

    /// @inheritdoc IReputationOracle
    function resign() external {
        if (!_isMember[msg.sender]) revert ReputationOracleNotMember(msg.sender);
        if (leavesAt(msg.sender) != 0) revert ReputationOracleAlreadyResigned(msg.sender);
        uint256 leaves = block.timestamp + RESIGNATION_DELAY;
        _leavesAt[msg.sender] = leaves;
        emit Resigned(msg.sender, leaves);
    }

    /// @inheritdoc IReputationOracle
    function leaveCommittee() external {
        uint256 leaves = leavesAt(msg.sender);
        if (leaves == 0 || block.timestamp < leaves) revert ReputationOracleCannotLeave(msg.sender, leaves);
        _remove(msg.sender);
    }

    // ------------------------------------------------------------------------------------------------ roles

    /// @inheritdoc IReputationOracle
    function setCommittee(address[] calldata newMembers) external onlyRole(DEFAULT_ADMIN_ROLE) {
        _setCommittee(newMembers, true);
    }

    /// @inheritdoc IReputationOracle
    function slashBond(address member, uint256 bps, address rewarded, uint256 rewardBps)
        external
        onlyRole(SLASHER_ROLE)
        returns (uint256 taken)
    {
        if (bps > Bonds.BPS) revert ReputationOracleInvalidShare(bps);
        if (rewardBps > Bonds.BPS) revert ReputationOracleInvalidShare(rewardBps);
        _release(member);
        (uint256 fromBonded, uint256 fromUnbonding) = _bonds[member].slash(bps);
        taken = fromBonded + fromUnbonding;
        uint256 reward = rewarded == address(0) ? 0 : taken * rewardBps / Bonds.BPS;
        emit BondSlashed(member, taken, rewarded, reward);
        _credit(rewarded, reward);
        _creditTreasury(taken - reward);
        if (_isMember[member]) _remove(member);
    }

    /// @inheritdoc IReputationOracle
    function holdBond(address member, uint64 until) external onlyRole(SLASHER_ROLE) {
        uint64 latest = uint64(block.timestamp) + MAX_HOLD;
        if (until > latest) until = latest;
        _bonds[member].hold(until);
        emit HoldPlaced(member, until);
    }

    /// @inheritdoc IReputationOracle
    function liftBond(address member) external onlyRole(SLASHER_ROLE) {
        _bonds[member].lift();
        emit HoldLifted(member);
    }

    /// @inheritdoc IReputationOracle
    function wire(address slasher, address[] calldata firstMembers) external {
        if (msg.sender != _deployer) revert ReputationOracleCannotWire();
        if (slasher == address(0)) revert ReputationOracleInvalidAddress();
        _deployer = address(0);
        _grantRole(SLASHER_ROLE, slasher);
        if (firstMembers.length != 0) _setCommittee(firstMembers, false);
    }

    // ------------------------------------------------------------------------------------------------ views

    /// @inheritdoc ICommittee
    function verify(
        bytes32 structHash,
        bytes[] calldata signatures,
        address[] calldata signers,
        uint64 version
    ) public view returns (bool) {
        if (version != _version || version == 0) return false;
        if (signers.length != signatures.length || signers.length < threshold()) return false;
        bytes32 hash = _hashTypedDataV4(structHash);
        address previous = address(0);
        for (uint256 i = 0; i < signers.length; ++i) {
            address signer = signers[i];
            if (signer <= previous || !_maySign(signer)) return false;
            if (!_isSigner(signer, hash, signatures[i])) return false;
            previous = signer;
        }
        return true;
    }

    /// @inheritdoc ICommittee
    function signedBy(address who, bytes32 structHash, bytes calldata signature)
        external
        view
        returns (bool)
    {
        return who != address(0) && _isSigner(who, _hashTypedDataV4(structHash), signature);
    }

    /// @inheritdoc ICommittee
    function digest(bytes32 structHash) external view returns (bytes32) {
        return _hashTypedDataV4(structHash);
    }

    /// @inheritdoc ICommittee
    function threshold() public view returns (uint256) {
        return (2 * uint256(_seats) + 2) / 3;
    }

    /// @inheritdoc ICommittee
    function committeeVersion() external view returns (uint64) {
        return _version;
    }

    /// @inheritdoc ICommittee
    function isMember(address who) external view returns (bool) {
        return _isMember[who];
    }

    /// @inheritdoc ICommittee
    function members() external view returns (address[] memory) {
        return _members;
    }

    /// @inheritdoc IReputationOracle
    function bondOf(address member)
        external
        view
        returns (uint256 bonded, uint256 unbonding, uint64 unbondsAt, uint64 heldUntil)
    {
        Bonds.Bond storage theirs = _bonds[member];
        return (theirs.staked, theirs.unbonding, theirs.unbondsAt, theirs.heldUntil);
    }

    /// @inheritdoc IReputationOracle
    function bondPayee(address member) public view returns (address payee) {
        payee = _payees[member];
        if (payee == address(0)) payee = member;
    }

    /// @inheritdoc IReputationOracle
    function consentUntil(address member) external view returns (uint256) {
        return _consentUntil[member];
    }

    /// @inheritdoc IReputationOracle
    function leavesAt(address member) public view returns (uint256 leaves) {
        leaves = _leavesAt[member];
        if (block.timestamp >= leaves + RESIGNATION_WINDOW) return 0;
    }

    // ------------------------------------------------------------------------------------------------ internal

    /// @dev A resignation outlives a rotation that keeps the member.
    function _setCommittee(address[] calldata candidates, bool needsConsent) private {
        address[] memory seated = _fitOf(candidates, needsConsent);
        address[] memory old = _members;
        for (uint256 i = 0; i < old.length; ++i) {
            _isMember[old[i]] = false;
        }
        for (uint256 i = 0; i < seated.length; ++i) {
            _isMember[seated[i]] = true;
            _consentUntil[seated[i]] = 0;
        }
        for (uint256 i = 0; i < old.length; ++i) {
            if (!_isMember[old[i]]) _leavesAt[old[i]] = 0;
        }
        _members = seated;
        _seats = uint32(seated.length);
        emit CommitteeChanged(++_version, seated);
    }

    /// @dev The candidates with enough bond that are members or have consented, in order. A candidate that made
    /// itself unfit loses its seat; it does not stop the rotation.
    function _fitOf(address[] calldata candidates, bool needsConsent) private returns (address[] memory fit) {
        uint256 size = candidates.length;
        if (size < MIN_MEMBERS || size > MAX_MEMBERS) revert ReputationOracleWrongSize(size);
        if (size != _PARAMETERS.get(ParameterKeys.ORACLE_COMMITTEE_SIZE)) {
            revert ReputationOracleWrongSize(size);
        }
        uint256 needed = _PARAMETERS.get(ParameterKeys.COMMITTEE_BOND);
        address previous = address(0);
        uint256 count = 0;
        fit = new address[](size);
        for (uint256 i = 0; i < size; ++i) {
            address candidate = candidates[i];
            if (candidate <= previous) revert ReputationOracleUnsorted(candidate);
            previous = candidate;
            bool willing = !needsConsent || _isMember[candidate] || block.timestamp < _consentUntil[candidate];
            if (willing && _bonds[candidate].staked >= needed) fit[count++] = candidate;
            else emit CandidateSkipped(candidate);
        }
        if (count < MIN_MEMBERS) revert ReputationOracleTooFewFit(count);
        assembly ("memory-safe") {
            mstore(fit, count)
        }
    }

    /// @dev Keeps the order, the version and the threshold: a departure must not stop or void an attestation.
    function _remove(address member) private {
        _isMember[member] = false;
        _leavesAt[member] = 0;
        uint256 last = _members.length - 1;
        bool found = false;
        for (uint256 i = 0; i < last; ++i) {
            if (_members[i] == member) found = true;
            if (found) _members[i] = _members[i + 1];
        }
        _members.pop();
        uint256 signsUntil = block.timestamp + SIGNING_GRACE;
        _signsUntil[_version][member] = signsUntil;
        emit MemberLeft(member, _version, signsUntil);
    }

    function _release(address member) private {
        uint256 amount = _bonds[member].release();
        if (amount == 0) return;
        emit BondReleased(member, amount);
        _credit(bondPayee(member), amount);
    }

    function _maySign(address who) private view returns (bool) {
        return _isMember[who] || block.timestamp < _signsUntil[_version][who];
    }

    function _isSigner(address signer, bytes32 hash, bytes calldata signature) private pure returns (bool) {
        (address recovered,,) = ECDSA.tryRecoverCalldata(hash, signature);
        return recovered == signer;
    }
}
