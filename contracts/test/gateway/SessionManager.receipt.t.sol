// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {ISessionManager} from "../../src/interfaces/ISessionManager.sol";
import {SessionManager} from "../../src/gateway/SessionManager.sol";
import {ContractWallet} from "../mocks/receivers/ContractWallet.sol";
import {SessionTest} from "./SessionTest.sol";

/// @notice Whose signature counts, over what, and where.
contract SessionManagerReceiptTest is SessionTest {
    uint256 private constant HALF_ORDER = 0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0;
    uint256 private constant ORDER = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141;

    function refused(uint256 id, uint256 amount, bytes memory signed) private {
        vm.prank(operator);
        vm.expectRevert(ISessionManager.SessionManagerInvalidReceipt.selector);
        manager.claim(id, amount, signed);
    }

    function accepted(uint256 id, uint256 amount, bytes memory signed) private {
        vm.prank(operator);
        manager.claim(id, amount, signed);
        assertEq(manager.session(id).claimed, amount);
    }

    /// @dev The digest as any EIP-712 library computes it, from nothing but the documented types.
    function test_DigestIsEip712() public {
        uint256 id = openDollar();
        bytes32 domain = keccak256(
            abi.encode(
                keccak256(
                    "EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)"
                ),
                keccak256("Sovereign Gate SessionManager"),
                keccak256("1"),
                block.chainid,
                address(manager)
            )
        );
        bytes32 structHash = keccak256(
            abi.encode(
                keccak256("Receipt(uint256 sessionId,bytes20 node,address token,uint256 amount)"),
                id,
                NODE,
                address(dollar),
                uint256(40e6)
            )
        );
        bytes32 expected = keccak256(abi.encodePacked("\x19\x01", domain, structHash));
        assertEq(manager.receiptDigest(id, 40e6), expected);
    }

    function test_SignedByStrangerReverts() public {
        uint256 id = openDollar();
        (, uint256 key) = makeAddrAndKey("stranger");
        refused(id, 40e6, signature(key, manager.receiptDigest(id, 40e6)));
    }

    function test_OtherAmountReverts() public {
        uint256 id = openDollar();
        refused(id, 41e6, receipt(id, 40e6));
    }

    function test_MalformedReverts() public {
        uint256 id = openDollar();
        bytes memory signed = receipt(id, 40e6);
        refused(id, 40e6, "");
        refused(id, 40e6, abi.encodePacked(signed, uint8(0)));
        signed[64] = bytes1(uint8(29));
        refused(id, 40e6, signed);
    }

    /// @dev The second form of the same signature, with a high s.
    function test_MalleableReverts() public {
        uint256 id = openDollar();
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(userKey, manager.receiptDigest(id, 40e6));
        assertLe(uint256(s), HALF_ORDER, "signed low");
        refused(id, 40e6, abi.encodePacked(r, bytes32(ORDER - uint256(s)), v == 27 ? uint8(28) : uint8(27)));
        accepted(id, 40e6, abi.encodePacked(r, s, v));
    }

    function test_NamedSignerInTheUsersPlace() public {
        (address signer, uint256 key) = makeAddrAndKey("session key");
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        terms.signer = signer;
        uint256 id = open(terms);
        refused(id, 40e6, receipt(id, 40e6));
        accepted(id, 40e6, signature(key, manager.receiptDigest(id, 40e6)));
    }

    function test_FromOtherSessionReverts() public {
        uint256 one = openDollar();
        uint256 two = openDollar();
        refused(two, 40e6, receipt(one, 40e6));
        accepted(one, 40e6, receipt(one, 40e6));
        accepted(two, 40e6, receipt(two, 40e6));
    }

    function test_FromOtherChainReverts() public {
        uint256 id = openDollar();
        uint256 here = block.chainid;
        vm.chainId(here + 1);
        bytes memory signed = receipt(id, 40e6);
        vm.chainId(here);
        refused(id, 40e6, signed);
        accepted(id, 40e6, receipt(id, 40e6));
    }

    function test_FromOtherContractReverts() public {
        SessionManager twin = newManager();
        vm.prank(user);
        dollar.approve(address(twin), type(uint256).max);
        vm.prank(user);
        uint256 there = twin.open(termsIn(address(dollar)));
        uint256 here = openDollar();
        assertEq(here, there, "same session id");
        bytes memory signed = signature(userKey, twin.receiptDigest(there, 40e6));
        refused(here, 40e6, signed);
        vm.prank(operator);
        twin.claim(there, 40e6, signed);
    }

    /// @dev After a reorganisation the same id can be another bargain of the same user.
    function test_FromReorganisedSessionReverts() public {
        uint256 before = vm.snapshotState();
        uint256 id = openDollar();
        bytes memory signed = receipt(id, 40e6);
        vm.revertToState(before);

        before = vm.snapshotState();
        assertEq(openEth(), id);
        refused(id, 40e6, signed);
        vm.revertToState(before);

        ISessionManager.Terms memory terms = termsIn(address(dollar));
        terms.node = OTHER_NODE;
        assertEq(open(terms), id);
        vm.prank(otherOperator);
        vm.expectRevert(ISessionManager.SessionManagerInvalidReceipt.selector);
        manager.claim(id, 40e6, signed);
    }

    // ------------------------------------------------------------------ contract wallets

    /// @dev The exploit: a contract wallet signed, used the service, and then refused its own receipts.
    function test_A15_aContractWalletNamesAKey() public {
        ContractWallet wallet = new ContractWallet(user);
        fund(address(wallet));
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        bytes memory refusal =
            abi.encodeWithSelector(ISessionManager.SessionManagerSignerHasNoKey.selector, address(wallet));
        vm.startPrank(address(wallet));
        vm.expectRevert(refusal);
        manager.open(terms);
        terms.signer = address(wallet);
        vm.expectRevert(refusal);
        manager.open(terms);
        terms.signer = user;
        uint256 id = manager.open(terms);
        // Of a session settled by attestation there are no receipts.
        (terms.signer, terms.account) = (address(0), ACCOUNT);
        manager.open(terms);
        vm.stopPrank();
        wallet.setMood(ContractWallet.Mood.Refuses);
        accepted(id, 40e6, receipt(id, 40e6));
    }

    /// @dev A wallet that gets its code after the session was opened is not asked either.
    function test_A15_aContractIsNeverAsked() public {
        address wallet = makeAddr("future wallet");
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        terms.signer = wallet;
        uint256 id = open(terms);
        vm.etch(wallet, address(new ContractWallet(user)).code);
        refused(id, 40e6, receipt(id, 40e6));
    }

    /// @dev A delegated account (EIP-7702) still signs with its key; other code of that size is a contract.
    function test_A15_aDelegatedAccountIsAKey() public {
        vm.etch(user, abi.encodePacked(hex"ef0100", address(manager)));
        uint256 id = openDollar();
        accepted(id, 40e6, receipt(id, 40e6));
        vm.etch(user, abi.encodePacked(hex"000100", address(manager)));
        vm.expectRevert(abi.encodeWithSelector(ISessionManager.SessionManagerSignerHasNoKey.selector, user));
        vm.prank(user);
        manager.open(termsIn(address(dollar)));
    }

    /// @dev A key whose account has delegated (EIP-7702) to code that refuses still answers for its receipts.
    function test_DelegatedAccountCannotDisownItsKey() public {
        uint256 id = openDollar();
        bytes memory signed = receipt(id, 40e6);
        ContractWallet code = new ContractWallet(stranger);
        vm.etch(user, address(code).code);
        assertGt(user.code.length, 0, "has code");
        accepted(id, 40e6, signed);
    }

    /// @dev An account without code or key: nothing is valid.
    function test_SignerWithoutCodeOrKeyReverts() public {
        ISessionManager.Terms memory terms = termsIn(address(dollar));
        terms.signer = address(0xdead);
        uint256 id = open(terms);
        refused(id, 40e6, receipt(id, 40e6));
    }
}
