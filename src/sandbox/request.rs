//! What an HTTP request asks for.
//!
//! Paths, parameters and bodies: AWS, Amazon Chime SDK messaging API reference. The first
//! namespace's are the same.

use std::str::FromStr;

use hyper::http::request::Parts;
use hyper::{HeaderMap, Method};
use percent_encoding::percent_decode_str;

use super::exception::Exception;
use super::operation::Operation;
use super::wire::{BatchCreateIn, CreateIn};
use super::world::{ListFilter, Paging};
use crate::model::{ChannelArn, MemberArn, Membership, MembershipType};

/// Most members that one page lists (service model, `MaxResults`), and how many it does if not
/// told.
pub(super) const MAX_RESULTS: usize = 50;

/// A request, read.
#[derive(Debug)]
pub(super) struct Request {
    /// The channel.
    pub(super) channel: ChannelArn,
    /// In whose name.
    pub(super) bearer: MemberArn,
    /// What is asked for.
    pub(super) action: Action,
}

/// An operation with its input.
#[derive(Debug)]
pub(super) enum Action {
    /// `BatchCreateChannelMembership`
    BatchCreate {
        /// How they are added.
        membership: Membership,
        /// Who.
        members: Vec<String>,
    },
    /// `CreateChannelMembership`
    Create {
        /// How it is added.
        membership: Membership,
        /// Who.
        member: String,
    },
    /// `DeleteChannelMembership`
    Delete {
        /// Who.
        member: String,
        /// Only from this sub-channel.
        sub_channel: Option<String>,
    },
    /// `DescribeChannelMembership`
    Describe {
        /// Who.
        member: String,
        /// Only of this sub-channel.
        sub_channel: Option<String>,
    },
    /// `ListChannelMemberships`
    List(ListFilter),
    /// `DescribeChannel`
    DescribeChannel,
    /// `ListChannelModerators`
    ListModerators(Paging),
    /// `ListSubChannels`
    ListSubChannels(Paging),
}

impl Request {
    /// Reads a request.
    pub(super) fn read(parts: &Parts, body: &[u8]) -> Result<Self, Exception> {
        let path: Vec<String> = parts.uri.path().split('/').map(decoded).collect();
        let path: Vec<&str> = path.iter().map(String::as_str).collect();
        let ["", "channels", channel, rest @ ..] = &path[..] else {
            return Err(unknown_operation());
        };
        let query = parts.uri.query().unwrap_or_default();
        let operation = operation(&parts.method, rest, query).ok_or_else(unknown_operation)?;
        let channel = ChannelArn::parse(channel).map_err(|why| invalid("ChannelArn", why))?;
        let bearer = header(&parts.headers, "x-amz-chime-bearer");
        let bearer = bearer.ok_or_else(|| Exception::bad_request("ChimeBearer is missing"))?;
        let bearer = MemberArn::parse(bearer).map_err(|why| invalid("ChimeBearer", why))?;
        let member = rest.get(1).copied().unwrap_or_default().to_owned();
        let sub_channel = parameter(query, "sub-channel-id");
        let action = match operation {
            Operation::BatchCreate => {
                let body: BatchCreateIn = json(body)?;
                Action::BatchCreate {
                    membership: membership(body.r#type, body.sub_channel_id)?,
                    members: body.member_arns.unwrap_or_default(),
                }
            }
            Operation::Create => {
                let body: CreateIn = json(body)?;
                if body.r#type.is_none() {
                    // Unlike in the batch call, it is required (service model).
                    return Err(Exception::bad_request("Type is missing"));
                }
                Action::Create {
                    membership: membership(body.r#type, body.sub_channel_id)?,
                    member: body.member_arn.unwrap_or_default(),
                }
            }
            Operation::Delete => Action::Delete {
                member,
                sub_channel,
            },
            Operation::Describe => Action::Describe {
                member,
                sub_channel,
            },
            Operation::List => Action::List(filter(query, sub_channel)?),
            Operation::DescribeChannel => Action::DescribeChannel,
            Operation::ListModerators => Action::ListModerators(paging(query)?),
            Operation::ListSubChannels => Action::ListSubChannels(paging(query)?),
        };
        Ok(Self {
            channel,
            bearer,
            action,
        })
    }
}

/// Which operation a method, the path after the channel and the query mean.
fn operation(method: &Method, rest: &[&str], query: &str) -> Option<Operation> {
    match (method, rest) {
        (&Method::POST, ["memberships"]) => match parameter(query, "operation").as_deref() {
            Some("batch-create") => Some(Operation::BatchCreate),
            None => Some(Operation::Create),
            Some(_) => None,
        },
        (&Method::GET, ["memberships"]) => Some(Operation::List),
        (&Method::GET, ["memberships", _]) => Some(Operation::Describe),
        (&Method::DELETE, ["memberships", _]) => Some(Operation::Delete),
        (&Method::GET, []) => Some(Operation::DescribeChannel),
        (&Method::GET, ["moderators"]) => Some(Operation::ListModerators),
        (&Method::GET, ["subchannels"]) => Some(Operation::ListSubChannels),
        _ => None,
    }
}

fn filter(query: &str, sub_channel: Option<String>) -> Result<ListFilter, Exception> {
    Ok(ListFilter {
        membership_type: parse_type(parameter(query, "type"))?,
        sub_channel,
        paging: paging(query)?,
    })
}

fn paging(query: &str) -> Result<Paging, Exception> {
    let max_results = match parameter(query, "max-results") {
        None => MAX_RESULTS,
        Some(text) => text
            .parse()
            .ok()
            .filter(|n| (1..=MAX_RESULTS).contains(n))
            .ok_or_else(|| Exception::bad_request("MaxResults is from 1 to 50"))?,
    };
    Ok(Paging {
        max_results,
        next_token: parameter(query, "next-token"),
    })
}

fn membership(
    membership_type: Option<String>,
    sub_channel: Option<String>,
) -> Result<Membership, Exception> {
    let sub_channel = sub_channel.map(|id| id.parse()).transpose();
    Ok(Membership {
        membership_type: parse_type(membership_type)?,
        sub_channel: sub_channel.map_err(|why| invalid("SubChannelId", why))?,
    })
}

fn parse_type(text: Option<String>) -> Result<MembershipType, Exception> {
    text.map_or(Ok(MembershipType::Default), |text| {
        MembershipType::from_str(&text).map_err(|why| invalid("Type", why))
    })
}

fn json<'a, T: serde::Deserialize<'a>>(body: &'a [u8]) -> Result<T, Exception> {
    serde_json::from_slice(body).map_err(|why| invalid("the body", why))
}

fn parameter(query: &str, name: &str) -> Option<String> {
    let pairs = query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut named = pairs.filter(|(key, _)| decoded(key) == name);
    named.next().map(|(_, value)| decoded(value))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn invalid(what: &str, why: impl std::fmt::Display) -> Exception {
    Exception::bad_request(format!("{what}: {why}"))
}

fn unknown_operation() -> Exception {
    Exception {
        status: 404,
        name: "UnknownOperationException".into(),
        message: "no such operation here".into(),
    }
}
