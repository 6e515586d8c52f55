//! One member to add, checked.

use crate::model::{
    ChannelArn, MemberArn, MembershipType, SubChannelId, check_user_id, is_resource_id,
};

/// An ARN that is built from valid parts is checked as a whole only if it has more bytes than this:
/// a shorter one cannot exceed the service's limit.
const MAX_UNCHECKED: usize = 1024;

/// A member to add to a channel: valid, full ARNs of one app instance.
///
/// Reused from row to row: it keeps its buffers, and does not check a repeated channel or
/// sub-channel again.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    channel_arn: String,
    /// How much of `channel_arn` is its app instance's ARN.
    instance: usize,
    member_arn: String,
    membership_type: MembershipType,
    /// Empty for none.
    sub_channel: String,
}

impl Entry {
    /// The channel's ARN.
    #[must_use]
    pub fn channel_arn(&self) -> &str {
        &self.channel_arn
    }

    /// The member's ARN.
    #[must_use]
    pub fn member_arn(&self) -> &str {
        &self.member_arn
    }

    /// Whether the member is a bot.
    #[must_use]
    pub fn is_bot(&self) -> bool {
        self.member_arn
            .get(self.instance..)
            .is_some_and(|rest| rest.starts_with("/bot/"))
    }

    /// The member's id: what follows `/user/` or `/bot/` in its ARN.
    #[must_use]
    pub fn member_id(&self) -> &str {
        let rest = self.member_arn.get(self.instance..).unwrap_or_default();
        rest.rsplit('/').next().unwrap_or_default()
    }

    /// The channel's id: what follows `/channel/` in its ARN.
    #[must_use]
    pub fn channel_id(&self) -> &str {
        self.channel_arn.rsplit('/').next().unwrap_or_default()
    }

    /// The member, its text checked when it was set.
    pub(crate) fn member(&self) -> MemberArn {
        MemberArn::checked(&self.member_arn)
    }

    /// The type of the membership.
    #[must_use]
    pub fn membership_type(&self) -> MembershipType {
        self.membership_type
    }

    /// The sub-channel, for moderators of an elastic channel.
    #[must_use]
    pub fn sub_channel(&self) -> Option<&str> {
        (!self.sub_channel.is_empty()).then_some(&*self.sub_channel)
    }

    /// The ARN of the app instance the channel and the member belong to.
    #[must_use]
    pub fn app_instance(&self) -> &str {
        &self.channel_arn[..self.instance]
    }

    /// Takes a channel's ARN, or its id in the app instance.
    pub(super) fn set_channel(
        &mut self,
        text: &str,
        app_instance: Option<&str>,
    ) -> Result<(), String> {
        if text.starts_with("arn:") {
            if self.channel_arn != text {
                // Usually the app instance is that of the row before: then check only the rest.
                let home = &self.channel_arn[..self.instance];
                let is_of_home = !home.is_empty()
                    && text.len() <= MAX_UNCHECKED
                    && text
                        .strip_prefix(home)
                        .and_then(|rest| rest.strip_prefix("/channel/"))
                        .is_some_and(is_resource_id);
                if !is_of_home {
                    let instance = ChannelArn::check(text).map_err(|error| error.reason())?;
                    self.instance = instance.len();
                }
                self.channel_arn.clear();
                self.channel_arn.push_str(text);
            }
            return Ok(());
        }
        if text.is_empty() {
            return Err("the channel is missing".to_owned());
        }
        let home = app_instance.ok_or("a channel's id, but no app instance is given for it")?;
        let known = self
            .channel_arn
            .strip_prefix(home)
            .and_then(|rest| rest.strip_prefix("/channel/"));
        if known != Some(text) {
            if text.contains(|c: char| !c.is_ascii_graphic() || c == '/') {
                return Err(
                    "a channel's id has visible ASCII characters only, and no slash".to_owned(),
                );
            }
            self.channel_arn.clear();
            self.channel_arn.push_str(home);
            self.channel_arn.push_str("/channel/");
            self.channel_arn.push_str(text);
            self.instance = home.len();
            if let Err(error) = ChannelArn::check(&self.channel_arn) {
                self.channel_arn.clear();
                self.instance = 0;
                return Err(error.reason());
            }
        }
        Ok(())
    }

    /// Takes a member's ARN, or its user id, in the app instance of the channel, which must be set.
    pub(super) fn set_member(&mut self, text: &str) -> Result<(), String> {
        let home = &self.channel_arn[..self.instance];
        if text.is_empty() {
            return Err("the member is missing".to_owned());
        }
        if text.starts_with("arn:") {
            let own_user = text
                .strip_prefix(home)
                .and_then(|rest| rest.strip_prefix("/user/"));
            if let Some(id) = own_user {
                check_user_id(id).map_err(|error| error.reason())?;
            } else {
                let other = MemberArn::check(text).map_err(|error| error.reason())?;
                check_same_instance(other, home, "the channel")?;
            }
            self.member_arn.clear();
        } else {
            check_user_id(text).map_err(|error| error.reason())?;
            self.member_arn.clear();
            self.member_arn.push_str(home);
            self.member_arn.push_str("/user/");
        }
        self.member_arn.push_str(text);
        if self.member_arn.len() > MAX_UNCHECKED {
            MemberArn::check(&self.member_arn).map_err(|error| error.reason())?;
        }
        Ok(())
    }

    /// Takes the type.
    pub(super) fn set_type(&mut self, membership_type: MembershipType) {
        self.membership_type = membership_type;
    }

    /// Takes the sub-channel's id, empty for none.
    pub(super) fn set_sub_channel(&mut self, text: &str) -> Result<(), String> {
        if text.is_empty() {
            // Nearly every row is here. To compare two empty strings took longer than to compare ARNs:
            // a `memcmp` with vector instructions is slow at an address that is not mapped.
            self.sub_channel.clear();
        } else if self.sub_channel != text {
            text.parse::<SubChannelId>()
                .map_err(|error| error.to_string())?;
            self.sub_channel.clear();
            self.sub_channel.push_str(text);
        }
        Ok(())
    }
}

/// Compares two app instances, and names the difference.
pub(super) fn check_same_instance(found: &str, wanted: &str, whose: &str) -> Result<(), String> {
    if found == wanted {
        return Ok(());
    }
    let part = |arn: &str, at: usize| arn.split(':').nth(at).unwrap_or_default().to_owned();
    let what = match () {
        () if part(found, 1) != part(wanted, 1) => "partition",
        () if part(found, 3) != part(wanted, 3) => "region",
        () if part(found, 4) != part(wanted, 4) => "account",
        () => "app instance",
    };
    Err(format!("of another {what} than {whose}"))
}
