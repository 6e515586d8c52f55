//! Profiles whose credentials come from a process, with the process run by us.
//!
//! Promises: profiles mean what they mean to the SDK, as source of a role too. Must not: read a
//! credential.
//!
//! The SDK takes a provider of ours under a name, and a profile can name one as its
//! `credential_source`. So such a profile gets that setting, in a file that is read after the user's.

use std::fmt::Write as _;

use aws_config::profile::{self, Profile, ProfileSet};
use aws_runtime::env_config::file::{EnvConfigFileKind, EnvConfigFiles};
use aws_types::os_shim_internal::{Env, Fs};

use super::credential_process::CredentialProcess;

/// The user's profiles, and the processes that some of them name.
pub(super) struct Profiles {
    /// The files to read them from.
    pub(super) files: EnvConfigFiles,
    /// The processes, each under the name that the files have for it.
    pub(super) processes: Vec<(String, CredentialProcess)>,
}

impl Profiles {
    /// Reads the profiles where the AWS CLI does.
    pub(super) async fn load() -> Self {
        let files = EnvConfigFiles::builder()
            .include_default_config_file(true)
            .include_default_credentials_file(true);
        // Files that cannot be read are an error where the SDK reads them.
        let set = profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).await;
        let (settings, processes) = set.map(|set| processes(&set)).unwrap_or_default();
        Self {
            files: files
                .with_contents(EnvConfigFileKind::Config, settings)
                .build(),
            processes,
        }
    }
}

/// The profile to use and the profiles that exist, if it is not among them. Without a name it is the
/// one of `AWS_PROFILE`, unless credentials in the environment take precedence.
pub(super) async fn missing(profile: Option<&str>) -> Option<(String, Vec<String>)> {
    let of_environment = || {
        let has_credentials = std::env::var_os("AWS_ACCESS_KEY_ID").is_some();
        let profile = std::env::var("AWS_PROFILE").ok()?;
        (!has_credentials && !profile.is_empty()).then_some(profile)
    };
    let profile = profile.map(str::to_owned).or_else(of_environment)?;
    // Files that cannot be read are an error where the SDK reads them.
    let set = profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).await;
    let set = set.ok()?;
    if set.get_profile(&profile).is_some() {
        return None;
    }
    let mut known: Vec<String> = set.profiles().map(str::to_owned).collect();
    known.sort();
    Some((profile, known))
}

/// What this profile, or without one that of the environment, sets under a name; empty is not set.
pub(super) async fn setting(profile: Option<&str>, name: &str) -> Option<String> {
    let profile = profile.map(|profile| profile.to_owned().into());
    let files = EnvConfigFiles::default();
    // Files that cannot be read are an error where the SDK reads them.
    let set = profile::load(&Fs::real(), &Env::real(), &files, profile).await;
    let value = set.ok()?.get(name)?.to_owned();
    (!value.is_empty()).then_some(value)
}

/// Profile settings in which a named source replaces each `credential_process`, and the processes by
/// the names of these sources.
fn processes(set: &ProfileSet) -> (String, Vec<(String, CredentialProcess)>) {
    let (mut settings, mut processes) = (String::new(), Vec::new());
    let profiles = set.profiles().filter_map(|name| set.get_profile(name));
    for profile in profiles {
        let Some(command) = process_of(profile) else {
            continue;
        };
        let (name, source) = (profile.name(), format!("process-{}", processes.len()));
        // Writing to a String cannot fail.
        let _ = if profile.get("role_arn").is_none() {
            write!(settings, "[profile {name}]\ncredential_source = {source}\n")
        } else if profile.get("source_profile") == Some(name) {
            // A role that it assumes with its own credentials: they need a profile of their own,
            // because a profile cannot have both kinds of source.
            let own = format!("chime-bulk-{source}");
            write!(
                settings,
                "[profile {name}]\nsource_profile = {own}\n[profile {own}]\ncredential_source = {source}\n"
            )
        } else {
            // The role's source is another profile, and the process is not run.
            continue;
        };
        processes.push((source, CredentialProcess::new(command)));
    }
    (settings, processes)
}

/// The command of a profile's process, unless the SDK prefers another source that the profile has.
fn process_of(profile: &Profile) -> Option<&str> {
    const PREFERRED: [&str; 8] = [
        "credential_source",
        "web_identity_token_file",
        "sso_session",
        "sso_account_id",
        "sso_region",
        "sso_role_name",
        "sso_start_url",
        "login_session",
    ];
    let is_preferred = |name: &&str| profile.get(name).is_some();
    profile
        .get("credential_process")
        .filter(|_| !PREFERRED.iter().any(is_preferred))
}
