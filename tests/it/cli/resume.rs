//! `resume`, called as a library.

use std::path::{Path, PathBuf};

use chime_bulk::engine::{Event, Observer};
use chime_bulk::job::{
    self, Conclusion, JobError, LimitOverrides, RunSettings, RunVerdict, Target,
};
use chime_bulk::ledger::{Durability, Ledger, fact};
use chime_bulk::model::{LimitShare, MemberArn, SkipExisting};
use chime_bulk::roster::{Options, Roster, Source};

const CHANNEL: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i/channel/c";

const BOSS: &str = "arn:aws:chime:us-east-1:123456789012:app-instance/i/user/boss";

/// A run of this list that was killed before its first row was staged.
fn killed_at_once(dir: &Path, list: &str) -> PathBuf {
    let path = dir.join("list.csv");
    std::fs::write(&path, list).unwrap();
    let options = Options {
        channel_arn: Some(CHANNEL.parse().unwrap()),
        ..Options::default()
    };
    let roster = Roster::open(&Source::File(path.clone()), &options).unwrap();
    let ledger = dir.join(job::LEDGER);
    let mut ledger = Ledger::create(&ledger, Durability::None, roster.layout(), [1; 16]).unwrap();
    let settings = RunSettings {
        list: Some(path.clone().into()),
        options,
        bearers: BOSS.parse::<MemberArn>().unwrap().into(),
        limits: LimitOverrides::default(),
        region: "us-east-1".to_owned(),
        aws: job::AwsTarget::default(),
        sandbox: true,
        undo: None,
        sync: None,
        reading_rate: None,
        skip_existing: SkipExisting::Never,
        shard: None,
        share: LimitShare::default(),
        reports_to: None,
    };
    ledger.set_fact(fact::SETTINGS, &settings).unwrap();
    ledger.set_fact(fact::LIST_SIZE, &list.len()).unwrap();
    ledger.commit().unwrap();
    path
}

async fn resume(dir: &Path) -> Result<Conclusion, JobError> {
    let sandbox = Target::sandbox(chime_bulk::sandbox::SandboxConfig::default());
    let (_commands, commands) = tokio::sync::mpsc::channel(1);
    let nobody = |_: &job::Started| Box::new(|_: &Event| {}) as Box<dyn Observer>;
    Box::pin(job::resume(
        dir,
        |_| sandbox,
        LimitOverrides::default(),
        nobody,
        commands,
    ))
    .await
}

#[tokio::test]
async fn a_run_killed_before_its_first_row_is_resumed_from_the_list() {
    let dir = tempfile::tempdir().unwrap();
    killed_at_once(dir.path(), "user_id,name\nann,Ann\nbob,Bob\n");
    let conclusion = resume(dir.path()).await.unwrap();
    assert_eq!(conclusion.verdict(), RunVerdict::AllIn);
    assert_eq!(conclusion.summary.added, 2);
}

#[tokio::test]
async fn a_list_whose_columns_changed_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let list = killed_at_once(dir.path(), "user_id,name\nann,Ann\n");
    std::fs::write(list, "name,user_id\nAnn,ann\n").unwrap();
    let error = resume(dir.path()).await.unwrap_err();
    assert!(matches!(error, JobError::ListChanged { .. }), "{error}");
    assert!(error.to_string().contains("its columns differ"), "{error}");
    assert!(error.hint().is_some());
}

#[tokio::test]
async fn a_list_that_grew_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let list = killed_at_once(dir.path(), "user_id,name\nann,Ann\n");
    std::fs::write(&list, "user_id,name\nann,Ann\nbob,Bob\n").unwrap();
    let error = resume(dir.path()).await.unwrap_err().to_string();
    assert!(error.contains("it had 21 bytes, and has 29"), "{error}");
    std::fs::write(list, "user_id,name\nann,Ann\n").unwrap();
    assert!(resume(dir.path()).await.is_ok());
}
