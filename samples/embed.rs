//! Runs a list from another program, against a simulated service, with progress on standard error.
//!
//! `cargo run --release --example embed`

#![expect(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "an example for a terminal"
)]

use chime_bulk::engine::Event;
use chime_bulk::model::AppInstanceArn;
use chime_bulk::sandbox::SandboxConfig;
use chime_bulk::{LimitOverrides, Run, Target};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let instance = "arn:aws:chime:us-east-1:123456789012:app-instance/example";
    let instance: AppInstanceArn = instance.parse()?;
    let users: Vec<String> = (0..250).map(|user| format!("user-{user}")).collect();
    let conclusion = Run::of_bytes("users", format!("user_id\n{}\n", users.join("\n")))
        .channel(instance.channel("general")?)
        .bearer(instance.user("admin")?)
        .limits(LimitOverrides {
            max_attempts: Some(3),
            ..LimitOverrides::default()
        })
        .target(Target::sandbox(SandboxConfig::default()))
        .dir(tempfile::tempdir()?.keep().join("run"))
        .observer(|event: &Event| {
            if let Event::CallSettled { settled, .. } = event {
                eprintln!("settled: {}", settled.total());
            }
        })
        .run()
        .await?;
    println!("{}", conclusion.summary);
    println!("reports: {}", conclusion.dir.display());
    Ok(())
}
