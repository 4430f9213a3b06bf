//! Connected clients, from the status file that OpenVPN writes every second.

use std::path::Path;

/// A thousand clients take about 150 kB.
const MAX_FILE_BYTES: u64 = 4 * 1024 * 1024;

/// A connected client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Client {
    pub(super) name: String,
    pub(super) address: Option<String>,
}

/// Reads the connected clients from the status file, which may be outdated.
pub(super) async fn read(path: &Path) -> Vec<Client> {
    let small = tokio::fs::metadata(path).await.is_ok_and(|meta| meta.len() <= MAX_FILE_BYTES);
    let text = if small { tokio::fs::read_to_string(path).await.unwrap_or_default() } else { String::new() };
    parse(&text)
}

fn parse(text: &str) -> Vec<Client> {
    let mut clients: Vec<Client> = Vec::new();
    let mut routes = false;
    for line in text.lines() {
        routes |= line == "ROUTING TABLE";
        let mut fields = line.split(',');
        let (Some(first), Some(second)) = (fields.next(), fields.next()) else { continue };
        if !routes && super::pki::is_name(first) {
            clients.push(Client { name: first.to_owned(), address: None });
        } else if routes && super::pki::is_name(second) {
            let client = clients.iter_mut().find(|client| client.name == second);
            if let Some(client) = client {
                client.address.get_or_insert_with(|| first.to_owned());
            }
        }
    }
    clients
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_clients_with_their_addresses() {
        let name = "0f3c1f6e-6f0a-4b7e-8d11-0123456789ab";
        let text = format!(
            "OpenVPN CLIENT LIST\nUpdated,2026-01-01 00:00:00\nCommon Name,Real Address,Bytes Received,Bytes Sent,\
             Connected Since\n{name},10.0.0.2:1194,5,6,2026-01-01 00:00:00\nUNDEF,10.0.0.3:1194,5,6,x\n\
             ROUTING TABLE\nVirtual Address,Common Name,Real Address,Last Ref\n\
             10.8.0.2,{name},10.0.0.2:1194,2026-01-01 00:00:00\nGLOBAL STATS\nMax bcast/mcast queue length,0\nEND\n"
        );
        let client = Client { name: name.to_owned(), address: Some("10.8.0.2".to_owned()) };
        assert_eq!(parse(&text), [client]);
        assert_eq!(parse(""), []);
        assert_eq!(parse(&text[..text.len() / 3]), []);
    }
}
