//! The lines of standard error when it holds JSON.

use chime_bulk::engine::OpenChannel;
use chime_bulk::model::{AccountQuotas, escape_control};
use chime_bulk::roster::ListNotes;
use chime_bulk::schedule::Binding;
use schemars::JsonSchema;
use serde::Serialize;

/// An event: one line of `--progress json`. If the run can be resumed, the last line is the command
/// that does so; it is not JSON. Later versions may add events and fields; none is renamed.
#[derive(Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line {
    /// A session begins.
    Begun {
        /// The run's name.
        run_id: String,
        /// The run directory.
        dir: String,
        /// How the list is read: format, encoding and columns.
        list: String,
        /// The service called: a region, an address or the sandbox.
        service: String,
        /// The address that is called; null with a sandbox in the process.
        address: Option<String>,
        /// Bearers that share the calls.
        bearers: usize,
        /// Rows read from the list by earlier sessions.
        rows_read: u64,
        /// Rows that were sent and have a verdict from earlier sessions.
        settled_before: u64,
        /// What the session does with the rows: `add`, `remove`, `read` (it asks questions) or `stage`
        /// (it only reads the list).
        task: String,
        /// The directory of the run that this is a part of; null if it is a run by itself.
        part_of: Option<String>,
        /// The quotas of the account, with the source of each figure; null if they were not asked for.
        quotas: Option<AccountQuotas>,
    },
    /// More of the list is read.
    Staged {
        /// Seconds since this session began.
        seconds: f64,
        /// Rows read from the list so far.
        rows_read: u64,
        /// Bytes read from the list so far, before decompression.
        bytes_read: u64,
        /// Defective rows so far.
        invalid: u64,
    },
    /// The list is read to its end and every duplicate is found.
    ListComplete {
        /// Seconds since this session began.
        seconds: f64,
        /// Rows read from the list.
        rows_read: u64,
        /// Defective rows.
        invalid: u64,
        /// Rows with the channel and member of an earlier row.
        duplicate: u64,
        /// Properties of the list that may be mistakes.
        notes: ListNotes,
    },
    /// The least that the list takes, including what earlier sessions did.
    Bound {
        /// Seconds since this session began.
        seconds: f64,
        /// The fewest calls.
        calls: u64,
        /// The least time at these limits, in seconds.
        least_seconds: f64,
        /// The limit that sets the least time; null if none does: all calls may come at once.
        binding: Option<Binding>,
    },
    /// Before the first add, the members of channels are listed. Calls up to `listed` are those of the
    /// listings, and their numbers those in the ledgers of the listings.
    ListingMembers {
        /// Seconds since this session began.
        seconds: f64,
        /// Channels whose members are listed.
        channels: u64,
        /// Whether only the first pages are read, which decide whether the others are.
        first_pages: bool,
    },
    /// The members of channels could not be listed: nobody is skipped there.
    ListingRefused {
        /// Seconds since this session began.
        seconds: f64,
        /// How many channels.
        channels: u64,
        /// The reason, of one of them.
        reason: String,
        /// Whether the bearers lack the permission.
        denied: bool,
    },
    /// The listings are done.
    Listed {
        /// Seconds since this session began.
        seconds: f64,
        /// Rows whose members are in their channels already: no call is made for them.
        rows: u64,
    },
    /// A call is sent.
    CallSent {
        /// Seconds since this session began.
        seconds: f64,
        /// The call's number in the ledger.
        call: i64,
        /// Members in the call.
        members: usize,
        /// Calls in flight, this one included.
        in_flight: u32,
    },
    /// A call is answered or lost, and its result is in the ledger.
    CallSettled {
        /// Seconds since this session began.
        seconds: f64,
        /// The call's number in the ledger.
        call: i64,
        /// The error code if the call was refused as a whole or lost; otherwise null.
        refusal: Option<String>,
        /// The reason for the refusal in words: the network's error or the code's cause; otherwise
        /// null.
        reason: Option<String>,
        /// Rows that are now `added`.
        added: u64,
        /// Rows that are now `already_member`.
        already_member: u64,
        /// Questions that are now answered.
        answered: u64,
        /// Members that are now removed.
        removed: u64,
        /// Members to remove that are now found to be gone.
        gone_already: u64,
        /// Members that an undo now keeps: the run may not have added them.
        kept: u64,
        /// Rows that are now `failed`; of an undo, members that could not be removed.
        failed: u64,
        /// Rows that are now `unconfirmed`.
        unconfirmed: u64,
        /// The rows of `kept`, `failed` and `unconfirmed`, by error code.
        failed_by_code: std::collections::BTreeMap<String, u64>,
        /// Rows that will be retried.
        again: usize,
        /// All rows that wait for a retry.
        waiting: usize,
        /// Time from sending the call to its answer, in seconds.
        round_trip_seconds: f64,
        /// Calls still in flight.
        in_flight: u32,
        /// Whether the service counts as down.
        outage: bool,
    },
    /// The channels with calls left; at most once a second.
    Standing {
        /// Seconds since this session began.
        seconds: f64,
        /// Channels with calls left.
        open_channels: usize,
        /// Channels with calls left that wait because they were throttled.
        cooling_channels: usize,
        /// Calls left on all channels, for the rows read so far.
        calls_left: u64,
        /// The channels with the most calls left, most first; at most five.
        largest_channels: Vec<Channel>,
    },
    /// A bearer is denied calls that other bearers may make; its calls go to the others.
    BearerSetAside {
        /// Seconds since this session began.
        seconds: f64,
        /// The bearer's ARN.
        bearer: String,
    },
    /// The run is stopping: no more calls are begun.
    Draining {
        /// Seconds since this session began.
        seconds: f64,
        /// Calls in flight.
        in_flight: u32,
    },
    /// A message for people.
    Note {
        /// The message.
        text: String,
    },
    /// An error.
    Error {
        /// What went wrong.
        text: String,
        /// How to fix it; null if there is no hint.
        hint: Option<String>,
    },
}

/// A channel with calls left.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Channel {
    /// The channel's id, as in its ARN.
    id: String,
    /// Rows to send to it.
    members_left: u64,
    /// The calls that they take.
    calls_left: u64,
}

impl From<&OpenChannel> for Channel {
    fn from(channel: &OpenChannel) -> Self {
        Self {
            id: escape_control(&channel.id, usize::MAX),
            members_left: channel.members_left,
            calls_left: channel.calls_left,
        }
    }
}
