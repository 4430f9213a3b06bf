// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {IReputationOracle} from "../../src/interfaces/IReputationOracle.sol";
import {ReputationOracle} from "../../src/reputation/ReputationOracle.sol";
import {ReputationBase} from "./ReputationBase.sol";

/// @notice verify, signedBy and digest.
contract ReputationOracleVerifyTest is ReputationBase {
    bytes32 private constant STATEMENT = keccak256("statement");

    function test_verify(uint256 count) public view {
        count = bound(count, THRESHOLD, MEMBERS);
        assertTrue(_verify(count), "enough members");
    }

    function test_anySubsetOfTheThreshold(uint256 seed) public view {
        address[] memory signers = new address[](THRESHOLD);
        bytes[] memory signatures = new bytes[](THRESHOLD);
        bytes32 digest = oracle.digest(STATEMENT);
        uint256 skipped = 0;
        uint256 taken = 0;
        for (uint256 i = 0; i < MEMBERS && taken < THRESHOLD; ++i) {
            bool skipIt = skipped < MEMBERS - THRESHOLD && uint256(keccak256(abi.encode(seed, i))) % 2 == 0;
            if (skipIt) {
                ++skipped;
                continue;
            }
            signers[taken] = members[i];
            signatures[taken++] = signature(memberKeys[members[i]], digest);
        }
        assertTrue(oracle.verify(STATEMENT, signatures, signers, 1), "a subset");
    }

    function test_falseWhen_tooFew(uint256 count) public view {
        count = bound(count, 0, THRESHOLD - 1);
        assertFalse(_verify(count), "too few");
    }

    function test_falseWhen_anotherStatement() public view {
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, MEMBERS);
        assertFalse(oracle.verify(keccak256("other"), signatures, signers, 1), "another statement");
    }

    function test_falseWhen_unsorted() public view {
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, MEMBERS);
        (signers[0], signers[1]) = (signers[1], signers[0]);
        (signatures[0], signatures[1]) = (signatures[1], signatures[0]);
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 1), "unsorted");
    }

    function test_falseWhen_oneSignsTwice() public view {
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, THRESHOLD);
        (signers[1], signatures[1]) = (signers[0], signatures[0]);
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 1), "twice");
    }

    function test_falseWhen_lengthsDiffer() public view {
        (address[] memory signers,) = signed(STATEMENT, MEMBERS);
        (, bytes[] memory signatures) = signed(STATEMENT, MEMBERS - 1);
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 1), "lengths");
    }

    function test_falseWhen_oneIsAStranger() public {
        (address someone, uint256 key) = makeAddrAndKey("someone");
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, MEMBERS);
        // Bring the stranger in without breaking the order.
        uint256 place = 0;
        while (place < MEMBERS - 1 && signers[place] < someone) ++place;
        signers[place] = someone;
        signatures[place] = signature(key, oracle.digest(STATEMENT));
        for (uint256 i = 1; i < MEMBERS; ++i) {
            if (signers[i] <= signers[i - 1]) {
                (signers[i], signers[i - 1]) = (signers[i - 1], signers[i]);
                (signatures[i], signatures[i - 1]) = (signatures[i - 1], signatures[i]);
            }
        }
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 1), "stranger");
    }

    function test_falseWhen_oneSignatureIsBad(uint256 which, uint256 kind) public view {
        which = bound(which, 0, THRESHOLD - 1);
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, THRESHOLD);
        kind = bound(kind, 0, 3);
        if (kind == 0) signatures[which] = "";
        if (kind == 1) signatures[which] = signatures[(which + 1) % THRESHOLD];
        if (kind == 2) signatures[which][7] ^= 0x01;
        if (kind == 3) signatures[which] = bytes.concat(signatures[which], hex"00");
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 1), "bad signature");
    }

    function test_falseWhen_anotherVersion() public {
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, MEMBERS);
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 2), "a later version");
        vm.prank(governor);
        oracle.setCommittee(members);
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 1), "the version before");
        assertTrue(oracle.verify(STATEMENT, signatures, signers, 2), "the present version");
    }

    function test_falseWhen_anotherChain() public {
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, MEMBERS);
        vm.chainId(1);
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 1), "another chain");
    }

    function test_falseWhen_anotherContract() public {
        ReputationOracle other = new ReputationOracle(params, registry, governor, address(this));
        for (uint256 i = 0; i < MEMBERS; ++i) {
            other.bond{value: 1 ether}(members[i]);
        }
        other.wire(address(manager), members);
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, MEMBERS);
        assertFalse(other.verify(STATEMENT, signatures, signers, 1), "another contract");
    }

    /// @dev The exploit: a member with a matured resignation leaves just before a signed batch is executed.
    function test_A1_leavingDoesNotVoidASignedStatement() public {
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, THRESHOLD);
        vm.prank(signers[0]);
        oracle.resign();
        skip(oracle.RESIGNATION_DELAY());
        vm.prank(signers[0]);
        oracle.leaveCommittee();
        assertEq(oracle.committeeVersion(), 1);
        assertTrue(oracle.verify(STATEMENT, signatures, signers, 1), "signed before the departure");
        skip(oracle.SIGNING_GRACE() - 1);
        assertTrue(oracle.verify(STATEMENT, signatures, signers, 1), "in the grace");
        skip(1);
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 1), "after the grace");
    }

    /// @dev Seats without a member do not lower the threshold, and do not stop the others.
    function test_A1_theThresholdIsThatOfTheSeats() public {
        for (uint256 left = MEMBERS; left >= THRESHOLD - 1; --left) {
            (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, left);
            assertEq(oracle.threshold(), THRESHOLD);
            assertEq(oracle.verify(STATEMENT, signatures, signers, 1), left >= THRESHOLD, "threshold");
            address last = signers[left - 1];
            vm.prank(last);
            oracle.resign();
            skip(oracle.RESIGNATION_DELAY());
            vm.prank(last);
            oracle.leaveCommittee();
            skip(oracle.SIGNING_GRACE());
        }
    }

    /// @dev A grace is one of the committee that was left: it gives no signature in the next one.
    function test_A1_theGraceEndsWithARotation() public {
        _addMember("newcomer");
        address gone = members[0];
        if (!oracle.isMember(gone)) gone = members[1];
        vm.prank(gone);
        oracle.resign();
        skip(oracle.RESIGNATION_DELAY());
        vm.prank(gone);
        oracle.leaveCommittee();
        address[] memory next = new address[](MEMBERS);
        uint256 count = 0;
        for (uint256 i = 0; i <= MEMBERS; ++i) {
            if (members[i] != gone) next[count++] = members[i];
            if (!oracle.isMember(members[i]) && members[i] != gone) _consent(members[i]);
        }
        vm.prank(governor);
        oracle.setCommittee(next);
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, THRESHOLD);
        assertTrue(oracle.verify(STATEMENT, signatures, signers, 2), "the next committee");
        uint256 place = signers[0] < gone ? 1 : 0;
        assertTrue(gone < signers[place + 1], "order");
        signers[place] = gone;
        signatures[place] = signature(memberKeys[gone], oracle.digest(STATEMENT));
        assertFalse(oracle.verify(STATEMENT, signatures, signers, 2), "of the committee before");
    }

    function test_falseWhen_thereIsNoCommittee() public {
        ReputationOracle other = new ReputationOracle(params, registry, governor, address(this));
        assertFalse(other.verify(STATEMENT, new bytes[](0), new address[](0), 0), "no committee");
    }

    function test_signedBy() public {
        (address someone, uint256 key) = makeAddrAndKey("someone");
        bytes memory theirs = signature(key, oracle.digest(STATEMENT));
        assertTrue(oracle.signedBy(someone, STATEMENT, theirs), "signed");
        assertFalse(oracle.signedBy(alice, STATEMENT, theirs), "another");
        assertFalse(oracle.signedBy(someone, keccak256("other"), theirs), "another statement");
        assertFalse(oracle.signedBy(address(0), STATEMENT, hex"00"), "nobody");
    }

    /// @dev The domain as others compute it.
    function test_digest() public view {
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Sovereign Gate Committee"),
                keccak256("1"),
                block.chainid,
                address(oracle)
            )
        );
        assertEq(oracle.digest(STATEMENT), keccak256(abi.encodePacked(hex"1901", domain, STATEMENT)));
    }

    function _verify(uint256 count) private view returns (bool) {
        (address[] memory signers, bytes[] memory signatures) = signed(STATEMENT, count);
        return oracle.verify(STATEMENT, signatures, signers, 1);
    }
}
