//! The page of an evaluation: figures, then the worst places as strips of pictures. One file, nothing loaded.

use std::{fmt::Write, path::Path, sync::Arc};

use geo::Polygon;
use imagery_diff::{
    Change, Window,
    evaluate::{CUT_M2_MIN, Figures},
    objects::Object,
    outline::outline,
};
use raster_io::{BlockCache, Render, TileFormat, TileReader, encode};

use super::{Evaluated, share, stress::Stressed};
use crate::count::counted;

/// Longer side of a picture, pixels.
const PICTURE_PX: u32 = 384;
const JPEG_QUALITY: u8 = 85;
/// Decoded blocks of one image that are kept while it is drawn, bytes.
const BLOCK_BYTES: u64 = 16 << 20;

const STYLE: &str = "body{font:14px system-ui;margin:2em;background:#fff;color:#111}\
table{border-collapse:collapse}td,th{padding:4px 12px;border:1px solid #bbb;text-align:right}\
.strip{display:flex;gap:8px;margin:8px 0 24px}figure{margin:0;position:relative}\
svg{position:absolute;inset:0}figcaption{color:#555}\
.found{fill:none;stroke:#ff9f1c;stroke-width:2}.true{fill:none;stroke:#00d0ff;stroke-width:2}";

pub(super) fn page(
    figures: &Figures,
    stressed: Option<&Stressed>,
    worst: &[Evaluated],
    detector: &str,
) -> anyhow::Result<String> {
    let detector = escaped(detector);
    let mut html = format!(
        "<!doctype html><meta charset=utf-8><title>Evaluation of {detector}</title><style>{STYLE}</style>\
         <h1>{detector} on {}, {:.2} km²</h1><table><tr><th><th>precision<th>recall<th>F1<th>95 %</tr>",
        counted(figures.places as u64, "place"),
        figures.area_km2
    );
    for (name, quality) in [
        ("pixels", &figures.pixel),
        ("structures, IoU 0.25", &figures.object_25),
        ("structures, IoU 0.5", &figures.object_50),
    ] {
        write!(
            html,
            "<tr><th>{name}<td>{}<td>{}<td>{}<td>{} to {}</tr>",
            share(quality.precision.value),
            share(quality.recall.value),
            share(quality.f1.value),
            share(quality.f1.low),
            share(quality.f1.high)
        )?;
    }
    write!(
        html,
        "</table><p>False alarms: {:.1} a km². Calibration error: {:.3}. True structures that the edge cuts to under \
         {CUT_M2_MIN:.0} m² and that are set aside: {}.</p>",
        figures.false_alarms_km2.value.unwrap_or_default(),
        figures.calibration_error,
        figures.set_aside
    )?;
    if let Some(stressed) = stressed {
        html.push_str("<h2>Where nothing was built</h2><table><tr><th>pair<th>found<th>a km²</tr>");
        for (name, alarms, alarms_km2) in stressed.cases() {
            write!(html, "<tr><th>{name}<td>{alarms}<td>{alarms_km2:.2}</tr>")?;
        }
        write!(html, "</table><p>{}</p>", stressed.direction())?;
    }
    html.push_str("<h2>The worst places</h2><p>Orange is what was found, blue what is true.</p>");
    for one in worst {
        strip(&mut html, one)?;
    }
    Ok(html)
}

fn strip(html: &mut String, one: &Evaluated) -> anyhow::Result<()> {
    let truth: Vec<Polygon<f64>> = one.place.truth.iter().map(|region| traced(&region.pixels, one)).collect();
    let found: Vec<&Polygon<f64>> = one.found.iter().map(|(polygon, _)| polygon).collect();
    write!(html, "<h3>{}</h3><div class=strip>", escaped(&one.files.name))?;
    for (caption, file, drawn) in [
        ("before", &one.files.before, false),
        ("after", &one.files.after, false),
        ("after, found and true", &one.files.after, true),
    ] {
        write!(html, "<figure><img width={PICTURE_PX} src=\"data:image/jpeg;base64,{}\">", picture(file)?)?;
        if drawn {
            write!(html, "<svg width={PICTURE_PX} viewBox=\"0 0 {} {}\">", one.mask.cols, one.mask.rows)?;
            truth.iter().try_for_each(|polygon| path(html, "true", polygon))?;
            found.iter().try_for_each(|polygon| path(html, "found", polygon))?;
            html.push_str("</svg>");
        }
        write!(html, "<figcaption>{caption}</figcaption></figure>")?;
    }
    html.push_str("</div>");
    Ok(())
}

fn path(html: &mut String, class: &str, polygon: &Polygon<f64>) -> std::fmt::Result {
    write!(html, "<path class={class} vector-effect=non-scaling-stroke d=\"")?;
    for ring in std::iter::once(polygon.exterior()).chain(polygon.interiors()) {
        for (index, at) in ring.coords().enumerate() {
            write!(html, "{}{:.1} {:.1}", if index == 0 { "M" } else { "L" }, at.x, at.y)?;
        }
    }
    html.push_str("\"/>");
    Ok(())
}

fn traced(pixels: &[usize], one: &Evaluated) -> Polygon<f64> {
    let cols = one.mask.cols as usize;
    let (first_row, last_row) = pixels.iter().map(|at| at / cols).fold((usize::MAX, 0), around);
    let (first_col, last_col) = pixels.iter().map(|at| at % cols).fold((usize::MAX, 0), around);
    let (rows, width) = (last_row + 1 - first_row, last_col + 1 - first_col);
    let mut mask = vec![false; rows * width];
    pixels.iter().for_each(|at| mask[(at / cols - first_row) * width + at % cols - first_col] = true);
    let window =
        Window { row: first_row as u32, col: first_col as u32, rows: rows as u32, cols: width as u32 };
    outline(&Object { window, mask, change: Change::New }).0
}

/// The least and the greatest of some places.
fn around((least, greatest): (usize, usize), at: usize) -> (usize, usize) {
    (least.min(at), greatest.max(at))
}

fn picture(file: &Path) -> anyhow::Result<String> {
    let reader = TileReader::open(file, &Arc::new(BlockCache::new(BLOCK_BYTES)))?;
    let render = Render::plain(PICTURE_PX);
    Ok(base64(&encode(&reader.thumbnail(&render)?, TileFormat::Jpeg { quality: JPEG_QUALITY })?))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let word = chunk.iter().fold(0, |word, byte| word << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for index in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * index) & 63) as usize];
            text.push(if index <= chunk.len() { char::from(letter) } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::base64;

    #[test]
    fn base64_is_that_of_the_standard() {
        for (plain, encoded) in
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")]
        {
            assert_eq!(base64(plain.as_bytes()), encoded);
        }
    }
}
