//! Killed at any instant, nothing is lost and nothing false is said.
//!
//! The program imports lists into a sandbox over HTTP, is killed without warning again and again,
//! and resumed each time. `CHIME_BULK_KILLS` sets how often in all, `CHIME_BULK_KILLS_SEED` with
//! which seed: lists and instants are drawn from it, and repeat as far as real time does.

mod campaign;
mod tally;

use std::sync::atomic::{AtomicU32, Ordering};

use campaign::{Campaign, Kind};
use tally::Tally;

/// Kills, if nothing else is said.
const KILLS: u32 = 160;

fn number(name: &str, usual: u32) -> u32 {
    let given = std::env::var(name).ok();
    given.map_or(usual, |text| text.parse().unwrap())
}

/// Campaigns of one kind, one after the other, until there were enough kills.
fn campaigns(kind: Kind, seed: u64, left: &AtomicU32) -> Tally {
    let lengths = campaign::lengths(kind);
    let mut tally = Tally::default();
    for number in 0.. {
        if left.load(Ordering::Relaxed) == 0 {
            break;
        }
        let seed = seed + 1000 * number;
        let mut campaign = Campaign::new(kind, &lengths, seed);
        let told = campaign.to_string();
        if let Err(why) = campaign.fight(&mut tally) {
            panic!("{told}: {why}");
        }
        let kills = campaign.kills();
        let _ = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
            Some(left.saturating_sub(kills))
        });
    }
    tally
}

#[test]
#[expect(
    clippy::print_stdout,
    reason = "shown for a test that fails: how to repeat it"
)]
fn killed_at_any_instant_nothing_is_lost() {
    let seed = number("CHIME_BULK_KILLS_SEED", rand::random());
    println!("CHIME_BULK_KILLS_SEED={seed}");
    let left = &AtomicU32::new(number("CHIME_BULK_KILLS", KILLS));
    let tally = std::thread::scope(|scope| {
        // Those that meet faults wait for most of their time.
        let kinds = [Kind::Quiet, Kind::Quiet, Kind::Faulty, Kind::Faulty];
        let fights: Vec<_> = (0u64..)
            .zip(kinds)
            .map(|(number, kind)| {
                scope.spawn(move || campaigns(kind, u64::from(seed) + number, left))
            })
            .collect();
        let tallies = fights.into_iter().map(|fight| fight.join().unwrap());
        tallies.fold(Tally::default(), Tally::with)
    });
    println!("{tally}");
    assert!(tally.kills() > 0);
}
