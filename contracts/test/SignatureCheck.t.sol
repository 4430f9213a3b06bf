// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {SignatureCheck} from "../src/reader/SignatureCheck.sol";
import {HostileWallet} from "../src/test/wallets/HostileWallet.sol";
import {SmartWallet} from "../src/test/wallets/SmartWallet.sol";
import {WalletFactory} from "../src/test/wallets/WalletFactory.sol";
import {BaseTest} from "./utils/BaseTest.sol";

contract SignatureCheckTest is BaseTest {
    bytes32 private constant MAGIC = 0x6492649264926492649264926492649264926492649264926492649264926492;
    uint256 private constant KEY = 0xA11CE;
    uint256 private constant OTHER_KEY = 0xB0B;
    bytes32 private constant HASH = keccak256("sign in");

    WalletFactory private factory = new WalletFactory();
    address private owner = vm.addr(KEY);

    struct Answer {
        bool verdict;
        uint256 chainId;
        uint256 number;
        uint256 time;
        bytes32 parent;
    }

    /// @dev Runs the check the way a node does: as creation code, within the gas that the reader gives.
    function _ask(address signer, bytes memory signature) private returns (Answer memory) {
        bytes memory code =
            abi.encodePacked(type(SignatureCheck).creationCode, abi.encode(signer, HASH, signature));
        return abi.decode(this.run{gas: 14_000_000}(code), (Answer));
    }

    function run(bytes memory code) external returns (bytes memory) {
        address made;
        assembly ("memory-safe") {
            made := create(0, add(code, 32), mload(code))
        }
        if (made == address(0)) revert("the check itself reverted");
        return made.code;
    }

    function _accepts(address signer, bytes memory signature) private returns (bool) {
        return _ask(signer, signature).verdict;
    }

    function _sign(uint256 key) private pure returns (bytes memory) {
        (uint8 v, bytes32 r, bytes32 s) = vm.sign(key, HASH);
        return abi.encodePacked(r, s, v);
    }

    function _wrap(address maker, bytes memory order, bytes memory inner)
        private
        pure
        returns (bytes memory)
    {
        return abi.encodePacked(abi.encode(maker, order, inner), MAGIC);
    }

    function _order(address owner_) private pure returns (bytes memory) {
        return abi.encodeCall(WalletFactory.deploy, (owner_, bytes32(0)));
    }

    function test_a_deployed_wallet_accepts_its_owner_only() public {
        address wallet = address(new SmartWallet(owner));
        assertTrue(_accepts(wallet, _sign(KEY)), "owner");
        assertFalse(_accepts(wallet, _sign(OTHER_KEY)), "somebody else");
        assertFalse(_accepts(wallet, ""), "empty");
    }

    function test_a_wallet_to_come_is_deployed_for_the_question() public {
        address wallet = factory.addressOf(owner, 0);
        assertFalse(_accepts(wallet, _sign(KEY)), "without a factory there is no code");
        assertTrue(_accepts(wallet, _wrap(address(factory), _order(owner), _sign(KEY))), "owner");
        assertFalse(_accepts(wallet, _wrap(address(factory), _order(owner), _sign(OTHER_KEY))), "stranger");
    }

    function test_a_factory_that_deploys_another_wallet_proves_nothing() public {
        address wallet = factory.addressOf(owner, 0);
        bytes memory order = _order(vm.addr(OTHER_KEY));
        assertFalse(_accepts(wallet, _wrap(address(factory), order, _sign(OTHER_KEY))), "other wallet");
        assertFalse(_accepts(owner, _wrap(address(factory), order, _sign(OTHER_KEY))), "a plain account");
        assertFalse(_accepts(wallet, _wrap(address(0xdead), order, _sign(KEY))), "no factory");
    }

    function test_a_wrapped_signature_works_for_a_deployed_wallet() public {
        address wallet = factory.deploy(owner, 0);
        assertTrue(_accepts(wallet, _wrap(address(factory), _order(owner), _sign(KEY))), "owner");
        assertTrue(_accepts(wallet, _wrap(address(0xdead), hex"00", _sign(KEY))), "the factory is not asked");
    }

    function test_hostile_wallets_are_refused_within_the_gas() public {
        for (uint8 mood = 0; mood <= uint8(HostileWallet.Mood.HugeAnswer); ++mood) {
            address wallet = address(new HostileWallet(HostileWallet.Mood(mood)));
            assertFalse(_accepts(wallet, _sign(KEY)), "hostile wallet");
        }
    }

    function test_a_hostile_factory_is_refused_within_the_gas() public {
        for (uint8 mood = 0; mood <= uint8(HostileWallet.Mood.HugeAnswer); ++mood) {
            address maker = address(new HostileWallet(HostileWallet.Mood(mood)));
            assertFalse(_accepts(address(0x1234), _wrap(maker, hex"00", _sign(KEY))), "hostile factory");
        }
    }

    function test_a_plain_account_has_no_say_here() public {
        assertFalse(_accepts(owner, _sign(KEY)), "keys are checked without asking the chain");
    }

    /// @notice Whatever stands before the magic word, the answer is a verdict and never a revert.
    function test_broken_wrappings_are_refused(bytes memory junk) public {
        address wallet = factory.addressOf(owner, 0);
        assertFalse(_accepts(wallet, abi.encodePacked(junk, MAGIC)), "junk");
    }

    function test_offsets_and_sizes_out_of_bounds_are_refused(uint256 a, uint256 b, uint256 size) public {
        address wallet = factory.deploy(owner, 0);
        bytes memory body = abi.encode(uint256(uint160(address(factory))), a, b, size, size);
        vm.assume(a > 128 || b > 128 || size > 32);
        vm.assume(size > 32);
        assertFalse(_accepts(wallet, abi.encodePacked(body, MAGIC)), "out of bounds");
    }

    function test_a_factory_beyond_an_address_is_refused() public {
        address wallet = factory.deploy(owner, 0);
        bytes memory body = abi.encode(uint256(1) << 160, uint256(96), uint256(128), uint256(0), uint256(0));
        assertFalse(_accepts(wallet, abi.encodePacked(body, MAGIC)), "dirty address");
    }

    function test_the_answer_names_chain_and_block() public {
        vm.chainId(31337);
        vm.roll(77);
        vm.warp(1_800_000_000);
        Answer memory answer = _ask(address(1), "");
        assertEq(answer.chainId, 31337, "chain");
        assertEq(answer.number, 77, "number");
        assertEq(answer.time, 1_800_000_000, "time");
        assertEq(answer.parent, blockhash(76), "parent");
    }
}
