// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.28;

import {DelegateRegistry} from "../../src/test/delegation/DelegateRegistry.sol";
import {IDelegateRegistry} from "../../src/test/delegation/IDelegateRegistry.sol";
import {BaseTest} from "../utils/BaseTest.sol";

contract DelegateRegistryTest is BaseTest {
    address private constant MEMES = address(0x33FD);
    bytes32 private constant RIGHT = "vpn";

    DelegateRegistry private registry = new DelegateRegistry();
    address private hot = address(0x1107);
    address private vault = address(0xC01D);
    address private stranger = address(0x5742);

    function _one(address to) private view returns (IDelegateRegistry.Delegation memory) {
        IDelegateRegistry.Delegation[] memory list = registry.getIncomingDelegations(to);
        assertEq(list.length, 1, "delegations");
        return list[0];
    }

    function test_all_covers_everything() public {
        vm.prank(vault);
        registry.delegateAll(hot, 0, true);
        assertTrue(registry.checkDelegateForAll(hot, vault, 0), "all");
        assertTrue(registry.checkDelegateForContract(hot, vault, MEMES, 0), "contract");
        assertTrue(registry.checkDelegateForERC721(hot, vault, MEMES, 1, 0), "token");
        assertEq(registry.checkDelegateForERC20(hot, vault, MEMES, 0), type(uint256).max, "amount");
        assertEq(registry.checkDelegateForERC1155(hot, vault, MEMES, 1, 0), type(uint256).max, "cards");
        IDelegateRegistry.Delegation memory d = _one(hot);
        assertEq(uint8(d.type_), 1, "type");
        assertEq(d.from, vault, "from");
        assertEq(d.to, hot, "to");
        assertEq(d.contract_, address(0), "contract");
    }

    function test_the_direction_matters() public {
        vm.prank(hot);
        registry.delegateAll(vault, 0, true);
        assertFalse(registry.checkDelegateForAll(hot, vault, 0), "the other way round");
        assertEq(registry.getIncomingDelegations(hot).length, 0, "incoming");
        assertEq(registry.getOutgoingDelegations(hot).length, 1, "outgoing");
    }

    function test_contract_covers_its_tokens_only() public {
        vm.prank(vault);
        registry.delegateContract(hot, MEMES, 0, true);
        assertFalse(registry.checkDelegateForAll(hot, vault, 0), "not all");
        assertTrue(registry.checkDelegateForContract(hot, vault, MEMES, 0), "contract");
        assertFalse(registry.checkDelegateForContract(hot, vault, address(1), 0), "other contract");
        assertEq(registry.checkDelegateForERC1155(hot, vault, MEMES, 7, 0), type(uint256).max, "card");
        assertEq(_one(hot).contract_, MEMES, "contract survives its packing");
    }

    function test_erc1155_covers_its_id_up_to_the_amount(uint256 id, uint256 amount) public {
        vm.assume(amount != 0 && id != type(uint256).max);
        vm.prank(vault);
        registry.delegateERC1155(hot, MEMES, id, 0, amount);
        assertEq(registry.checkDelegateForERC1155(hot, vault, MEMES, id, 0), amount, "amount");
        assertEq(registry.checkDelegateForERC1155(hot, vault, MEMES, id + 1, 0), 0, "other id");
        assertFalse(registry.checkDelegateForContract(hot, vault, MEMES, 0), "not the contract");
        IDelegateRegistry.Delegation memory d = _one(hot);
        assertEq(uint8(d.type_), 5, "type");
        assertEq(d.tokenId, id, "id");
        assertEq(d.amount, amount, "amount told");
    }

    function test_erc20_and_erc721() public {
        vm.startPrank(vault);
        registry.delegateERC20(hot, MEMES, 0, 5);
        registry.delegateERC721(hot, MEMES, 9, 0, true);
        assertEq(registry.checkDelegateForERC20(hot, vault, MEMES, 0), 5, "amount");
        assertTrue(registry.checkDelegateForERC721(hot, vault, MEMES, 9, 0), "token");
        assertFalse(registry.checkDelegateForERC721(hot, vault, MEMES, 8, 0), "other token");
        assertEq(registry.checkDelegateForERC1155(hot, vault, MEMES, 9, 0), 0, "neither is a card");
        registry.delegateERC20(hot, MEMES, 0, 0);
        assertEq(registry.checkDelegateForERC20(hot, vault, MEMES, 0), 0, "revoked");
    }

    function test_a_right_covers_itself_and_a_full_delegation_covers_every_right() public {
        vm.prank(vault);
        registry.delegateAll(hot, RIGHT, true);
        assertTrue(registry.checkDelegateForAll(hot, vault, RIGHT), "the right");
        assertFalse(registry.checkDelegateForAll(hot, vault, 0), "not a full delegation");
        assertFalse(registry.checkDelegateForAll(hot, vault, "other"), "not another right");
        assertEq(_one(hot).rights, RIGHT, "right told");
        vm.prank(vault);
        registry.delegateAll(stranger, 0, true);
        assertTrue(registry.checkDelegateForAll(stranger, vault, RIGHT), "full covers any right");
    }

    function test_revoking_and_renewing_lists_once() public {
        vm.startPrank(vault);
        registry.delegateContract(hot, MEMES, 0, true);
        registry.delegateContract(hot, MEMES, 0, false);
        assertFalse(registry.checkDelegateForContract(hot, vault, MEMES, 0), "revoked");
        assertEq(registry.getIncomingDelegations(hot).length, 0, "not told");
        assertFalse(
            registry.checkDelegateForContract(hot, address(1), MEMES, 0), "nobody owns what is revoked"
        );
        registry.delegateContract(hot, MEMES, 0, true);
        registry.delegateContract(hot, MEMES, 0, true);
        assertEq(registry.getIncomingDelegationHashes(hot).length, 1, "once");
        assertEq(registry.getOutgoingDelegationHashes(vault).length, 1, "once");
    }

    function test_only_the_giver_revokes() public {
        vm.prank(vault);
        registry.delegateAll(hot, 0, true);
        vm.prank(stranger);
        registry.delegateAll(hot, 0, false);
        assertTrue(registry.checkDelegateForAll(hot, vault, 0), "still there");
    }

    function test_nobody_speaks_for_the_zero_address() public view {
        assertFalse(registry.checkDelegateForAll(hot, address(0), 0), "zero");
        assertEq(registry.checkDelegateForERC1155(hot, address(0), MEMES, 1, 0), 0, "zero, card");
    }

    function test_hashes_and_storage_are_the_published_ones() public {
        vm.prank(vault);
        bytes32 hash = registry.delegateERC1155(hot, MEMES, 3, RIGHT, 2);
        bytes32 expected = keccak256(abi.encodePacked(RIGHT, vault, hot, MEMES, uint256(3)));
        assertEq(hash, (expected << 8) | bytes32(uint256(5)), "hash");
        bytes32 location = keccak256(abi.encode(hash, 0));
        assertEq(address(uint160(uint256(registry.readSlot(location)))), vault, "owner in the first word");
        bytes32[] memory slots = new bytes32[](2);
        slots[0] = bytes32(uint256(location) + 2);
        slots[1] = bytes32(uint256(location) + 4);
        assertEq(registry.readSlots(slots)[0], RIGHT, "right in the third");
        assertEq(uint256(registry.readSlots(slots)[1]), 2, "amount in the fifth");
    }

    function test_unknown_hashes_load_empty() public view {
        bytes32[] memory hashes = new bytes32[](1);
        hashes[0] = keccak256("unknown");
        IDelegateRegistry.Delegation memory d = registry.getDelegationsFromHashes(hashes)[0];
        assertEq(uint8(d.type_), 0, "type");
        assertEq(d.from, address(0), "from");
    }

    function test_multicall_writes_several_or_nothing() public {
        bytes[] memory calls = new bytes[](2);
        calls[0] = abi.encodeCall(IDelegateRegistry.delegateAll, (hot, 0, true));
        calls[1] = abi.encodeCall(IDelegateRegistry.delegateContract, (hot, MEMES, 0, true));
        vm.startPrank(vault);
        registry.multicall(calls);
        assertEq(registry.getOutgoingDelegations(vault).length, 2, "both");
        calls[1] = hex"deadbeef";
        vm.expectRevert(IDelegateRegistry.MulticallFailed.selector);
        registry.multicall(calls);
    }

    function test_interface_and_events() public {
        assertTrue(registry.supportsInterface(type(IDelegateRegistry).interfaceId), "its own");
        assertTrue(registry.supportsInterface(0x01ffc9a7), "ERC-165");
        assertFalse(registry.supportsInterface(0xffffffff), "none");
        vm.expectEmit(true, true, true, true, address(registry));
        emit IDelegateRegistry.DelegateERC1155(vault, hot, MEMES, 3, RIGHT, 2);
        vm.prank(vault);
        registry.delegateERC1155(hot, MEMES, 3, RIGHT, 2);
    }
}
