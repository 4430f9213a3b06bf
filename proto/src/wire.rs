//! The hub's messages as they are on the wire, generated from `proto/`.

#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "generated code")]

pub mod cosmos {
    pub mod auth {
        pub mod v1beta1 {
            tonic::include_proto!("cosmos.auth.v1beta1");
        }
    }
    pub mod authz {
        pub mod v1beta1 {
            tonic::include_proto!("cosmos.authz.v1beta1");
        }
    }
    pub mod bank {
        pub mod v1beta1 {
            tonic::include_proto!("cosmos.bank.v1beta1");
        }
    }
    pub mod crypto {
        pub mod secp256k1 {
            tonic::include_proto!("cosmos.crypto.secp256k1");
        }
    }
    pub mod feegrant {
        pub mod v1beta1 {
            tonic::include_proto!("cosmos.feegrant.v1beta1");
        }
    }
    pub mod tx {
        pub mod v1beta1 {
            tonic::include_proto!("cosmos.tx.v1beta1");
        }
    }
    pub mod base {
        pub mod abci {
            pub mod v1beta1 {
                tonic::include_proto!("cosmos.base.abci.v1beta1");
            }
        }
        pub mod v1beta1 {
            tonic::include_proto!("cosmos.base.v1beta1");
        }
        pub mod query {
            pub mod v1beta1 {
                tonic::include_proto!("cosmos.base.query.v1beta1");
            }
        }
        pub mod tendermint {
            pub mod v1beta1 {
                tonic::include_proto!("cosmos.base.tendermint.v1beta1");
            }
        }
    }
}

pub mod sentinel {
    pub mod lease {
        pub mod v1 {
            tonic::include_proto!("sentinel.lease.v1");
        }
    }
    pub mod node {
        pub mod v3 {
            tonic::include_proto!("sentinel.node.v3");
        }
    }
    pub mod plan {
        pub mod v3 {
            tonic::include_proto!("sentinel.plan.v3");
        }
    }
    pub mod provider {
        pub mod v2 {
            tonic::include_proto!("sentinel.provider.v2");
        }
        pub mod v3 {
            tonic::include_proto!("sentinel.provider.v3");
        }
    }
    pub mod session {
        pub mod v3 {
            tonic::include_proto!("sentinel.session.v3");
        }
    }
    pub mod subscription {
        pub mod v3 {
            tonic::include_proto!("sentinel.subscription.v3");
        }
    }
    pub mod types {
        pub mod v1 {
            tonic::include_proto!("sentinel.types.v1");
        }
    }
}
