//! The implementors of `Chime`, each before a simulated service that does as configured.

use std::sync::Arc;
use std::time::Duration;

use chime_bulk::chime::{self, Api, Chime, FixedCredentials};
use chime_bulk::model::{AddMembers, Batch, ChannelArn, MemberArn, Membership, Refusal, Reply};
use chime_bulk::sandbox::{SandboxConfig, Scripted, Service, Simulated, serve};
use tokio::net::TcpListener;
use tokio::sync::oneshot;

pub(crate) const INSTANCE: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i";

/// How long the answer of a call is waited for, unless a case is about that.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(30);

/// The APIs in this build.
pub(crate) const APIS: &[Api] = &[
    Api::Messaging,
    #[cfg(feature = "legacy-chime")]
    Api::Legacy,
];

/// An implementor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    /// Within the process.
    Simulated,
    /// The messaging client, over HTTP.
    Messaging,
    /// The legacy client, over HTTP.
    #[cfg(feature = "legacy-chime")]
    Legacy,
}

/// An implementor and the service behind it.
pub(crate) struct Stand {
    pub(crate) service: Arc<Service>,
    pub(crate) client: Arc<dyn Chime>,
    /// Dropped with the stand, which ends the server.
    _server: Option<oneshot::Sender<()>>,
}

impl Backend {
    /// A stand without quotas, for a caller of long patience.
    pub(crate) async fn stand(self) -> Stand {
        self.stand_with(|_| {}).await
    }

    /// A stand whose settings are changed in this way.
    pub(crate) async fn stand_with(self, change: impl FnOnce(&mut SandboxConfig)) -> Stand {
        let mut settings = SandboxConfig {
            unlimited: true,
            attempt_timeout: Duration::from_secs(30),
            ..SandboxConfig::default()
        };
        change(&mut settings);
        let service = Arc::new(Service::new(settings));
        let api = match self {
            Self::Simulated => {
                return Stand {
                    client: Arc::new(Simulated::new(Arc::clone(&service))),
                    service,
                    _server: None,
                };
            }
            Self::Messaging => Api::Messaging,
            #[cfg(feature = "legacy-chime")]
            Self::Legacy => Api::Legacy,
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (server, stop) = oneshot::channel::<()>();
        tokio::spawn(serve(listener, Arc::clone(&service), async {
            drop(stop.await);
        }));
        let client = chime::connect(self::settings(api, &url)).await;
        Stand {
            client: client.unwrap(),
            service,
            _server: Some(server),
        }
    }
}

/// Settings of a client to a service at this address, with the sandbox's own credentials.
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

impl Stand {
    /// Tells what the next call shall meet.
    pub(crate) fn script(&self, call: Vec<Scripted>) {
        self.service.script([call]);
    }

    /// Makes the call.
    pub(crate) async fn add(&self, ids: &[&str]) -> Result<Reply, Refusal> {
        let timeout = self.service.config().attempt_timeout;
        self.client.add_members(call(ids), timeout).await
    }

    /// Batch calls that reached the service.
    pub(crate) fn calls(&self) -> u64 {
        self.service.stats().batch_calls
    }

    /// Who is in the channel, sorted.
    pub(crate) fn members(&self) -> Vec<String> {
        self.service.members(&channel())
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
