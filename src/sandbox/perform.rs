//! Performs a request as it is on the wire.

use std::time::Duration;

use super::address::Address;
use super::operation::Operation;
use super::request::{Action, Request};
use super::service::Service;
use super::service_answer::ServiceAnswer;
use super::wire;

/// Performs a request; returns status and body.
pub(super) fn perform(service: &Service, request: &Request) -> ServiceAnswer<(u16, Vec<u8>)> {
    let (channel, bearer) = (&request.channel, &request.bearer);
    let at = Address { channel, bearer };
    match &request.action {
        Action::BatchCreate {
            membership,
            members,
        } => {
            let arns: Vec<&str> = members.iter().map(String::as_str).collect();
            let answer = service.batch_create(at, membership, &arns);
            answer.map(|results| {
                let body = wire::batch_created(channel, bearer, membership, members, &results);
                (200, body)
            })
        }
        Action::Create { membership, member } => service
            .create(at, membership, member)
            .map(|result| (201, wire::created(channel, membership, member, &result))),
        Action::Delete {
            member,
            sub_channel,
        } => service
            .perform(Operation::Delete, at, |world, now| {
                world.delete(at, member, sub_channel.as_deref(), now)
            })
            .map(|()| (204, Vec::new())),
        Action::Describe {
            member,
            sub_channel,
        } => service
            .perform(Operation::Describe, at, |world, now| {
                world.describe(at, member, sub_channel.as_deref(), now)
            })
            .map(|details| {
                let created = service.wall_clock(details.created);
                (200, wire::described(channel, member, &details, created))
            }),
        Action::List(filter) => service
            .perform(Operation::List, at, |world, now| {
                world.list(at, filter, now)
            })
            .map(|page| (200, wire::listed(channel, &page))),
        Action::DescribeChannel => service
            .perform(Operation::DescribeChannel, at, |world, now| {
                world.describe_channel(at, now)
            })
            .map(|details| {
                let created = service.wall_clock(Duration::ZERO);
                (200, wire::channel_described(channel, &details, created))
            }),
        Action::ListModerators(paging) => service
            .perform(Operation::ListModerators, at, |world, now| {
                world.list_moderators(at, paging, now)
            })
            .map(|page| (200, wire::moderators_listed(channel, &page))),
        Action::ListSubChannels(paging) => service
            .perform(Operation::ListSubChannels, at, |world, now| {
                world.list_sub_channels(at, paging, now)
            })
            .map(|page| (200, wire::sub_channels_listed(channel, &page))),
    }
}
