//! Lists that are longer than anything true.

use sentinel_proto::{
    hub::{EndpointFault, HubError},
    wire::cosmos::authz::v1beta1::Grant,
};

use super::*;

async fn ask(hub: &HubClient) -> Result<usize, HubError> {
    let asked = hub.authorizations(&ACCOUNT, &ACCOUNT);
    let answer = tokio::time::timeout(Duration::from_secs(60), asked).await.expect("an end");
    answer.map(|grants| grants.len())
}

fn grants(count: usize) -> Vec<Grant> {
    vec![Grant { authorization: Some(prost_types::Any::default()), expiration: None }; count]
}

#[tokio::test]
async fn rejects_page_over_the_requested_limit() {
    let (endless, good) = (stub(), stub());
    endless.state().grants = grants(2001);
    good.state().grants = grants(2000);
    assert_eq!(ask(&client(&[endless.addr(), good.addr()])).await.unwrap(), 2000);
    assert!(matches!(causes(ask(&client(&[endless.addr()])).await)[..], [EndpointFault::Answer(_)]));
}

#[tokio::test]
async fn rejects_list_with_a_page_cycle() {
    let stub = stub();
    stub.state().next_page_key = |asked| vec![u8::try_from(asked % 3).unwrap()];
    assert!(matches!(causes(ask(&client(&[stub.addr()])).await)[..], [EndpointFault::Answer(_)]));
    assert!(stub.state().count("Grants") <= 4);
}

#[tokio::test]
async fn endless_list_ends_with_an_error() {
    let stub = stub();
    stub.state().next_page_key = |asked| asked.to_be_bytes().to_vec();
    stub.state().grants = grants(2000);
    let config = HubConfig {
        grpc_addrs: vec![stub.addr().to_string()],
        chain_id: CHAIN.to_owned(),
        timeout: Duration::from_secs(20),
    };
    let problem = ask(&HubClient::new(config).unwrap()).await.unwrap_err();
    assert!(matches!(problem, HubError::Inconsistent(_)), "{problem}");
    assert_eq!(stub.state().count("Grants"), 51);
}

#[tokio::test]
async fn slow_list_ends_within_the_timeout() {
    let stub = stub();
    stub.state().next_page_key = |asked| asked.to_be_bytes().to_vec();
    stub.state().grants = grants(1);
    stub.state().delay = TIMEOUT / 3;
    let start = Instant::now();
    assert!(matches!(causes(ask(&client(&[stub.addr()])).await)[..], [EndpointFault::Timeout(_)]));
    assert!(start.elapsed() < TIMEOUT * 4, "{:?}", start.elapsed());
}
