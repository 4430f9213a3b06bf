//! The decoder against the reference encoder, and against everything else.

use alloy::primitives::U256;
use alloy::sol_types::SolValue;
use proptest::prelude::*;

use super::*;
use crate::multicall::IMulticall3::Result as Answered;

fn encoded(list: &[(bool, Vec<u8>)]) -> Bytes {
    let list: Vec<_> = list
        .iter()
        .map(|(success, data)| Answered { success: *success, returnData: data.clone().into() })
        .collect();
    list.abi_encode().into()
}

fn list() -> impl Strategy<Value = Vec<(bool, Vec<u8>)>> {
    prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..100)), 0..8)
}

proptest! {
    #[test]
    fn what_solidity_writes_is_read(list in list()) {
        let read = results(&encoded(&list)).unwrap();
        let read: Vec<_> = read.into_iter().map(|(success, data)| (success, data.to_vec())).collect();
        prop_assert_eq!(read, list);
    }

    /// Whatever is read is the canonical encoding of what was read: no second way to say the same.
    #[test]
    fn a_changed_word_is_refused_or_changes_the_meaning(list in list(), at: prop::sample::Index, value: u8) {
        let mut bytes = encoded(&list).to_vec();
        let at = at.index(bytes.len());
        prop_assume!(bytes[at] != value);
        bytes[at] = value;
        let bytes = Bytes::from(bytes);
        if let Some(read) = results(&bytes) {
            let read: Vec<_> = read.into_iter().map(|(success, data)| (success, data.to_vec())).collect();
            prop_assert_eq!(encoded(&read), bytes);
        }
    }

    #[test]
    fn junk_is_refused_without_harm(junk in prop::collection::vec(any::<u8>(), 0..600)) {
        let junk = Bytes::from(junk);
        if let Some(read) = results(&junk) {
            prop_assert!(read.iter().map(|(_, data)| data.len()).sum::<usize>() <= junk.len());
        }
    }

    #[test]
    fn a_cut_or_lengthened_answer_is_refused(list in list(), cut in 1_usize..64) {
        let bytes = encoded(&list);
        prop_assert!(results(&bytes.slice(..bytes.len() - cut)).is_none());
        prop_assert!(results(&[bytes.as_ref(), &vec![0; cut]].concat().into()).is_none());
    }
}

#[test]
fn a_count_beyond_the_answer_is_refused_before_allocating() {
    for count in [2_u64, u64::from(u32::MAX), u64::MAX] {
        let bytes = (U256::from(32), U256::from(count), [0_u8; 32]).abi_encode();
        assert!(results(&bytes.into()).is_none());
    }
}

/// Two results on the same bytes: valid for a lenient decoder, and a way to fill memory.
#[test]
fn shared_bytes_are_refused() {
    let mut bytes = encoded(&[(true, vec![7; 64]), (true, vec![7; 64])]).to_vec();
    let first_offset: [u8; 32] = bytes[64..96].try_into().unwrap();
    bytes[96..128].copy_from_slice(&first_offset);
    assert!(results(&bytes.into()).is_none());
}

fn fact(value: u64) -> (bool, Vec<u8>) {
    (true, U256::from(value).abi_encode())
}

fn request(calls: usize, fragile: usize) -> ReadRequest {
    let call = Call { target: Address::ZERO, data: Bytes::new() };
    ReadRequest { calls: vec![call.clone(); calls], isolated_calls: vec![call; fragile], gas_estimate: 0 }
}

fn stamped(more: &[(bool, Vec<u8>)]) -> Bytes {
    encoded(&[&[fact(1), fact(2), fact(3), fact(4)], more].concat())
}

fn inner(list: &[(bool, Vec<u8>)]) -> (bool, Vec<u8>) {
    (true, encoded(list).to_vec())
}

#[test]
fn the_stamp_needs_four_good_facts() {
    let read = |list: &[_]| decode(&encoded(list), &[]);
    let (facts, parts) = read(&[fact(1), fact(2), fact(3), fact(4)]).unwrap();
    assert_eq!(facts, [0, 1, 2, 3, 4].map(|value| B256::from(U256::from(value))));
    assert!(parts.is_empty());
    assert!(read(&[fact(1), fact(2), fact(3)]).is_none(), "one is missing");
    let failed = (false, U256::from(4).abi_encode());
    assert!(read(&[fact(1), fact(2), fact(3), failed]).is_none(), "one failed");
    assert!(read(&[fact(1), fact(2), fact(3), (true, Vec::new())]).is_none(), "one is empty");
}

#[test]
fn as_many_results_as_calls() {
    let one = request(1, 0);
    assert!(decode(&stamped(&[]), &[&one]).is_none());
    assert!(decode(&stamped(&[fact(5), fact(6)]), &[&one]).is_none());
    let (_, parts) = decode(&stamped(&[fact(5)]), &[&one]).unwrap();
    assert_eq!((parts[0].results.len(), parts[0].isolated_results.as_ref().map(Vec::len)), (1, Some(0)));
}

#[test]
fn isolated_results_are_complete_or_absent() {
    let request = request(1, 2);
    let read = |list: &[_]| decode(&stamped(list), &[&request]).map(|(_, mut parts)| parts.remove(0));
    let part = read(&[fact(5), inner(&[fact(6), fact(7)])]).unwrap();
    assert_eq!((part.results.len(), part.isolated_results.unwrap().len()), (1, 2));
    assert!(read(&[fact(5), (false, Vec::new())]).unwrap().isolated_results.is_none());
    assert!(read(&[fact(5), inner(&[fact(6)])]).is_none(), "one is missing");
    assert!(read(&[fact(5), (true, Vec::new())]).is_none(), "nothing there");
    assert!(read(&[fact(5)]).is_none(), "bundle is missing");
}

#[test]
fn each_request_gets_its_own() {
    let requests = [request(2, 1), request(0, 0), request(1, 2)];
    let requests: Vec<_> = requests.iter().collect();
    let list = [fact(5), fact(6), fact(7), inner(&[fact(8)]), inner(&[fact(9), fact(10)])];
    let (_, parts) = decode(&stamped(&list), &requests).unwrap();
    let numbers = |list: &[CallResult]| list.iter().map(|result| result.data[31]).collect::<Vec<_>>();
    let told: Vec<_> = parts
        .iter()
        .map(|part| (numbers(&part.results), numbers(part.isolated_results.as_ref().unwrap())))
        .collect();
    assert_eq!(told, [(vec![5, 6], vec![8]), (vec![], vec![]), (vec![7], vec![9, 10])]);
}
