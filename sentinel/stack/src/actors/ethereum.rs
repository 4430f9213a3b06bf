//! Holders and their transactions on the EVM chain.

use alloy::primitives::{Address, B256, U256};
use alloy::sol;
use alloy::sol_types::SolCall;
use anyhow::{Context as _, Result};
use sovereign_contracts::delegate_registry::IDelegateRegistry;
use sovereign_contracts::dev::{Artifact, DevChain};
use sovereign_contracts::memes::IMemes;
use sovereign_contracts::nft_delegation::{
    ALL_COLLECTIONS, INFTDelegation, USE_CASE_ALL, USE_CASE_CONSOLIDATION,
};

use super::Wallet;
use crate::info::EthereumInfo;

sol! {
    interface IErc1155 {
        function safeTransferFrom(address from, address to, uint256 id, uint256 amount, bytes data) external;
    }
    interface IWalletFactory {
        function deploy(address owner, bytes32 salt) external returns (address wallet);
        function addressOf(address owner, bytes32 salt) external view returns (address);
    }
}

/// Serialises transactions: two concurrent ones of one sender would get the same nonce.
static TRANSACTION_LOCK: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

/// The EVM chain. Transactions need no key: the chain accepts any sender.
#[derive(Debug, Clone)]
pub struct Ethereum {
    chain: DevChain,
    deployer: Address,
    memes: Address,
    nft_delegation: Address,
    delegate_registry: Address,
    wallets: Address,
    this_card: u64,
    other_card: u64,
}

impl Ethereum {
    pub(crate) fn on(info: &EthereumInfo) -> Result<Self> {
        let address = |text: &str| text.parse::<Address>().with_context(|| format!("not an address: {text}"));
        Ok(Self {
            chain: DevChain::new(info.rpc.clone()),
            deployer: Wallet::of(&info.deployer_key)?.address(),
            memes: address(&info.memes)?,
            nft_delegation: address(&info.nft_delegation)?,
            delegate_registry: address(&info.delegate_registry)?,
            wallets: address(info.contracts.get("WalletFactory").context("no WalletFactory")?)?,
            this_card: info.this_card.parse()?,
            other_card: info.other_card.parse()?,
        })
    }

    /// The chain itself: raw calls, time, further contracts.
    pub fn chain(&self) -> &DevChain {
        &self.chain
    }

    /// The collection.
    pub fn memes(&self) -> Address {
        self.memes
    }

    /// Owner of the test contracts; it may mint.
    pub fn deployer(&self) -> Address {
        self.deployer
    }

    /// Id of THIS card.
    pub fn this_card(&self) -> u64 {
        self.this_card
    }

    /// Id of one of the other cards.
    pub fn other_card(&self) -> u64 {
        self.other_card
    }

    /// A new wallet that holds one of each of these cards.
    pub async fn holder(&self, cards: &[u64]) -> Result<Wallet> {
        let wallet = Wallet::fresh();
        for card in cards {
            self.mint(wallet.address(), *card).await?;
        }
        Ok(wallet)
    }

    /// The first id of which there is no card yet.
    pub async fn next_card(&self) -> Result<u64> {
        let mut card = 1;
        while !self.chain.view(self.memes, &IMemes::totalSupplyCall { id: U256::from(card) }).await?.is_zero()
        {
            card += 1;
        }
        Ok(card)
    }

    /// Mints one card, of an id that exists or a new one.
    pub async fn mint(&self, to: Address, card: u64) -> Result<()> {
        let _turn = TRANSACTION_LOCK.lock().await;
        Ok(self.chain.mint(self.deployer, self.memes, to, card).await?)
    }

    /// Transfers one card.
    pub async fn transfer(&self, from: Address, to: Address, card: u64) -> Result<()> {
        let call = IErc1155::safeTransferFromCall {
            from,
            to,
            id: U256::from(card),
            amount: U256::from(1),
            data: Vec::new().into(),
        };
        self.send(from, self.memes, &call).await
    }

    /// `vault` delegates the whole collection to `hot` with 6529's contract, for all uses, without an end.
    pub async fn delegate_6529(&self, vault: Address, hot: Address) -> Result<()> {
        self.register_6529(vault, self.memes, hot, USE_CASE_ALL, None, None).await
    }

    /// Any registration with 6529's contract. `expiry` is a time of the chain, `token` limits it to one card.
    pub async fn register_6529(
        &self,
        from: Address,
        collection: Address,
        delegate: Address,
        use_case: u64,
        expiry: Option<u64>,
        token: Option<u64>,
    ) -> Result<()> {
        // Expiry that the page of 6529 writes for "no end".
        const NEVER: u64 = 64_060_588_800;
        let call = INFTDelegation::registerDelegationAddressCall {
            collection,
            delegate,
            expiry: U256::from(expiry.unwrap_or(NEVER)),
            useCase: U256::from(use_case),
            allTokens: token.is_none(),
            tokenId: U256::from(token.unwrap_or(0)),
        };
        self.send(from, self.nft_delegation, &call).await
    }

    /// Revokes a registration with the contract of 6529.
    pub async fn revoke_6529(
        &self,
        from: Address,
        collection: Address,
        delegate: Address,
        use_case: u64,
    ) -> Result<()> {
        let call = INFTDelegation::revokeDelegationAddressCall {
            collection,
            delegate,
            useCase: U256::from(use_case),
        };
        self.send(from, self.nft_delegation, &call).await
    }

    /// Consolidates two wallets; both register it.
    pub async fn consolidate(&self, one: Address, other: Address) -> Result<()> {
        for (from, to) in [(one, other), (other, one)] {
            self.register_6529(from, ALL_COLLECTIONS, to, USE_CASE_CONSOLIDATION, None, None).await?;
        }
        Ok(())
    }

    /// `vault` delegates its whole wallet to `hot` at delegate.xyz, or ends that.
    pub async fn delegate_xyz(&self, vault: Address, hot: Address, enable: bool) -> Result<()> {
        let call = IDelegateRegistry::delegateAllCall { to: hot, rights: B256::ZERO, enable };
        self.send(vault, self.delegate_registry, &call).await
    }

    /// `vault` delegates one contract to `hot` at delegate.xyz with these rights (zero: all), or ends that.
    pub async fn delegate_xyz_contract(
        &self,
        vault: Address,
        hot: Address,
        contract_: Address,
        rights: B256,
        enable: bool,
    ) -> Result<()> {
        let call = IDelegateRegistry::delegateContractCall { to: hot, contract_, rights, enable };
        self.send(vault, self.delegate_registry, &call).await
    }

    /// A contract wallet (EIP-1271) of this owner.
    pub async fn contract_wallet(&self, owner: Address) -> Result<Address> {
        let argument = owner.into_word();
        Ok(self.chain.deploy(self.deployer, Artifact::SmartWallet, argument.as_slice()).await?)
    }

    /// Where the factory would deploy the contract wallet of this owner, the factory, and the call that does it:
    /// what a signature of a wallet that is not deployed yet (ERC-6492) carries.
    pub async fn undeployed_wallet(&self, owner: Address, salt: B256) -> Result<(Address, Address, Vec<u8>)> {
        let call = IWalletFactory::addressOfCall { owner, salt }.abi_encode();
        let request = serde_json::json!([{ "to": self.wallets, "data": alloy::primitives::Bytes::from(call) }, "latest"]);
        let answer = self.chain.rpc("eth_call", request).await?;
        let word: B256 = answer.as_str().context("the factory gives no address")?.parse()?;
        Ok((Address::from_word(word), self.wallets, IWalletFactory::deployCall { owner, salt }.abi_encode()))
    }

    /// Sends a call from any address and fails unless it succeeds.
    pub async fn send<C: SolCall + Sync>(&self, from: Address, to: Address, call: &C) -> Result<()> {
        let _turn = TRANSACTION_LOCK.lock().await;
        Ok(self.chain.call(from, to, call).await?)
    }
}
