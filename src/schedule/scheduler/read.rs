//! Questions that were refused.
//!
//! A question changes nothing, so a refusal is an answer: once every bearer was refused it, its row
//! fails. The run stops only where many are refused and none was ever answered: channels that do not
//! exist may stand together in a list.

use std::time::Duration;

use super::Scheduler;
use crate::model::Refusal;
use crate::schedule::{InFlightCall, Settlement};

impl Scheduler {
    /// A question was refused: another bearer asks it, or its row fails.
    pub(super) fn question_refused(
        &mut self,
        now: Duration,
        flight: &InFlightCall,
        refusal: &Refusal,
    ) -> Settlement {
        self.outage.on_answer();
        self.examined.on_refused();
        let bearers = self.bearers.numbers().count();
        let refusals = flight.refused_by(refusal, now);
        let mut refused: Vec<usize> = refusals.iter().map(|one| one.bearer).collect();
        refused.sort_unstable();
        refused.dedup();
        let mut attempts = flight.rows.iter().map(|pending| pending.attempts as usize);
        // The bearer that has called least lately comes next: as a rule one that has not asked yet.
        let is_last = refused.len() >= bearers || attempts.any(|attempts| attempts >= 2 * bearers);
        let settlement = if is_last || self.backlog.is_closed(flight.lane) {
            Settlement {
                rulings: Settlement::fail(flight, refusal),
                ..Settlement::default()
            }
        } else {
            let rows = flight.rows.iter().map(|pending| pending.charged());
            let settlement = Settlement::pending(flight, refusal);
            let rows = rows.collect();
            self.backlog
                .wait_as_part(flight.lane, now, rows, Vec::new(), refusals);
            settlement
        };
        if !self.outage.has_accepted() {
            self.judge_run(refusal);
        }
        settlement
    }
}
