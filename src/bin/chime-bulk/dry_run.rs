//! `run --dry-run`: there is no such run. The answer is the command that plans it.

use std::ffi::OsString;

use chime_bulk::report::shell_value;

use crate::exit::Exit;
use crate::screen::Screen;

/// The flag, as people write it who expect it from other programs.
const FLAG: &str = "--dry-run";

/// Refuses to run, and prints the command line that plans the same.
pub(crate) fn refuse(screen: &Screen) -> Exit {
    let plan = plan_of(std::env::args_os().skip(1));
    let hint = format!("use plan, which makes no call: {plan}");
    screen.error(&"--dry-run: run always adds the members", Some(&hint));
    Exit::Usage
}

/// The command that plans what these words run.
fn plan_of(words: impl Iterator<Item = OsString>) -> String {
    let mut is_command = true;
    let words = words.filter(|word| word != FLAG).map(|word| {
        if word == "run" && std::mem::take(&mut is_command) {
            "plan".to_owned()
        } else {
            shell_value(&word)
        }
    });
    let words: Vec<String> = words.collect();
    format!("chime-bulk {}", words.join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_plans_the_same_list() {
        let words = ["run", "run", "--dry-run", "--where", "team=a b"].map(OsString::from);
        let plan = plan_of(words.into_iter());
        assert_eq!(plan, "chime-bulk plan run --where 'team=a b'");
    }
}
