//! The implementations of `Chime`, each connected to a simulated service.

use std::sync::Arc;
use std::time::Duration;

use chime_bulk::chime::{self, Api, Chime, FixedCredentials};
use chime_bulk::model::{
    AddMember, AddMembers, Batch, ChannelArn, MemberArn, Membership, Operation, Refusal, Reply,
};
use chime_bulk::sandbox::{SandboxConfig, Scripted, Service, Simulated};

use crate::support::server::Server;

pub(crate) const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

/// The timeout of a call, unless a case is about timeouts.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The APIs in this build.
pub(crate) const APIS: &[Api] = &[
    Api::Messaging,
    #[cfg(feature = "legacy-chime")]
    Api::Legacy,
];

/// An implementation of `Chime`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// In the process, without HTTP.
    Simulated,
    /// The messaging client, over HTTP.
    Messaging,
    /// The legacy client, over HTTP.
    #[cfg(feature = "legacy-chime")]
    Legacy,
}

/// A client and the service behind it.
pub(crate) struct Fixture {
    pub(crate) service: Arc<Service>,
    pub(crate) client: Arc<dyn Chime>,
    /// The server stops when this is dropped.
    _server: Option<Server>,
}

impl Backend {
    /// A fixture without quotas, and with a long timeout.
    pub(crate) async fn fixture(self) -> Fixture {
        self.fixture_with(|_| {}).await
    }

    /// The same, with changed settings.
    pub(crate) async fn fixture_with(self, change: impl FnOnce(&mut SandboxConfig)) -> Fixture {
        let mut settings = SandboxConfig {
            unlimited: true,
            attempt_timeout: Duration::from_secs(30),
            ..SandboxConfig::default()
        };
        change(&mut settings);
        let api = match self {
            Self::Simulated => {
                let service = Arc::new(Service::new(settings));
                return Fixture {
                    client: Arc::new(Simulated::new(Arc::clone(&service))),
                    service,
                    _server: None,
                };
            }
            Self::Messaging => Api::Messaging,
            #[cfg(feature = "legacy-chime")]
            Self::Legacy => Api::Legacy,
        };
        let server = Server::start(settings).await;
        let client = chime::connect(self::settings(api, &server.url)).await;
        Fixture {
            client: client.unwrap().service,
            service: Arc::clone(&server.service),
            _server: Some(server),
        }
    }
}

/// The configuration of a client for a service at this URL, with the sandbox's credentials.
pub(crate) fn settings(api: Api, url: &str) -> chime::ClientConfig {
    let sandbox = SandboxConfig::default();
    chime::ClientConfig {
        endpoint_url: Some(url.parse().unwrap()),
        credentials: Some(FixedCredentials {
            access_key_id: sandbox.access_key,
            secret_access_key: sandbox.secret_key,
        }),
        ..chime::ClientConfig::new(api, "us-east-1")
    }
}

impl Fixture {
    /// Sets the service's answer to the next call.
    pub(crate) fn script(&self, call: Vec<Scripted>) {
        self.service.script([call]);
    }

    /// Makes the call. The reply is without its date.
    pub(crate) async fn add(&self, ids: &[&str]) -> Result<Reply, Refusal> {
        let reply = self.client.add_members(call(ids), self.timeout()).await;
        reply.map(undated)
    }

    /// Makes a call that adds one user, by this operation. The reply is without its date.
    pub(crate) async fn add_by(&self, operation: Operation, id: &str) -> Result<Reply, Refusal> {
        let timeout = self.timeout();
        let reply = match operation {
            Operation::Batch => self.client.add_members(call(&[id]), timeout).await,
            Operation::Single => self.client.add_member(single_call(id), timeout).await,
            Operation::Remove | Operation::Read => unreachable!("it adds nobody"),
        };
        reply.map(undated)
    }

    /// The timeout of calls.
    pub(crate) fn timeout(&self) -> Duration {
        self.service.config().attempt_timeout
    }

    /// The number of calls that reached the service, of either operation.
    pub(crate) fn calls(&self) -> u64 {
        let stats = self.service.stats();
        stats.batch_calls + stats.single_calls
    }

    /// The number of calls of an operation that reached the service.
    pub(crate) fn calls_of(&self, operation: &str) -> u64 {
        let calls = self.service.stats().calls;
        calls.get(operation).copied().unwrap_or_default()
    }

    /// The members of the channel, sorted.
    pub(crate) fn members(&self) -> Vec<String> {
        self.service.members(&channel())
    }
}

/// A reply without its date, which depends on the time of the test.
fn undated(reply: Reply) -> Reply {
    Reply {
        date: None,
        ..reply
    }
}

/// The channel of all calls.
pub(crate) fn channel() -> ChannelArn {
    ChannelArn::parse(&format!("{INSTANCE}/channel/c")).unwrap()
}

/// The user with this id.
pub(crate) fn user(id: &str) -> MemberArn {
    MemberArn::parse(&format!("{INSTANCE}/user/{id}")).unwrap()
}

/// The users' ARNs.
pub(crate) fn arns(ids: &[&str]) -> Vec<String> {
    ids.iter().map(|id| user(id).to_string()).collect()
}

/// A call that adds these users to the channel.
pub(crate) fn call(ids: &[&str]) -> AddMembers {
    AddMembers {
        channel: channel(),
        bearer: user("admin"),
        membership: Membership::default(),
        members: Batch::new(ids.iter().map(|id| user(id)).collect()).unwrap(),
    }
}

/// A call that adds this user to the channel, by the operation for one member.
pub(crate) fn single_call(id: &str) -> AddMember {
    AddMember {
        channel: channel(),
        bearer: user("admin"),
        membership: Membership::default(),
        member: user(id),
    }
}
