//! `samples/deploy/Dockerfile`. Where the tests run there is no container engine: the build stage is carried
//! out in a directory, and the program runs in a root that has only what the base image has.

#![expect(clippy::print_stderr, reason = "says what is skipped")]

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::is_large;
use crate::support::program::repository;

/// The user of the image, as `/etc/passwd` of the base image has it: `nonroot`.
const USER: &str = "65532:65532";
/// The libraries that the base image has and the program may use, beside the loader.
const LIBRARIES: [&str; 3] = ["libc.so.6", "libgcc_s.so.1", "libm.so.6"];

/// The instructions of the file, with their arguments; a continued line is one.
fn instructions() -> Vec<(String, String)> {
    let file = repository("samples/deploy/Dockerfile").replace("\\\n", " ");
    let lines = file.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parts = lines.map(|line| line.split_once(' ').unwrap());
    parts
        .map(|(name, rest)| (name.to_owned(), rest.trim().to_owned()))
        .collect()
}

/// The arguments of an instruction, in order.
fn all(name: &str) -> Vec<String> {
    let named = instructions()
        .into_iter()
        .filter(|(other, _)| other == name);
    named.map(|(_, rest)| rest).collect()
}

/// A command in the form of a JSON array: one without a shell.
fn words(text: &str) -> Vec<String> {
    serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

#[test]
fn the_image_is_that_of_the_package_without_root_and_shell() {
    let manifest: toml::Table = repository("Cargo.toml").parse().unwrap();
    let rust = manifest["package"]["rust-version"].as_str().unwrap();
    let base = "gcr.io/distroless/cc-debian12:${VARIANT}";
    // Both are Debian 12, so that the C library is the same.
    assert_eq!(
        all("FROM"),
        [
            format!("rust:{rust}-slim-bookworm AS build"),
            base.to_owned()
        ]
    );
    let [variant, profile] = &all("ARG")[..] else {
        panic!("{:?}", all("ARG"));
    };
    assert_eq!(variant, "VARIANT=nonroot");
    assert!(
        manifest["profile"]
            .get(profile.strip_prefix("PROFILE=").unwrap())
            .is_some()
    );
    assert_eq!(all("USER"), [USER]);
    // The signal that drains; see the README.
    assert_eq!(all("STOPSIGNAL"), ["SIGTERM"]);
    let program = "/usr/local/bin/chime-bulk";
    assert_eq!(
        all("ENTRYPOINT")
            .iter()
            .map(|text| words(text))
            .collect::<Vec<_>>(),
        [[program]]
    );
    let health = &all("HEALTHCHECK")[0];
    let (_, check) = health.split_once("CMD ").unwrap();
    let dir = all("ENV")[0]
        .strip_prefix("CHIME_BULK_RUN_DIR=")
        .unwrap()
        .to_owned();
    assert_eq!(words(check), [program, "status", &dir]);
    assert!(dir.starts_with(&format!("{}/", all("WORKDIR")[1])), "{dir}");
}

#[test]
fn hadolint_accepts_the_file() {
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/samples/deploy/Dockerfile");
    let Ok(output) = Command::new("hadolint").arg(file).output() else {
        let required = std::env::var_os("CHIME_BULK_PARSERS").is_some_and(|it| it == "required");
        assert!(!required, "hadolint is missing");
        eprintln!("skipped: hadolint is missing");
        return;
    };
    assert!(output.status.success(), "{output:#?}");
}

/// Runs a command of the shell, which must succeed, and returns what it prints.
fn shell(script: &str, dir: &Path) -> String {
    let mut command = Command::new("sh");
    let output = command
        .args(["-euc", script])
        .current_dir(dir)
        .output()
        .unwrap();
    assert!(output.status.success(), "{script}\n{output:#?}");
    String::from_utf8(output.stdout).unwrap()
}

/// Carries out the build stage below a directory: what it copies are the committed files without those that
/// `.dockerignore` names, and what it builds is built with the profile of the tests. Returns the directory
/// that the second stage copies.
fn build(root: &Path) -> PathBuf {
    let source = root.join("src");
    std::fs::create_dir_all(&source).unwrap();
    let ignored = repository(".dockerignore");
    let ignored = ignored.lines().filter(|line| !line.starts_with('#'));
    let excluded = ignored.map(|line| format!(" --exclude='./{}'", line.trim_start_matches("**/")));
    let excluded: String = excluded.map(|it| it.replace("./*", "*")).collect();
    let checkout = "git ls-files -z | xargs -0 tar --create --no-recursion";
    let script = format!(
        "{checkout}{excluded} | tar --extract --directory={}",
        source.display()
    );
    shell(&script, Path::new(env!("CARGO_MANIFEST_DIR")));
    assert!(!source.join("samples/ids.csv").exists() && source.join("Cargo.lock").exists());
    let stages = instructions();
    let stage = stages.iter().skip_while(|(name, _)| name != "FROM").skip(1);
    let stage: Vec<_> = stage.take_while(|(name, _)| name != "FROM").collect();
    for (name, rest) in stage {
        match (name.as_str(), rest.as_str()) {
            ("ARG", _) | ("WORKDIR", "/src") | ("COPY", ". .") => {}
            ("RUN", script) => {
                // The directories of the image are below this one, and crates that are built are used again.
                let script = ["/target", "/image"]
                    .iter()
                    .fold(script.to_owned(), |script, dir| {
                        script.replace(&format!(" {dir}"), &format!(" {}{dir}", root.display()))
                    });
                shell(&format!("PROFILE=dev; {script}"), &source);
            }
            other => panic!("{other:?}"),
        }
    }
    root.join("image")
}

#[test]
fn the_stages_are_built_from_a_clean_checkout_and_run_without_root() {
    if !is_large() || !cfg!(target_os = "linux") {
        eprintln!("skipped: it builds the program");
        return;
    }
    let root = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    // Crates that are built already, as links. Nothing of the package itself: cargo writes to what its build
    // script has printed in its place, and the build of the tests would take that for its own.
    let built = Path::new(env!("CARGO_BIN_EXE_chime-bulk"))
        .parent()
        .unwrap();
    let target = root.path().join("target");
    std::fs::create_dir(&target).unwrap();
    let links = format!(
        "cp --archive --link {} debug
        rm -rf debug/chime-bulk debug/incremental debug/build/chime-bulk-* debug/.fingerprint/chime-bulk-*",
        built.display()
    );
    shell(&links, &target);
    let image = build(root.path());

    let program = image.join("usr/local/bin/chime-bulk");
    let libraries = shell(&format!("ldd {}", program.display()), root.path());
    let libraries = libraries
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>());
    for library in libraries {
        let name = library[0];
        let is_loader = name.starts_with("linux-vdso") || name.contains("/ld-linux");
        assert!(is_loader || LIBRARIES.contains(&name), "{name}");
        // What the base image has of them.
        if let Some(path) = library.iter().find(|word| word.starts_with('/')) {
            shell(
                &format!("install -D {path} {}{path}", image.display()),
                root.path(),
            );
        }
    }
    if shell("id --user", root.path()) != "0\n" {
        eprintln!("skipped: chroot needs root");
        return;
    }
    // Nothing is writable but /job; there is neither /tmp nor /proc nor a shell.
    let list = "user_id\nu1\nu2\n";
    std::fs::write(image.join("job/list.csv"), list).unwrap();
    let inside = format!(
        "chroot --userspec={USER} {} /usr/local/bin/chime-bulk",
        image.display()
    );
    let channel = crate::support::program::CHANNEL;
    let run = format!(
        "cd {}; {inside} run /job/list.csv --sandbox --channel-arn {channel} --run-dir /job/run --json",
        image.display()
    );
    let summary: serde_json::Value = serde_json::from_str(&shell(&run, root.path())).unwrap();
    assert_eq!(summary["added"], 2);
    shell(&format!("{inside} status /job/run"), root.path());
    // Unhealthy: there is no run.
    shell(&format!("! {inside} status /job/none"), root.path());
}
