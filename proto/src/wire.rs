//! The hub's messages as they are on the wire, generated from `proto/`.

#![allow(missing_docs, unreachable_pub, unused_qualifications, clippy::all, clippy::pedantic)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "generated code")]

pub mod cosmos {
    pub mod base {
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
