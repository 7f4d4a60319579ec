//! Fills a new data folder with seeded annotations and writes them as newline-delimited GeoJSON, so that other servers can
//! serve the same ones: `fill_annotations DATA COUNT FEATURES.geojsonl`. The benches of the feature service use it.

use std::{
    error::Error,
    fs::File,
    io::{BufWriter, Write},
    path::Path,
};

use geo::{AffineOps, AffineTransform, Polygon, coord, polygon};
use record::{
    Actor, AnnotationDraft, Change, Confidence, Role, SiteId, Store, Timestamp,
    geojson::{annotation_feature, read_site},
    taxonomy::default_structure_types,
};
use serde_json::json;

/// Annotations of one transaction.
const BATCH: u32 = 5_000;
const SITES: u32 = 40;
/// Lower left corner of the area in degrees, and its sides.
const AREA: ([f64; 2], [f64; 2]) = ([127.0, 39.5], [1.0, 0.8]);
const METRES_A_DEGREE: f64 = 111_320.0;
const SEED: u64 = 0x57a6_e0b7;
/// 1 January 2020 in milliseconds since 1970, and the days that follow in which windows begin.
const FIRST_MS: i64 = 1_577_836_800_000;
const DAYS: u64 = 1_800;
const DAY_MS: i64 = 86_400_000;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, count, features] = arguments.as_slice() else {
        return Err("usage: fill_annotations DATA COUNT FEATURES.geojsonl".into());
    };
    let count: u32 = count.parse()?;
    let store = Store::open(Path::new(data))?;
    let actor = Actor { name: "bench".to_owned(), role: Role::Admin };
    let sites = (0..SITES).map(|number| add_site(&store, &actor, number)).collect::<Result<Vec<_>, _>>()?;
    let mut chance = Chance { state: SEED };
    let mut out = BufWriter::new(File::create(features)?);
    for first in (0..count).step_by(BATCH as usize) {
        let batch = BATCH.min(count - first);
        let drawn = (0..batch).map(|_| annotation(&mut chance, &sites)).collect();
        for annotation in store.create_annotations(&actor, drawn)? {
            writeln!(out, "{}", annotation_feature(&annotation))?;
        }
    }
    out.flush()?;
    Ok(())
}

fn add_site(store: &Store, actor: &Actor, number: u32) -> Result<SiteId, Box<dyn Error>> {
    let ([west, south], [width, height]) = AREA;
    let (east, north) = (west + width, south + height);
    let ring = json!([[[west, south], [east, south], [east, north], [west, north], [west, south]]]);
    let feature = json!({
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": ring},
        "properties": {"name": format!("Plant {number}")},
    });
    Ok(store.create_site(actor, read_site(&feature)?)?.id)
}

/// An annotation as a program draws it.
fn annotation(chance: &mut Chance, sites: &[SiteId]) -> AnnotationDraft {
    let types = default_structure_types();
    let kind = &types[chance.below(types.len() as u64) as usize];
    let start_ms = FIRST_MS + chance.below(DAYS) as i64 * DAY_MS;
    let end_ms = start_ms + (1 + chance.below(400)) as i64 * DAY_MS;
    let time = |ms: i64| Timestamp::from_millisecond(ms).expect("the days lie in this century");
    let confidences = [Confidence::Low, Confidence::Moderate, Confidence::High];
    let note = "Roof complete on the second date; access road and fence from the north.";
    AnnotationDraft {
        site: sites[chance.below(sites.len() as u64) as usize].clone(),
        outline: outline(chance),
        structure_type: Some(kind.id.clone()),
        change: Change::New,
        title: Some(format!("{} {}", kind.label, chance.below(1_000))),
        note: (chance.below(3) == 0).then(|| note.to_owned()),
        confidence: Some(confidences[chance.below(3) as usize]),
        start_datetime: Some(time(start_ms)),
        end_datetime: Some(time(end_ms)),
    }
}

/// A building in some direction: half of them rectangles, half of them with a wing.
fn outline(chance: &mut Chance) -> Polygon<f64> {
    let ([west, south], [width, height]) = AREA;
    let (long, wide) = (10.0 + chance.unit() * 60.0, 8.0 + chance.unit() * 25.0);
    let plan = if chance.below(2) == 0 {
        polygon![(x: 0.0, y: 0.0), (x: long, y: 0.0), (x: long, y: wide), (x: 0.0, y: wide)]
    } else {
        let (inner, wing) = (long * 0.4, wide * 2.0);
        polygon![
            (x: 0.0, y: 0.0), (x: long, y: 0.0), (x: long, y: wide), (x: inner, y: wide), (x: inner, y: wing),
            (x: 0.0, y: wing)
        ]
    };
    let at = coord! {x: west + chance.unit() * width, y: south + chance.unit() * height};
    let degrees = 1.0 / METRES_A_DEGREE;
    let place = AffineTransform::rotate(chance.unit() * 360.0, coord! {x: 0.0, y: 0.0})
        .scaled(degrees / at.y.to_radians().cos(), degrees, coord! {x: 0.0, y: 0.0})
        .translated(at.x, at.y);
    plan.affine_transform(&place)
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seeded, the same everywhere.
struct Chance {
    state: u64,
}

impl Chance {
    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}
