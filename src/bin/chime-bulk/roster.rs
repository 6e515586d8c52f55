//! Arguments about the list, and the channel that its members are added to.

use chime_bulk::model::{AppInstanceArn, MembershipType, SubChannelId};
use chime_bulk::roster::{ChannelName, Delimiter, Encoding, Filter, Options, Template};
use clap::Args;

use crate::value;

/// The list, and the channel that its members are added to.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "What to add")]
pub(crate) struct RosterArguments {
    /// Add everybody to this channel.
    #[arg(long, value_name = "ARN", value_parser = value::channel, conflicts_with = "channel_column")]
    channel_arn: Option<ChannelName>,
    /// The column with the channel (ARN or id) [default: found by name].
    #[arg(long, value_name = "NAME")]
    channel_column: Option<String>,
    /// The column with the member (ARN or user id) [default: found by name].
    #[arg(long, value_name = "NAME")]
    member_column: Option<String>,
    /// Build the member's id from columns, as in 'user-{employee_id}'.
    #[arg(long, value_name = "TEMPLATE", conflicts_with = "member_column")]
    member_template: Option<Template>,
    /// Build the channel's id from columns, as in 'team-{department}'.
    #[arg(long, value_name = "TEMPLATE", conflicts_with_all = ["channel_arn", "channel_column"])]
    channel_template: Option<Template>,
    /// The app instance of bare ids [default: the channel's or bearer's].
    #[arg(long, value_name = "ARN", value_parser = value::app_instance)]
    app_instance_arn: Option<AppInstanceArn>,
    /// DEFAULT, or HIDDEN [default: DEFAULT].
    #[arg(long = "type", value_name = "TYPE", value_parser = value::parsed::<MembershipType>, conflicts_with = "type_column")]
    membership_type: Option<MembershipType>,
    /// The column with the type.
    #[arg(long, value_name = "NAME")]
    type_column: Option<String>,
    /// Add moderators to this sub-channel of an elastic channel.
    #[arg(long, value_name = "ID", value_parser = value::sub_channel, conflicts_with = "sub_channel_column")]
    sub_channel_id: Option<SubChannelId>,
    /// The column with the sub-channel's id.
    #[arg(long, value_name = "NAME")]
    sub_channel_column: Option<String>,
    /// Take only rows with COLUMN=VALUE or COLUMN!=VALUE, in any case; repeat to require several.
    #[arg(long = "where", value_name = "CONDITION")]
    filters: Vec<Filter>,
    /// Accept that --where leaves out every row.
    #[arg(long)]
    allow_empty: bool,
    /// The character between fields, or tab [default: detected].
    #[arg(long, value_name = "CHAR")]
    delimiter: Option<Delimiter>,
    /// utf-8, windows-1252, gbk or any other label of the Encoding Standard [default: detected].
    #[arg(long, value_name = "LABEL")]
    encoding: Option<Encoding>,
    /// Leave out this many lines at the beginning of the list.
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true)]
    skip_lines: u64,
    /// The first line names the columns [default: detected].
    #[arg(long, conflicts_with = "no_header")]
    header: bool,
    /// The first line is a row; columns are named by number [default: detected].
    #[arg(long)]
    no_header: bool,
    /// Take only the first N rows that can be sent: a trial.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
}

impl RosterArguments {
    /// How many good rows are taken, if not all.
    pub(crate) fn limit(&self) -> Option<u64> {
        self.limit
    }
}

impl From<RosterArguments> for Options {
    fn from(arguments: RosterArguments) -> Self {
        Self {
            delimiter: arguments.delimiter,
            encoding: arguments.encoding,
            skip_lines: arguments.skip_lines,
            header: match (arguments.header, arguments.no_header) {
                (true, _) => Some(true),
                (_, true) => Some(false),
                (false, false) => None,
            },
            member_column: arguments.member_column,
            member_template: arguments.member_template,
            channel_column: arguments.channel_column,
            channel_template: arguments.channel_template,
            channel_arn: arguments.channel_arn,
            type_column: arguments.type_column,
            membership_type: arguments.membership_type.unwrap_or_default(),
            sub_channel_column: arguments.sub_channel_column,
            sub_channel: arguments.sub_channel_id,
            app_instance: arguments.app_instance_arn,
            bearer_app_instance: None,
            legacy_api: false,
            filters: arguments.filters,
            max_record_size: None,
            allow_empty: arguments.allow_empty,
            limit: arguments.limit,
        }
    }
}
