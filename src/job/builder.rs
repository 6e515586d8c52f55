//! The library's entry points, as builders: run, resume, retry, undo and plan.

use std::num::NonZeroU32;
use std::path::PathBuf;

use tokio::sync::mpsc;

use super::{
    Conclusion, IfExists, JobError, LimitOverrides, PlanRequest, Request, RunSettings, Started,
    Target, UndoConclusion, UndoRequest, plan, plan_undo, resume, retry, run_or_resume, undo,
};
use crate::engine::{Command, Event, Observer};
use crate::model::{BearerPool, ChannelArn, MemberArn, Shard, SkipExisting};
use crate::report::{self, RemovalChoice};
use crate::roster::{Options, Source};

/// What a session needs beside its list. All of it is optional.
#[derive(Default)]
struct Session {
    limits: LimitOverrides,
    target: Option<Target>,
    observer: Option<Box<dyn Observer>>,
    commands: Option<mpsc::Receiver<Command>>,
}

impl Session {
    /// The commands' receiver. Without one, a channel on which no command ever arrives.
    fn commands(&mut self) -> mpsc::Receiver<Command> {
        self.commands.take().unwrap_or_else(|| mpsc::channel(1).1)
    }

    fn observer(&mut self) -> impl FnOnce(&Started) -> Box<dyn Observer> + use<> {
        let observer = self.observer.take();
        |_: &Started| observer.unwrap_or_else(|| Box::new(|_: &Event| {}))
    }
}

/// Setters that every session has.
macro_rules! session {
    ($name:ident) => {
        impl $name {
            /// Limits; those not set are the region's documented quotas.
            pub fn limits(mut self, limits: LimitOverrides) -> Self {
                self.session.limits = limits;
                self
            }

            /// The service to call [default: AWS; with `Resume` and `Undo`, the service of the run].
            pub fn target(mut self, target: Target) -> Self {
                self.session.target = Some(target);
                self
            }

            /// Receives events. Called from the engine's loop: it must be quick.
            pub fn observer(mut self, observer: impl Observer + 'static) -> Self {
                self.session.observer = Some(Box::new(observer));
                self
            }

            /// Commands that end the session early.
            pub fn commands(mut self, commands: mpsc::Receiver<Command>) -> Self {
                self.session.commands = Some(commands);
                self
            }
        }
    };
}

/// A new run.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let scratch = tempfile::tempdir()?;
/// # let runtime = tokio::runtime::Runtime::new()?;
/// use chime_bulk::model::AppInstanceArn;
/// use chime_bulk::sandbox::SandboxConfig;
/// use chime_bulk::{Run, Target};
///
/// let instance = "arn:aws:chime:us-east-1:123456789012:app-instance/example";
/// let instance: AppInstanceArn = instance.parse()?;
/// let run = Run::of_bytes("users", "user_id\nann\nbob\n")
///     .channel(instance.channel("general")?)
///     .bearer(instance.user("admin")?)
///     .target(Target::sandbox(SandboxConfig::default()))
///     .dir(scratch.path().join("run"));
/// let conclusion = runtime.block_on(run.run())?;
/// assert_eq!(conclusion.summary.added, 2);
/// # Ok(())
/// # }
/// ```
#[must_use = "a run does nothing until it is awaited"]
pub struct Run {
    source: Source,
    options: Options,
    bearers: Vec<MemberArn>,
    dir: Option<PathBuf>,
    if_exists: IfExists,
    skip_existing: SkipExisting,
    shard: Option<Shard>,
    session: Session,
}

session!(Run);

impl Run {
    /// A run of the list in this file.
    pub fn new(list: impl Into<PathBuf>) -> Self {
        Self::of(Source::File(list.into()))
    }

    /// A run of a list in memory, with a name for messages.
    pub fn of_bytes(name: impl Into<String>, list: impl Into<Vec<u8>>) -> Self {
        Self::of(Source::Bytes {
            name: name.into(),
            bytes: list.into(),
        })
    }

    fn of(source: Source) -> Self {
        Self {
            source,
            options: Options::default(),
            bearers: Vec::new(),
            dir: None,
            if_exists: IfExists::Fail,
            skip_existing: SkipExisting::Never,
            shard: None,
            session: Session::default(),
        }
    }

    /// The channel of all rows, for a list without a channel column.
    pub fn channel(mut self, arn: ChannelArn) -> Self {
        self.options.channel_arn = Some(arn.into());
        self
    }

    /// How the list is read. Replaces what [`channel`](Self::channel) set.
    pub fn options(mut self, options: Options) -> Self {
        self.options = options;
        self
    }

    /// A bearer to call as. Call this again to add more and spread the load.
    pub fn bearer(mut self, arn: MemberArn) -> Self {
        self.bearers.push(arn);
        self
    }

    /// The run's directory [default: a new one below `runs/`].
    pub fn dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = Some(dir.into());
        self
    }

    /// What to do if the directory contains a run [default: fail].
    pub fn if_exists(mut self, action: IfExists) -> Self {
        self.if_exists = action;
        self
    }

    /// Which channels to list first, so that members who are there already take no call [default: none].
    pub fn skip_existing(mut self, channels: SkipExisting) -> Self {
        self.skip_existing = channels;
        self
    }

    /// The shard of the list to add [default: all of it]. The directory is then that of the shard.
    pub fn shard(mut self, shard: Shard) -> Self {
        self.shard = Some(shard);
        self
    }

    /// Runs it to its end, and writes the reports. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// As [`job::run`](super::run()). A run that stops because of the service's answers is not an
    /// error: see [`Conclusion::verdict`].
    pub async fn run(mut self) -> Result<Conclusion, JobError> {
        let (observer, commands) = (self.session.observer(), self.session.commands());
        let target = self.session.target;
        let request = Request {
            source: self.source,
            options: self.options,
            run_dir: self.dir,
            target: target.unwrap_or_else(|| Target::Aws(super::AwsTarget::default())),
            bearers: BearerPool::new(self.bearers)?,
            limits: self.session.limits,
            skip_existing: self.skip_existing,
            shard: self.shard,
            reports_to: None,
        };
        Box::pin(run_or_resume(request, self.if_exists, observer, commands)).await
    }
}

/// A service for a run that exists: by default AWS, with what the run has set.
fn service(target: Option<Target>) -> impl FnOnce(&RunSettings) -> Target {
    |_| target.unwrap_or_else(|| Target::Aws(super::AwsTarget::default()))
}

/// Resumes an interrupted run, or retries the failed rows of a finished one.
///
/// ```no_run
/// # async fn example() -> Result<(), chime_bulk::JobError> {
/// use chime_bulk::Resume;
///
/// Resume::new("runs/2026-01-31-users").run().await?;
/// Resume::new("runs/2026-01-31-users").retry(["ServiceUnavailable"]).await?;
/// # Ok(())
/// # }
/// ```
#[must_use = "a run does nothing until it is awaited"]
pub struct Resume {
    dir: PathBuf,
    session: Session,
}

session!(Resume);

impl Resume {
    /// The run in this directory.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            session: Session::default(),
        }
    }

    /// Resumes the run. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// As [`job::resume`](super::resume()).
    pub async fn run(mut self) -> Result<Conclusion, JobError> {
        let (observer, commands) = (self.session.observer(), self.session.commands());
        let target = service(self.session.target);
        Box::pin(resume(
            &self.dir,
            target,
            self.session.limits,
            observer,
            commands,
        ))
        .await
    }

    /// Retries the rows of the finished run that failed with one of these error codes, or all failed
    /// rows if no code is given. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// As [`job::retry`](super::retry()).
    pub async fn retry<C: Into<String>>(
        mut self,
        codes: impl IntoIterator<Item = C>,
    ) -> Result<Conclusion, JobError> {
        let (observer, commands) = (self.session.observer(), self.session.commands());
        let codes: Vec<String> = codes.into_iter().map(Into::into).collect();
        let target = service(self.session.target);
        let limits = self.session.limits;
        Box::pin(retry(&self.dir, &codes, target, limits, observer, commands)).await
    }
}

/// The undo of a run: removes the members that it added, or continues to.
///
/// ```no_run
/// # async fn example() -> Result<(), chime_bulk::JobError> {
/// use chime_bulk::Undo;
///
/// println!("{}", Undo::new("runs/2026-01-31-users").plan()?.members_text());
/// let undone = Undo::new("runs/2026-01-31-users").run().await?;
/// println!("{} removed, {} kept", undone.summary.removed, undone.summary.kept);
/// # Ok(())
/// # }
/// ```
#[must_use = "an undo does nothing until it is awaited"]
pub struct Undo {
    request: UndoRequest,
    session: Session,
}

session!(Undo);

impl Undo {
    /// The undo of the run in this directory. Each member is removed only if the service describes that
    /// the run added it.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            request: UndoRequest {
                dir: dir.into(),
                guarded: true,
                choice: RemovalChoice::default(),
                limits: LimitOverrides::default(),
            },
            session: Session::default(),
        }
    }

    /// Removes only members of this channel. Call this again to add more.
    pub fn channel(mut self, arn: ChannelArn) -> Self {
        self.request.choice.channels.push(arn);
        self
    }

    /// Also removes members whose call was lost, if the service describes that the run added them.
    pub fn include_in_doubt(mut self) -> Self {
        self.request.choice.include_in_doubt = true;
        self
    }

    /// Removes members without asking the service who added them, unless their call was lost.
    pub fn without_guard(mut self) -> Self {
        self.request.guarded = false;
        self
    }

    /// Counts what the undo would remove. Makes no call.
    ///
    /// # Errors
    /// As [`job::plan_undo`](plan_undo()).
    pub fn plan(mut self) -> Result<report::UndoPlan, JobError> {
        self.request.limits = self.session.limits;
        plan_undo(&self.request)
    }

    /// Removes the members, and writes `undo.csv`. Must be called on a tokio runtime.
    ///
    /// # Errors
    /// As [`job::undo`](undo()).
    pub async fn run(mut self) -> Result<UndoConclusion, JobError> {
        let (observer, commands) = (self.session.observer(), self.session.commands());
        self.request.limits = self.session.limits;
        let target = service(self.session.target);
        Box::pin(undo(self.request, target, observer, commands)).await
    }
}

/// The plan of a run: its calls and its time. Makes no call.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use chime_bulk::PlanOf;
///
/// let channel = "arn:aws:chime:us-east-1:123456789012:app-instance/example/channel/general";
/// let plan = PlanOf::bytes("users", "user_id\nann\nbob\nann\n")
///     .channel(channel.parse()?)
///     .plan()?;
/// assert_eq!((plan.members, plan.duplicate, plan.calls), (2, 1, 1));
/// # Ok(())
/// # }
/// ```
#[must_use = "a plan does nothing until it is made"]
pub struct PlanOf {
    request: PlanRequest,
    bearers: Vec<MemberArn>,
}

impl PlanOf {
    /// The plan of the list in this file.
    pub fn file(list: impl Into<PathBuf>) -> Self {
        Self::of(Source::File(list.into()))
    }

    /// The plan of a list in memory, with a name for messages.
    pub fn bytes(name: impl Into<String>, list: impl Into<Vec<u8>>) -> Self {
        Self::of(Source::Bytes {
            name: name.into(),
            bytes: list.into(),
        })
    }

    fn of(source: Source) -> Self {
        Self {
            request: PlanRequest {
                source,
                options: Options::default(),
                bearers: BearerPool::default(),
                limits: LimitOverrides::default(),
                aws: super::AwsTarget::default(),
                sandbox: false,
                skip_existing: SkipExisting::Never,
                shard: None,
                shards: None,
            },
            bearers: Vec::new(),
        }
    }

    /// The channel of all rows.
    pub fn channel(mut self, arn: ChannelArn) -> Self {
        self.request.options.channel_arn = Some(arn.into());
        self
    }

    /// How the list is read. Replaces what [`channel`](Self::channel) set.
    pub fn options(mut self, options: Options) -> Self {
        self.request.options = options;
        self
    }

    /// A bearer to call as. Call this again to add more; without any, one is assumed.
    pub fn bearer(mut self, arn: MemberArn) -> Self {
        self.bearers.push(arn);
        self
    }

    /// Limits; those not set are the region's documented quotas.
    pub fn limits(mut self, limits: LimitOverrides) -> Self {
        self.request.limits = limits;
        self
    }

    /// Which channels the run would list first [default: none].
    pub fn skip_existing(mut self, channels: SkipExisting) -> Self {
        self.request.skip_existing = channels;
        self
    }

    /// The shard of the list to plan [default: all of it].
    pub fn shard(mut self, shard: Shard) -> Self {
        self.request.shard = Some(shard);
        self
    }

    /// Also shows what each of so many shards would do.
    pub fn shards(mut self, count: NonZeroU32) -> Self {
        self.request.shards = Some(count);
        self
    }

    /// Reads the list and computes its calls and its time.
    ///
    /// # Errors
    /// As [`job::plan`](super::plan()).
    pub fn plan(self) -> Result<report::Plan, JobError> {
        let request = PlanRequest {
            bearers: BearerPool::new(self.bearers)?,
            ..self.request
        };
        plan(request, |_| {})
    }
}
