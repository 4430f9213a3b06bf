//! Subscription to new heads over WebSocket. It only triggers a poll, which reads the blocks through the quorum: a
//! lying provider, a silent socket or a flood of announcements costs time, never an event.

use std::sync::Arc;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use service_backoff::ExponentialBackoff;
use tokio::sync::Notify;
use tokio::time::timeout;
use tokio_tungstenite::connect_async_with_config;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;

use crate::reader::label_of;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Maximum time without a message before the socket counts as dead. Blocks come every 12 s.
const SOCKET_SILENCE_TIMEOUT: Duration = Duration::from_secs(60);
const RECONNECT_INITIAL: Duration = Duration::from_millis(250);
const RECONNECT_MAX: Duration = Duration::from_secs(10);
/// Maximum message size. A head has less than a kilobyte.
const MAX_MESSAGE_BYTES: usize = 64 << 10;

/// Notifies `new_head` of every new head and after every disconnect. Cycles through `addresses`; never returns.
pub(super) async fn subscribe_heads(addresses: &[String], new_head: Arc<Notify>) {
    let backoff = ExponentialBackoff::new(RECONNECT_INITIAL, RECONNECT_MAX);
    let mut failures = 0_u32;
    for address in addresses.iter().cycle() {
        let mut heads = 0;
        let reason = run_socket(address, &new_head, &mut heads).await;
        tracing::warn!(
            provider = label_of(address),
            why = reason,
            "the WebSocket of an Ethereum provider ended"
        );
        // Blocks missed while disconnected are read now, not at the next poll.
        new_head.notify_one();
        failures = if heads > 0 { 0 } else { failures.saturating_add(1) };
        tokio::time::sleep(backoff.delay(failures)).await;
    }
    // Without an address no head is announced.
    std::future::pending::<()>().await;
}

/// Reads one socket until it ends and returns the reason.
async fn run_socket(address: &str, new_head: &Notify, heads: &mut u64) -> String {
    match read_heads(address, new_head, heads).await {
        Ok(()) => "closed".to_owned(),
        Err(reason) => reason.chars().take(160).collect(),
    }
}

async fn read_heads(address: &str, new_head: &Notify, heads: &mut u64) -> Result<(), String> {
    let config = WebSocketConfig::default()
        .max_message_size(Some(MAX_MESSAGE_BYTES))
        .max_frame_size(Some(MAX_MESSAGE_BYTES));
    // The library's error may contain the address with its key, so only the kind of failure is reported.
    let connected = timeout(CONNECT_TIMEOUT, connect_async_with_config(address, Some(config), true)).await;
    let (mut socket, _) =
        connected.map_err(|_| "no connection in time")?.map_err(|_| "cannot be connected to")?;
    let subscribe = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": ["newHeads"] });
    socket.send(Message::text(subscribe.to_string())).await.map_err(|_| "cannot subscribe")?;
    loop {
        let message = timeout(SOCKET_SILENCE_TIMEOUT, socket.next()).await;
        match message.map_err(|_| "silent")? {
            Some(Ok(Message::Text(text))) => match serde_json::from_str::<Value>(&text) {
                Ok(message) if message["method"] == "eth_subscription" => {
                    *heads += 1;
                    new_head.notify_one();
                }
                // A block may have arrived between the last poll and this subscription.
                Ok(message) if message["result"].is_string() => new_head.notify_one(),
                Ok(message) if message.get("error").is_some() => {
                    return Err("refuses the subscription".to_owned());
                }
                _ => return Err("says what is not JSON-RPC".to_owned()),
            },
            Some(Ok(_)) => {}
            Some(Err(_)) => return Err("broke".to_owned()),
            None => return Ok(()),
        }
    }
}
