//! The page's charts, as SVG. Tables below them contain the same data.
//!
//! The colours here are only keys: the page's style maps each to a colour for light, dark and print,
//! and to a form (full, hatched, hollow, dashed) that is recognizable without colour.

use std::error::Error;

use maud::{Markup, PreEscaped, html};
use plotters::coord::types::RangedCoordf64;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use super::call_stats::{CallStats, ChannelTime};
use super::format::{milliseconds, number, seconds, short_id};
use super::latency::{LatencyBucket, LatencyHistogram};
use crate::report::format::time;

const SIZE: (u32, u32) = (480, 260);
/// Height of one channel's bar, and of the space around all bars.
const BAR: u32 = 20;
const AROUND: u32 = 50;
/// Characters of a channel's name beside its bar.
const NAME: usize = 20;

const INK: RGBColor = RGBColor(1, 1, 1);
const GRID: RGBColor = RGBColor(2, 2, 2);
const ACCEPTED: RGBColor = RGBColor(3, 3, 3);
const THROTTLED: RGBColor = RGBColor(4, 4, 4);
const FAILED: RGBColor = RGBColor(5, 5, 5);
const LIMIT: RGBColor = RGBColor(6, 6, 6);
const PAUSE: RGBColor = RGBColor(7, 7, 7);
const NONE_ACCEPTED: RGBColor = RGBColor(8, 8, 8);
/// The least distance between the labels of two pauses.
const LABEL: i32 = 110;

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, plotters::coord::Shift>;
type Chart<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;

/// Calls per second over the working time, and what the limits allowed.
pub(super) fn throughput(stats: &CallStats) -> Result<Markup, Box<dyn Error>> {
    let desc = "Bars: calls a second in each stretch of time, accepted, throttled above them, then \
                those refused or not answered. Dashed line: what the limits allowed. Dotted lines: \
                pauses, which take no room. Shaded: no call was accepted. The figures are in the \
                tables below.";
    let svg = draw(SIZE, |area| draw_throughput(area, stats))?;
    Ok(svg_element(
        "throughput",
        "Calls a second over time",
        desc,
        SIZE,
        &svg,
    ))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
fn draw_throughput(area: &Area<'_>, stats: &CallStats) -> Drawn {
    let (timeline, allowed) = (&stats.timeline, &stats.allowed);
    let (buckets, width) = (timeline.buckets(), timeline.seconds());
    let rate = |calls: u64| calls as f64 / width;
    let most = buckets.iter().map(|bucket| rate(bucket.calls()));
    let limit = allowed.iter().copied().filter(|_| !stats.is_far_below());
    let top = most.chain(limit).fold(1.0, f64::max) * 1.1;
    let end = buckets.len() as f64 * width;
    let mut chart = axes(area, (0.0..end, 0.0..top), (36, 44))?;
    mesh(&mut chart, &|x| seconds(*x), Some(&|y| number(*y)))?;
    shade(&mut chart, stats, top)?;
    for (index, bucket) in buckets.iter().enumerate() {
        let from = index as f64 * width;
        let to = from + width * 0.94;
        let mut base = 0.0;
        let kinds = [
            (bucket.accepted, ACCEPTED),
            (bucket.throttled, THROTTLED),
            (bucket.failed, FAILED),
        ];
        for (calls, colour) in kinds {
            if calls > 0 {
                let corners = [(from, base), (to, base + rate(calls))];
                chart.draw_series([Rectangle::new(corners, colour.filled())])?;
                base += rate(calls);
            }
        }
    }
    draw_pauses(area, &mut chart, stats, top)?;
    if stats.is_far_below() {
        return Ok(());
    }
    let mut steps = Vec::new();
    for (index, rate) in allowed.iter().enumerate() {
        steps.push((index as f64 * width, *rate));
        steps.push(((index + 1) as f64 * width, *rate));
    }
    chart.draw_series([PathElement::new(steps, LIMIT.stroke_width(2))])?;
    Ok(())
}

/// Shades the times in which no call was accepted.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn shade(chart: &mut Chart<'_, '_>, stats: &CallStats, top: f64) -> Drawn {
    for pause in stats.pauses.iter().filter(|pause| pause.to > pause.from) {
        let corners = [
            (pause.from as f64 / 1_000.0, 0.0),
            (pause.to as f64 / 1_000.0, top),
        ];
        chart.draw_series([Rectangle::new(corners, NONE_ACCEPTED.filled())])?;
    }
    Ok(())
}

/// Draws a line for each pause that takes no room, with its length beside it where there is room.
#[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
fn draw_pauses(area: &Area<'_>, chart: &mut Chart<'_, '_>, stats: &CallStats, top: f64) -> Drawn {
    let label = text(12).pos(Pos::new(HPos::Left, VPos::Top));
    let mut free_from = i32::MIN;
    for pause in stats.pauses.iter().filter(|pause| pause.to == pause.from) {
        let at = pause.from as f64 / 1_000.0;
        let line = PathElement::new(vec![(at, 0.0), (at, top)], PAUSE.stroke_width(2));
        chart.draw_series([line])?;
        let (x, y) = chart.backend_coord(&(at, top));
        let length = pause.seconds().map(time);
        if let Some(length) = length.filter(|_| x >= free_from) {
            let (end, _) = chart.plotting_area().get_pixel_range();
            let x = (x + 4).min(end.end - LABEL);
            area.draw_text(&format!("pause {length}"), &label, (x, y + 2))?;
            free_from = x + LABEL;
        }
    }
    Ok(())
}

/// The distribution of the answer times.
pub(super) fn latency(latency: &LatencyHistogram) -> Result<Markup, Box<dyn Error>> {
    let buckets = latency.buckets();
    let desc = "Bars: how many answers took from one time to the next; the times grow from left \
                to right, not evenly. The figures are in the table below.";
    let svg = draw(SIZE, |area| draw_latency(area, &buckets))?;
    Ok(svg_element(
        "latency",
        "Answers by the time they took",
        desc,
        SIZE,
        &svg,
    ))
}

#[expect(clippy::cast_precision_loss, reason = "counts are far below 2^52")]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "labels are small whole numbers from 0"
)]
fn draw_latency(area: &Area<'_>, buckets: &[LatencyBucket]) -> Drawn {
    let most = buckets
        .iter()
        .map(|bucket| bucket.answers)
        .max()
        .unwrap_or(1);
    let count = buckets.len() as f64;
    let mut chart = axes(area, (0.0..count, 0.0..most as f64 * 1.1), (36, 44))?;
    let begins = |x: &f64| {
        let bucket = buckets.get(x.round() as usize);
        let is_whole = (x - x.round()).abs() < 1e-6;
        bucket
            .filter(|_| is_whole)
            .map_or_else(String::new, |bucket| milliseconds(bucket.from))
    };
    mesh(&mut chart, &begins, Some(&|y| number(*y)))?;
    for (index, bucket) in buckets.iter().enumerate() {
        let from = index as f64 + 0.04;
        let corners = [(from, 0.0), (from + 0.92, bucket.answers as f64)];
        chart.draw_series([Rectangle::new(corners, ACCEPTED.filled())])?;
    }
    Ok(())
}

/// The channels that took longest.
pub(super) fn channels(channels: &[ChannelTime]) -> Result<Markup, Box<dyn Error>> {
    let rows = u32::try_from(channels.len()).unwrap_or(u32::MAX);
    let size = (SIZE.0, rows.saturating_mul(BAR).saturating_add(AROUND));
    let desc = "A bar for each channel, the longest first: the time from its first call to its \
                last answer. The figures are in the table below.";
    let svg = draw(size, |area| draw_channels(area, channels))?;
    Ok(svg_element(
        "channels",
        "Time per channel, the longest",
        desc,
        size,
        &svg,
    ))
}

#[expect(clippy::cast_precision_loss, reason = "there are few")]
fn draw_channels(area: &Area<'_>, channels: &[ChannelTime]) -> Drawn {
    let longest = channels.iter().map(|channel| channel.span.seconds());
    let top = longest.fold(0.001, f64::max) * 1.02;
    let count = channels.len() as f64;
    let mut chart = axes(area, (0.0..top, count..0.0), (36, 150))?;
    mesh(&mut chart, &|x| seconds(*x), None)?;
    let (corner, _) = chart.plotting_area().get_pixel_range();
    let name = text(12).pos(Pos::new(HPos::Right, VPos::Center));
    for (index, channel) in channels.iter().enumerate() {
        let above = index as f64;
        let corners = [(0.0, above + 0.15), (channel.span.seconds(), above + 0.85)];
        chart.draw_series([Rectangle::new(corners, ACCEPTED.filled())])?;
        let (_, middle) = chart.backend_coord(&(0.0, above + 0.5));
        area.draw_text(
            &short_id(&channel.arn, NAME),
            &name,
            (corner.start - 6, middle),
        )?;
    }
    Ok(())
}

/// A chart without its axes' labels.
fn axes<'a, 'b>(
    area: &'a Area<'b>,
    (x, y): (std::ops::Range<f64>, std::ops::Range<f64>),
    (below, left): (u32, u32),
) -> Result<Chart<'a, 'b>, Box<dyn Error>> {
    let chart = ChartBuilder::on(area)
        .margin(4)
        .margin_right(44)
        .margin_top(10)
        .x_label_area_size(below)
        .y_label_area_size(left)
        .build_cartesian_2d(x, y)?;
    Ok(chart)
}

/// Draws lines and labels; without a label format, none on the vertical axis.
fn mesh(
    chart: &mut Chart<'_, '_>,
    x: &dyn Fn(&f64) -> String,
    y: Option<&dyn Fn(&f64) -> String>,
) -> Drawn {
    let mut mesh = chart.configure_mesh();
    mesh.axis_style(INK)
        .bold_line_style(GRID)
        .light_line_style(TRANSPARENT)
        .label_style(text(13))
        .x_labels(6)
        .y_labels(5)
        .x_label_formatter(&x);
    match &y {
        Some(y) => mesh.y_label_formatter(y),
        None => mesh.disable_y_mesh().disable_y_axis(),
    };
    mesh.draw()?;
    Ok(())
}

fn text(size: u32) -> TextStyle<'static> {
    ("sans-serif", f64::from(size) * 1.24)
        .into_font()
        .color(&INK)
}

/// Draws the content of a chart, without the `svg` element around it.
fn draw(size: (u32, u32), with: impl FnOnce(&Area<'_>) -> Drawn) -> Result<String, Box<dyn Error>> {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        with(&area)?;
        area.present()?;
    }
    let inner = svg
        .split_once('>')
        .and_then(|(_, rest)| rest.rsplit_once("</svg>"));
    Ok(inner.map_or_else(String::new, |(inner, _)| inner.to_owned()))
}

/// The `svg` element, with a title and a description for screen readers. The library has escaped the
/// texts within.
fn svg_element(
    id: &str,
    title: &str,
    desc: &str,
    (width, height): (u32, u32),
    svg: &str,
) -> Markup {
    let (title_id, desc_id) = (format!("{id}-title"), format!("{id}-desc"));
    html! {
        svg id=(id) role="img" viewBox=(format!("0 0 {width} {height}"))
            aria-labelledby=(title_id) aria-describedby=(desc_id) {
            title id=(title_id) { (title) }
            desc id=(desc_id) { (desc) }
            (PreEscaped(svg))
        }
    }
}
