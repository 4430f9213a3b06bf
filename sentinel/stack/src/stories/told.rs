//! The stories themselves.

use anyhow::{Result, ensure};

use super::Ending;
use super::people::Participant;
use crate::Stack;
use crate::actors::{Refusal, Wallet};

pub(super) async fn no_sign_in(stack: &Stack) -> Result<Ending> {
    let person = Participant::arrive(stack, "stranger").await?;
    let session = person.direct_session().await?;
    person.must_be_refused(session, 103).await
}

pub(super) async fn no_card(stack: &Stack) -> Result<Ending> {
    let (site, wallet) = (stack.sign_in()?, Wallet::fresh());
    let account = stack.hub().poor_account("cardless").await?;
    let challenge = site.challenge(wallet.address(), &account.address, None).await?;
    let answer = site.bind(&challenge.message, &wallet.sign(&challenge.message)?).await?;
    ensure!(answer.refusal() == (403, Some(105)), "answered with {:?}", answer.refusal());
    Ok(Ending::Refused { refusal: Refusal { text: answer.message().to_owned() } })
}

pub(super) async fn other_card(stack: &Stack) -> Result<Ending> {
    let ethereum = stack.ethereum()?;
    let person = Participant::arrive(stack, "collector").await?;
    let wallet = ethereum.holder(&[ethereum.other_card()]).await?;
    let binding = person.sign_in(&wallet).await?;
    ensure!(binding["tier"] == "paid", "the binding is {binding}");
    let before = stack.hub().balance(&person.account.address).await?;
    let session = person.plan_session(stack.info().plans.paid).await?;
    let paid = before.saturating_sub(stack.hub().balance(&person.account.address).await?);
    person.must_connect(session, "paid", &format!("paid plan, {paid} udvpn with fees")).await
}

pub(super) async fn this_card(stack: &Stack) -> Result<Ending> {
    let ethereum = stack.ethereum()?;
    let person = Participant::arrive(stack, "insider").await?;
    let wallet = ethereum.holder(&[ethereum.this_card()]).await?;
    let binding = person.sign_in(&wallet).await?;
    ensure!(binding["tier"] == "free", "the binding is {binding}");
    let session = person.plan_session(stack.info().plans.free).await?;
    person.must_connect(session, "free", "free plan, fees only").await
}

pub(super) async fn other_card_on_free_plan(stack: &Stack) -> Result<Ending> {
    let ethereum = stack.ethereum()?;
    let person = Participant::arrive(stack, "freerider").await?;
    let wallet = ethereum.holder(&[ethereum.other_card()]).await?;
    person.sign_in(&wallet).await?;
    let session = person.plan_session(stack.info().plans.free).await?;
    person.must_be_refused(session, 106).await
}

pub(super) async fn cold_vault(stack: &Stack) -> Result<Ending> {
    let ethereum = stack.ethereum()?;
    let person = Participant::arrive(stack, "careful").await?;
    let (vault, hot) = (ethereum.holder(&[ethereum.other_card()]).await?, Wallet::fresh());
    ethereum.delegate_6529(vault.address(), hot.address()).await?;
    let binding = person.sign_in(&hot).await?;
    ensure!(binding["vault"] == vault.address().to_string(), "the binding is {binding}");
    let session = person.direct_session().await?;
    person.must_connect(session, "paid", "paid to the node by the gigabyte").await
}

pub(super) async fn zero_click(stack: &Stack) -> Result<Ending> {
    let ethereum = stack.ethereum()?;
    let person = Participant::arrive(stack, "lazy").await?;
    let vault = ethereum.holder(&[ethereum.this_card()]).await?;
    ethereum.delegate_6529(vault.address(), person.account.ethereum()).await?;
    let session = person.plan_session(stack.info().plans.free).await?;
    person.must_connect(session, "free", "free plan, fees only").await
}
