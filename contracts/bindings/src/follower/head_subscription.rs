//! New heads over WebSocket, as a bell: what is new is then read like always. So a provider that lies here, or a
//! socket that is dead without saying so or rings without end, costs time and no event.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::reader::label_of;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Without any message for so long the socket counts as dead. Blocks come every 12 s.
const SOCKET_SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
const RECONNECT_INITIAL: Duration = Duration::from_millis(250);
const RECONNECT_MAX: Duration = Duration::from_secs(10);
/// A head has less than a kilobyte.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Rings for every new head, for ever, at one address after the other.
pub(super) async fn subscribe_heads(addresses: &[String], bell: Arc<Notify>) {
    let mut pause = RECONNECT_INITIAL;
    for address in addresses.iter().cycle() {
        let mut heads = 0;
        let why = follow(address, &bell, &mut heads).await;
        tracing::warn!(provider = label_of(address), why, "the WebSocket of an Ethereum provider ended");
        // Whatever happened meanwhile is looked for at once, not at the next poll.
        bell.notify_one();
        pause = if heads > 0 { RECONNECT_INITIAL } else { (pause * 2).min(RECONNECT_MAX) };
        tokio::time::sleep(pause).await;
    }
    // No address: nobody rings.
    std::future::pending::<()>().await;
}

/// Follows one socket until it ends; why it did.
async fn follow(address: &str, bell: &Notify, heads: &mut u64) -> String {
    match read_heads(address, bell, heads).await {
        Ok(()) => "closed".to_owned(),
        Err(why) => why.chars().take(160).collect(),
    }
}

async fn read_heads(address: &str, bell: &Notify, heads: &mut u64) -> Result<(), String> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    // What the library says of an address may hold its key, so only the kind of failure is told.
    let connected = timeout(CONNECT_TIMEOUT, connect_async_with_config(address, Some(config), true)).await;
    let (mut socket, _) =
        connected.map_err(|_| "no connection in time")?.map_err(|_| "cannot be connected to")?;
    let subscribe = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"] });
    socket.send(Message::text(subscribe.to_string())).await.map_err(|_| "cannot subscribe")?;
    loop {
        let message = timeout(SOCKET_SILENCE_TIMEOUT, socket.next()).await;
        match message.map_err(|_| "silent")? {
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<Value>(&text) {
                Ok(told) if told["method"] == "eth_subscription" => {
                    *heads += 1;
                    bell.notify_one();
                }
                // A block may have come between the last look and this subscription.
                Ok(told) if told["result"].is_string() => bell.notify_one(),
                Ok(told) if told.get("error").is_some() => return Err("refuses the subscription".to_owned()),
                _ => return Err("says what is not JSON-RPC".to_owned()),
            },
            Some(Ok(_)) => {}
            Some(Err(_)) => return Err("broke".to_owned()),
            None => return Ok(()),
        }
    }
}
