//! Users of an inbound.

use std::collections::BTreeSet;

use sentinel_proto::handshake::PeerId;
use tonic::Code;

use super::{Api, Dialect, Inbound, User, is_about_user};
use crate::TunnelError;

#[derive(Clone, PartialEq, prost::Message)]
struct WhichUsers {
    #[prost(string, tag = "1")]
    tag: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct Users {
    #[prost(message, repeated, tag = "1")]
    users: Vec<User>,
}

impl Api {
    /// Lists the users of these inbounds. `None` if the service cannot list them; a recent Xray can.
    pub(in crate::v2ray) async fn listed(
        &mut self,
        inbounds: &[Inbound],
    ) -> Result<Option<BTreeSet<String>>, TunnelError> {
        let mut all = BTreeSet::new();
        for inbound in inbounds {
            match self.users(inbound).await? {
                Some(users) => all.extend(users),
                None => return Ok(None),
            }
        }
        Ok(Some(all))
    }

    /// Whether a user is in an inbound. If the service does not list users, the driver adds another user of the same
    /// name with a random id: the service refuses if the name is taken, else the driver removes that user at once.
    pub(in crate::v2ray) async fn has(
        &mut self,
        inbound: &Inbound,
        email: &str,
    ) -> Result<bool, TunnelError> {
        if let Some(users) = self.users(inbound).await? {
            return Ok(users.contains(email));
        }
        let nobody = PeerId::Uuid(rand::random()).to_string();
        match self.try_add(inbound, email, &nobody).await? {
            Ok(()) => self.remove(&inbound.tag, email).await.map(|_| false),
            Err(status) if is_about_user(&status, email, "already exists") => Ok(true),
            Err(status) => Err(TunnelError::refused(self.dialect.name(), status.message())),
        }
    }

    async fn users(&mut self, inbound: &Inbound) -> Result<Option<BTreeSet<String>>, TunnelError> {
        if self.dialect == Dialect::V2Ray {
            return Ok(None);
        }
        let question = WhichUsers { tag: inbound.tag.clone() };
        match self.call("proxyman.command.HandlerService/GetInboundUsers", question).await? {
            Ok(Users { users }) => Ok(Some(users.into_iter().map(|user| user.email).collect())),
            Err(status) if status.code() == Code::Unimplemented => Ok(None),
            Err(status) => Err(TunnelError::refused(self.dialect.name(), status.message())),
        }
    }
}
