// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {TestMemes} from "../../src/test/TestMemes.sol";
import {HostileWallet} from "../../src/test/wallets/HostileWallet.sol";
import {SmartWallet} from "../../src/test/wallets/SmartWallet.sol";
import {WalletFactory} from "../../src/test/wallets/WalletFactory.sol";
import {BaseTest} from "../utils/BaseTest.sol";

contract SmartWalletTest is BaseTest {
    bytes4 private constant ACCEPTED = 0x1626ba7e;
    uint256 private constant KEY = 0xA11CE;

    TestMemes private memes = new TestMemes();
    WalletFactory private factory = new WalletFactory();
    address private owner = vm.addr(KEY);
    SmartWallet private wallet = new SmartWallet(owner);

    function _sign(uint256 key, bytes32 hash) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, hash);
        return abi.encodePacked(r, s, v);
    }

    function test_it_accepts_what_its_owner_signed(bytes32 hash) public view {
        assertTrue(wallet.isValidSignature(hash, _sign(KEY, hash)) == ACCEPTED, "owner");
        assertFalse(wallet.isValidSignature(hash, _sign(0xB0B, hash)) == ACCEPTED, "stranger");
        bytes32 other = keccak256(abi.encode(hash));
        assertFalse(wallet.isValidSignature(other, _sign(KEY, hash)) == ACCEPTED, "other message");
        assertFalse(wallet.isValidSignature(hash, hex"00") == ACCEPTED, "junk");
    }

    function test_it_holds_cards_and_acts_for_its_owner_only() public {
        memes.mint(address(wallet), 1, 1);
        bytes memory sale = abi.encodeCall(memes.safeTransferFrom, (address(wallet), owner, 1, 1, ""));
        vm.expectRevert("not the owner");
        wallet.execute(address(memes), sale);
        vm.startPrank(owner);
        wallet.execute(address(memes), sale);
        assertEq(memes.balanceOf(owner, 1), 1, "sold");
        vm.expectRevert("call failed");
        wallet.execute(address(memes), sale);
    }

    function test_the_factory_keeps_its_promise(address owner_, bytes32 salt) public {
        address promised = factory.addressOf(owner_, salt);
        assertEq(promised.code.length, 0, "not yet");
        assertEq(factory.deploy(owner_, salt), promised, "deployed");
        assertEq(SmartWallet(promised).owner(), owner_, "owner");
        assertEq(factory.deploy(owner_, salt), promised, "again");
    }

    function test_hostile_wallets_hold_cards_too() public {
        HostileWallet hostile = new HostileWallet(HostileWallet.Mood.Reverts);
        memes.mint(address(hostile), 1, 1);
        assertEq(memes.balanceOf(address(hostile), 1), 1, "balance");
        hostile.setMood(HostileWallet.Mood.Silent);
        assertTrue(hostile.mood() == HostileWallet.Mood.Silent, "mood");
    }
}
