//! `run --skip-existing`: lists channels before the first add, and settles the rows of those who are
//! members already.
//!
//! Promises: a run with this setting never adds before its list is read to its end and its listings
//! are settled in its ledger, also if it is resumed; a listing that fails only means that nobody is
//! skipped in that channel.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::conclusion::Conclusion;
use super::inquiry::{Inquired, Inquiry};
use super::session::{EndedSession, Session};
use super::staged_run::{adding, stage};
use super::{JobError, Target};
use crate::engine::{Command, Ending, Event, Observer, replay_parts};
use crate::ledger::{Ledger, LedgerError, Settled, fact};
use crate::model::codes::Effect;
use crate::model::{
    ChannelArn, Membership, Outcome, Question, QuestionRow, RefusalKind, SkipExisting,
    SubChannelId, Tally, codes, quota,
};
use crate::report::{ListingCandidates, ListingEnd, Listings, QuestionList, Subject};
use crate::roster::Entry;
use crate::schedule::{ListingFirst, ListingOutlook, Scheduler, Stop};

/// The directories of the inquiries, in the run directory: of the first pages, which decide, and of all
/// pages.
const FIRST_PAGES: &str = "listing/first-pages";
const MEMBERS: &str = "listing/members";

/// The first pages of each listing that decide whether the others are read.
const DECIDING_PAGES: u64 = 2;

/// Runs a session that adds. Before its first add lists channels, if its settings have that and it is
/// not done.
pub(super) async fn run(
    (session, scheduler): (Session, Scheduler),
    target: Target,
    observer: &mut dyn Observer,
    mut commands: mpsc::Receiver<Command>,
) -> Result<Conclusion, JobError> {
    let skip = session.settings.skip_existing;
    if skip == SkipExisting::Never || session.ledger.is_listed()? {
        return Box::pin(session.run(scheduler, observer, commands)).await;
    }
    let (mut ended, service) = stage(session, observer, &mut commands).await?;
    if !matches!(ended.ending, Ending::Finished) {
        return ended.conclude(&mut commands);
    }
    let begun = Instant::now();
    let mut survey = Survey::of(&ended, target, observer)?;
    let surveyed = match skip {
        SkipExisting::Always => Box::pin(survey.list_all(&mut commands)).await?,
        _ => Box::pin(survey.list_where_it_pays(&mut commands)).await?,
    };
    let Survey {
        found, inquiries, ..
    } = survey;
    if let Some(ending) = surveyed {
        ended.end(ending, begun.elapsed())?;
        return ended.conclude(&mut commands);
    }
    let rows = settle(&mut ended.ledger, &found)?;
    ended.end(Ending::Finished, begun.elapsed())?;
    observer.event(&Event::Listed { rows });
    let (session, mut scheduler, _) = adding(ended, service)?;
    let bearers = session.settings.bearers.as_slice();
    replay_parts(&inquiries, &mut scheduler, bearers)?;
    Box::pin(session.run(scheduler, observer, commands)).await
}

/// Settles the rows whose members a listing of their type has.
fn settle(ledger: &mut Ledger, found: &[Listings]) -> Result<u64, LedgerError> {
    ledger.settle_listed(|entry| {
        let is_listed = found.iter().any(|listings| has(listings, entry));
        is_listed.then_some(Settled {
            outcome: Outcome::AlreadyMember,
            code: codes::LISTED,
            message: "a listing before the first call had the member",
        })
    })
}

/// Whether a listing of the row's type has its member.
fn has(listings: &Listings, entry: &Entry) -> bool {
    let (channel, member) = (entry.channel_arn(), entry.member_arn());
    let membership = listings.membership(channel, member, entry.sub_channel());
    listings.has(membership, entry.membership_type())
}

/// A channel with rows to add.
struct Channel {
    arn: ChannelArn,
    calls: u64,
    members: u64,
    lanes: Vec<Lane>,
}

/// Rows that one listing is about.
struct Lane {
    members: u64,
    membership: Membership,
}

/// The listings of a run that has not begun to add.
struct Survey<'a> {
    ended: &'a EndedSession,
    target: Target,
    observer: &'a mut dyn Observer,
    run_id: String,
    rates: ListingFirst,
    found: Vec<Listings>,
    inquiries: Vec<Ledger>,
}

impl<'a> Survey<'a> {
    fn of(
        ended: &'a EndedSession,
        target: Target,
        observer: &'a mut dyn Observer,
    ) -> Result<Self, JobError> {
        Ok(Self {
            ended,
            target,
            observer,
            run_id: ended.ledger.fact(fact::RUN_ID)?.unwrap_or_default(),
            rates: ListingFirst::new(&ended.limits, ended.settings.bearers.len()),
            found: Vec::new(),
            inquiries: Vec::new(),
        })
    }

    /// Lists every channel. Returns why it ended, if not at its end.
    async fn list_all(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Ending>, JobError> {
        let channels = self.channels(&self.candidates()?)?;
        let all: Vec<_> = channels.iter().map(|channel| (channel, None)).collect();
        self.ask(MEMBERS, &all, commands).await
    }

    /// Lists the channels where that saves time, by what their first pages have.
    async fn list_where_it_pays(
        &mut self,
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Ending>, JobError> {
        let bound = self.candidates()?;
        let candidates = self.channels(&bound)?;
        let first: Vec<_> = candidates
            .iter()
            .map(|channel| (channel, Some(DECIDING_PAGES)))
            .collect();
        if let Some(ending) = self.ask(FIRST_PAGES, &first, commands).await? {
            return Ok(Some(ending));
        }
        let Some(listings) = self.found.last() else {
            return Ok(None);
        };
        let on_list = self.count_on_list(listings)?;
        let outlook = |channel: &Channel| {
            let found = on_list.get(channel.arn.as_str()).copied();
            channel.outlook(listings, found.unwrap_or_default())
        };
        let outlooks: Vec<_> = candidates.iter().map(outlook).collect();
        let rates = match self.inquiries.last().map(round_trip).transpose()? {
            Some(Some(round_trip)) => self.rates.with_round_trip(round_trip),
            _ => self.rates,
        };
        let count = rates.worthwhile(bound.calls, &outlooks, bound.next_calls);
        let rest: Vec<_> = candidates[..count]
            .iter()
            .zip(&outlooks)
            .filter(|(_, outlook)| outlook.pages > 0)
            .map(|(channel, _)| (channel, Some(rates.max_pages(channel.calls))))
            .collect();
        self.ask(MEMBERS, &rest, commands).await
    }

    /// The channels to list, or those whose first pages decide.
    fn candidates(&self) -> Result<ListingCandidates, LedgerError> {
        let EndedSession {
            ledger,
            settings,
            limits,
            ..
        } = self.ended;
        let bearers = settings.bearers.len();
        ListingCandidates::of(ledger, settings.skip_existing, limits, bearers)
    }

    /// These channels with their lanes, in their order.
    fn channels(&self, candidates: &ListingCandidates) -> Result<Vec<Channel>, LedgerError> {
        let ledger = &self.ended.ledger;
        let mut places = HashMap::new();
        let mut channels = Vec::new();
        for (place, load) in candidates.channels.iter().enumerate() {
            places.insert(load.channel, place);
            channels.push(Channel {
                arn: ledger.channel_arn(load.channel)?,
                calls: load.calls,
                members: load.members,
                lanes: Vec::new(),
            });
        }
        let mut lanes = Vec::new();
        ledger.lane_loads(|load| {
            lanes.extend(places.get(&load.channel).map(|place| (*place, load)));
        })?;
        for (place, load) in lanes {
            channels[place].lanes.push(Lane {
                members: load.members,
                membership: ledger.lane(load.lane)?.1,
            });
        }
        Ok(channels)
    }

    /// The number of rows whose members these listings have, by channel.
    fn count_on_list(&self, listings: &Listings) -> Result<HashMap<String, u64>, LedgerError> {
        let ledger = &self.ended.ledger;
        let mut entry = Entry::default();
        let mut counts: HashMap<String, u64> = HashMap::new();
        ledger.project(|row| {
            if row.outcome != Outcome::NotAttempted {
                return Ok(());
            }
            if ledger.layout().resolve(row.record, &mut entry).is_err() {
                return Err(ledger.damaged(format!("row {}", row.row)));
            }
            if has(listings, &entry) {
                *counts.entry(entry.channel_arn().to_owned()).or_default() += 1;
            }
            Ok(())
        })?;
        Ok(counts)
    }

    /// Lists these channels, each to its end or up to so many pages. Returns why it ended, if not at its
    /// end. A denial is an end like any other: nobody is skipped then.
    async fn ask(
        &mut self,
        name: &str,
        channels: &[(&Channel, Option<u64>)],
        commands: &mut mpsc::Receiver<Command>,
    ) -> Result<Option<Ending>, JobError> {
        if channels.is_empty() {
            return Ok(None);
        }
        self.observer.event(&Event::ListingMembers {
            channels: channels.len() as u64,
            first_pages: name == FIRST_PAGES,
        });
        let inquiry = Inquiry {
            dir: &self.ended.dir.join(name),
            part_of: &self.ended.dir,
            run: None,
            run_id: &self.run_id,
            settings: &self.ended.settings,
            channel_rate: quota::LIST_RATE,
            target: self.target.clone(),
            earlier: &self.inquiries,
        };
        let write = |questions: &mut QuestionList| -> Result<(), JobError> {
            for (channel, max_pages) in channels {
                channel.ask(*max_pages, &self.found, questions)?;
            }
            Ok(())
        };
        let observer: Box<dyn Observer + '_> = Box::new(PageObserver(&mut *self.observer));
        let inquired = Box::pin(inquiry.perform(write, |_| observer, commands)).await?;
        let Some(Inquired { ledger, ending, .. }) = inquired else {
            return Ok(None);
        };
        match ending {
            Ending::Finished => {}
            Ending::Stopped(Stop::Denied(refusal)) => {
                let channels = channels.len() as u64;
                self.observer
                    .event(&refused_listing(channels, &refusal.code));
                return Ok(None);
            }
            ending => return Ok(Some(ending)),
        }
        let listings = Listings::read(&ledger)?;
        self.note_refused(channels, &listings);
        self.found.push(listings);
        self.inquiries.push(ledger);
        Ok(None)
    }

    /// Reports the channels that could not be listed.
    fn note_refused(&mut self, channels: &[(&Channel, Option<u64>)], listings: &Listings) {
        let refused = |(channel, _): &(&Channel, _)| channel.refusal(listings);
        let mut refused = channels.iter().filter_map(refused);
        let Some(first) = refused.next() else { return };
        let code = first.split(':').next().unwrap_or_default();
        let channels = 1 + refused.count() as u64;
        self.observer.event(&refused_listing(channels, code));
    }
}

impl Channel {
    /// Asks for its members, but for those whom a listing read to its end has already.
    fn ask(
        &self,
        max_pages: Option<u64>,
        found: &[Listings],
        questions: &mut QuestionList,
    ) -> Result<(), JobError> {
        for lane in &self.lanes {
            let is_open = |listings: &Listings| {
                let listing = self.listing(lane, listings);
                listing.is_none_or(|listing| *listing == ListingEnd::CutShort)
            };
            if !found.iter().all(is_open) {
                continue;
            }
            let row = QuestionRow {
                question: Question::Members,
                max_pages,
            };
            let about = Subject {
                channel: self.arn.as_str(),
                instance: self.arn.app_instance(),
                member: None,
                membership_type: lane.membership.membership_type,
                sub_channel: lane.sub_channel(),
            };
            questions.ask(row, about)?;
        }
        Ok(())
    }

    /// What a listing to the end takes and leaves, by its first pages: so many rows of the list have a
    /// member of these pages.
    fn outlook(&self, listings: &Listings, on_list: u64) -> ListingOutlook {
        let (mut pages, mut members) = (0, 0);
        for lane in &self.lanes {
            let (channel, sub_channel) = (self.arn.as_str(), lane.sub_channel());
            let kind = lane.membership.membership_type;
            if let Some(listing) = listings.get(channel, kind, sub_channel) {
                members += listing.members;
                if listing.end == ListingEnd::CutShort {
                    pages += lane.members.div_ceil(quota::MEMBERS_PER_PAGE);
                }
            }
        }
        #[expect(
            clippy::cast_precision_loss,
            reason = "shares, of counts far below 2^52"
        )]
        let share = |part: u64, all: u64| part as f64 / all.max(1) as f64;
        // What the channel has beyond these pages is taken to be as on them; without more pages, it is
        // what they have.
        let skipped = if pages > 0 {
            share(on_list, members)
        } else {
            share(on_list, self.members)
        };
        #[expect(clippy::cast_precision_loss, reason = "call counts are far below 2^52")]
        let calls_left = self.calls as f64 * (1.0 - skipped).max(0.0);
        ListingOutlook {
            calls: self.calls,
            pages,
            calls_left,
        }
    }

    fn listing<'l>(&self, lane: &Lane, listings: &'l Listings) -> Option<&'l ListingEnd> {
        let kind = lane.membership.membership_type;
        let listing = listings.get(self.arn.as_str(), kind, lane.sub_channel());
        listing.map(|listing| &listing.end)
    }

    /// Why one of its listings was refused, if one was.
    fn refusal<'l>(&self, listings: &'l Listings) -> Option<&'l str> {
        let mut ends = self.lanes.iter().map(|lane| self.listing(lane, listings));
        ends.find_map(|end| match end {
            Some(ListingEnd::Refused(why)) => Some(why.as_str()),
            _ => None,
        })
    }
}

impl Lane {
    fn sub_channel(&self) -> Option<&str> {
        self.membership
            .sub_channel
            .as_ref()
            .map(SubChannelId::as_str)
    }
}

/// The mean time from request to answer of a page; nothing if there was none.
fn round_trip(inquiry: &Ledger) -> Result<Option<Duration>, LedgerError> {
    let calls = inquiry.calls_since(i64::MIN)?;
    let times: Vec<i64> = calls
        .iter()
        .filter(|call| call.refusal.is_none())
        .filter_map(|call| Some(call.settled_at? - call.sent_at))
        .collect();
    let count = i64::try_from(times.len()).unwrap_or(i64::MAX);
    let mean = times.iter().sum::<i64>().checked_div(count);
    Ok(mean.map(|mean| Duration::from_millis(u64::try_from(mean).unwrap_or_default())))
}

/// That the listings of so many channels were refused with this code.
fn refused_listing(channels: u64, code: &str) -> Event {
    let known = codes::explain(code);
    // What the catalogue says of a denial is about adding.
    let denied = known.is_some_and(|code| code.effect == Effect::Call(RefusalKind::Denied));
    let reason = match known {
        Some(code) if denied => code.text.to_owned(),
        Some(code) => format!("{}: {}", code.text, code.cause),
        None => "refused".to_owned(),
    };
    Event::ListingRefused {
        channels,
        reason,
        denied,
    }
}

/// Passes the events of listings to the observer of the run, but for those of their list and their
/// rows: these are not the run's.
struct PageObserver<'o>(&'o mut dyn Observer);

impl Observer for PageObserver<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::CallSent { .. } | Event::BearerSetAside { .. } | Event::Draining { .. } => {
                self.0.event(event);
            }
            Event::CallSettled {
                call,
                refusal,
                code,
                reason,
                again,
                round_trip,
                in_flight,
                outage,
                ..
            } => self.0.event(&Event::CallSettled {
                call: *call,
                refusal: *refusal,
                code: code.clone(),
                reason: reason.clone(),
                settled: Tally::default(),
                failed: Vec::new(),
                again: *again,
                waiting: 0,
                round_trip: *round_trip,
                in_flight: *in_flight,
                outage: *outage,
            }),
            _ => {}
        }
    }
}
