//! Features as Mapbox Vector Tiles, version 2.1 (github.com/mapbox/vector-tile-spec), in the Web Mercator quad tree.
//!
//! ```text
//! longitude, latitude ─ tile units (4,096 a side, y down) ─ clipped to the tile and its edge ─ rounded ─ commands
//! ```
//! A structure that is smaller than a pixel of the tile becomes a square of a pixel, so that none disappears from a
//! small map.

use std::{collections::HashMap, f64::consts::PI};

use geo::{Coord, LineString, Polygon, Translate};
use serde_json::Value;

use crate::{antimeridian, error::RecordError, geojson};

/// Most features in a tile.
pub const FEATURES_PER_TILE_MAX: u32 = 5_000;
/// Most bytes that the features of a tile have as GeoJSON.
pub const TILE_FEATURE_BYTES_MAX: u64 = 16 << 20;
/// Deepest zoom: 2 cm a pixel at the equator with 256 px tiles.
pub const ZOOM_MAX: u32 = 22;
/// Units along the side of a tile.
const EXTENT: f64 = 4_096.0;
/// Units drawn beyond the tile, so that outlines do not end in a line at its edge.
const EDGE: f64 = 64.0;
/// Side of the smallest square, units: a pixel of a 256 px tile.
const SPECK: f64 = 16.0;
/// Latitude at which the square map ends.
const LATITUDE_MAX_DEG: f64 = 85.051_128_779_806_59;

/// A tile of the quad tree; rows count from the north.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TileAddress {
    zoom: u32,
    row: u32,
    col: u32,
}

impl TileAddress {
    /// The tile of an address; `None` where there is none.
    pub fn new(zoom: u32, row: u32, col: u32) -> Option<TileAddress> {
        let is_there = zoom <= ZOOM_MAX && row < 1 << zoom && col < 1 << zoom;
        is_there.then_some(TileAddress { zoom, row, col })
    }

    /// West, south, east, north of what is drawn in the tile, its edge included, degrees. The edge of the first and
    /// the last column ends at the antimeridian.
    pub fn bounds(&self) -> [f64; 4] {
        let edge = EDGE / EXTENT;
        let tiles = f64::from(1_u32 << self.zoom);
        let longitude = |col: f64| (col / tiles * 360.0 - 180.0).clamp(-180.0, 180.0);
        let latitude = |row: f64| (PI * (1.0 - 2.0 * row / tiles)).sinh().atan().to_degrees();
        let (row, col) = (f64::from(self.row), f64::from(self.col));
        [longitude(col - edge), latitude(row + 1.0 + edge), longitude(col + 1.0 + edge), latitude(row - edge)]
    }

    /// A position in degrees in units of the tile.
    fn project(&self, at: Coord<f64>) -> Coord<f64> {
        let tiles = f64::from(1_u32 << self.zoom);
        let latitude = at.y.clamp(-LATITUDE_MAX_DEG, LATITUDE_MAX_DEG).to_radians();
        Coord {
            x: ((at.x + 180.0) / 360.0 * tiles - f64::from(self.col)) * EXTENT,
            y: ((1.0 - latitude.tan().asinh() / PI) / 2.0 * tiles - f64::from(self.row)) * EXTENT,
        }
    }
}

/// Features as a tile with one layer; empty where none of them is in the tile. Properties that are lists become
/// their JSON, objects are left out.
///
/// # Errors
/// When a feature has no polygon.
pub fn encode(
    tile: TileAddress,
    layer: &str,
    features: impl Iterator<Item = Value>,
) -> Result<Vec<u8>, RecordError> {
    let mut dictionary = Dictionary::default();
    let mut encoded = Vec::new();
    for feature in features {
        let commands = outline_commands(tile, &geojson::stored_outline(&feature)?);
        if !commands.is_empty() {
            encoded.push(feature_message(&dictionary.tags(&feature), &commands));
        }
    }
    if encoded.is_empty() {
        return Ok(Vec::new());
    }
    let mut message = Message::default();
    message.number(15, 2);
    message.bytes(1, layer.as_bytes());
    encoded.iter().for_each(|feature| message.bytes(2, feature));
    dictionary.keys.iter().for_each(|key| message.bytes(3, key.as_bytes()));
    dictionary.values.iter().for_each(|value| message.bytes(4, value));
    message.number(5, EXTENT as u64);
    let mut whole = Message::default();
    whole.bytes(3, &message.0);
    Ok(whole.0)
}

// ---- geometry ----

fn outline_commands(tile: TileAddress, outline: &Polygon<f64>) -> Vec<u32> {
    let mut pen = Pen::default();
    draw(tile, outline, &mut pen);
    if antimeridian::is_crossed_by(outline) {
        // what lies beyond is at the other end of the map
        draw(tile, &outline.translate(-antimeridian::TURN_DEG, 0.0), &mut pen);
    }
    pen.commands
}

fn draw(tile: TileAddress, outline: &Polygon<f64>, pen: &mut Pen) {
    let ring = |line: &LineString<f64>| -> Vec<Coord<f64>> {
        // the closing position is told by a command
        let open = &line.0[..line.0.len().saturating_sub(1)];
        open.iter().map(|at| tile.project(*at)).collect()
    };
    let exterior = ring(outline.exterior());
    if let Some(speck) = speck(&exterior) {
        pen.ring(&rounded(&clipped(speck)), Winding::Exterior);
    } else if pen.ring(&rounded(&clipped(exterior)), Winding::Exterior) {
        for hole in outline.interiors() {
            pen.ring(&rounded(&clipped(ring(hole))), Winding::Hole);
        }
    }
}

/// A square in the place of a ring that is smaller than one.
fn speck(ring: &[Coord<f64>]) -> Option<Vec<Coord<f64>>> {
    let first = *ring.first()?;
    let (low, high) = ring.iter().fold((first, first), |(low, high), at| {
        (Coord { x: low.x.min(at.x), y: low.y.min(at.y) }, Coord { x: high.x.max(at.x), y: high.y.max(at.y) })
    });
    if high.x - low.x >= SPECK || high.y - low.y >= SPECK {
        return None;
    }
    let (middle, half) = ((low + high) / 2.0, SPECK / 2.0);
    let corners = [[-half, -half], [half, -half], [half, half], [-half, half]];
    Some(corners.iter().map(|[x, y]| middle + Coord { x: *x, y: *y }).collect())
}

/// How far a position lies inside a side of the square from a low to a high unit.
type Depth = fn(Coord<f64>, f64, f64) -> f64;

/// A ring clipped to the tile and its edge, side by side (Sutherland and Hodgman 1974).
fn clipped(ring: Vec<Coord<f64>>) -> Vec<Coord<f64>> {
    let (low, high) = (-EDGE, EXTENT + EDGE);
    let mut ring = ring;
    let sides: [Depth; 4] = [
        |at, low, _| at.x - low,
        |at, _, high| high - at.x,
        |at, low, _| at.y - low,
        |at, _, high| high - at.y,
    ];
    for inside in sides {
        let depth = |at: Coord<f64>| inside(at, low, high);
        let mut kept = Vec::with_capacity(ring.len() + 4);
        for (index, &to) in ring.iter().enumerate() {
            let from = ring[(index + ring.len() - 1) % ring.len()];
            let (from_depth, to_depth) = (depth(from), depth(to));
            if (from_depth < 0.0) != (to_depth < 0.0) {
                kept.push(from + (to - from) * (from_depth / (from_depth - to_depth)));
            }
            if to_depth >= 0.0 {
                kept.push(to);
            }
        }
        ring = kept;
    }
    ring
}

/// Whole units, without positions that fell onto the one before.
fn rounded(ring: &[Coord<f64>]) -> Vec<[i32; 2]> {
    let mut whole: Vec<[i32; 2]> = ring.iter().map(|at| [at.x.round() as i32, at.y.round() as i32]).collect();
    whole.dedup();
    while whole.len() > 1 && whole.first() == whole.last() {
        whole.pop();
    }
    whole
}

/// Which way round a ring is drawn: the specification tells holes by it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Winding {
    Exterior,
    Hole,
}

const MOVE_TO: u32 = 1;
const LINE_TO: u32 = 2;
const CLOSE_PATH: u32 = 7;

/// Draws rings as commands, each position as the step from the one before.
#[derive(Default)]
struct Pen {
    commands: Vec<u32>,
    at: [i32; 2],
}

impl Pen {
    /// Draws a ring, unless it has no area; whether it did.
    fn ring(&mut self, ring: &[[i32; 2]], winding: Winding) -> bool {
        let next = |index: usize| ring[(index + 1) % ring.len()];
        let cross = |(index, [x, y]): (usize, &[i32; 2])| {
            let [next_x, next_y] = next(index);
            i64::from(*x) * i64::from(next_y) - i64::from(next_x) * i64::from(*y)
        };
        let twice_area: i64 = ring.iter().enumerate().map(cross).sum();
        if ring.len() < 3 || twice_area == 0 {
            return false;
        }
        // y goes down: a positive area is an exterior
        let turn = (twice_area > 0) != (winding == Winding::Exterior);
        let mut positions: Vec<[i32; 2]> = ring.to_vec();
        if turn {
            positions.reverse();
        }
        self.command(MOVE_TO, 1);
        self.step(positions[0]);
        self.command(LINE_TO, positions.len() as u32 - 1);
        positions[1..].iter().for_each(|at| self.step(*at));
        self.command(CLOSE_PATH, 1);
        true
    }

    fn command(&mut self, id: u32, count: u32) {
        self.commands.push(count << 3 | id);
    }

    fn step(&mut self, to: [i32; 2]) {
        for (to, at) in to.iter().zip(self.at) {
            let step = to - at;
            // zigzag: the sign goes into the lowest bit
            self.commands.push(((step << 1) ^ (step >> 31)) as u32);
        }
        self.at = to;
    }
}

// ---- properties ----

/// Keys and values of a layer, each told once.
#[derive(Default)]
struct Dictionary {
    keys: Vec<String>,
    key_indexes: HashMap<String, u32>,
    values: Vec<Vec<u8>>,
    value_indexes: HashMap<Vec<u8>, u32>,
}

impl Dictionary {
    /// The id and the properties of a feature as pairs of indexes.
    fn tags(&mut self, feature: &Value) -> Vec<u32> {
        let properties = feature["properties"].as_object();
        let id = std::iter::once(("id", &feature["id"]));
        let own = properties.into_iter().flatten().map(|(name, value)| (name.as_str(), value));
        let mut tags = Vec::new();
        for (name, value) in id.chain(own) {
            if let Some(value) = value_message(value) {
                tags.extend([self.key(name), self.value(value)]);
            }
        }
        tags
    }

    fn key(&mut self, name: &str) -> u32 {
        if let Some(index) = self.key_indexes.get(name) {
            return *index;
        }
        let index = self.keys.len() as u32;
        self.keys.push(name.to_owned());
        self.key_indexes.insert(name.to_owned(), index);
        index
    }

    fn value(&mut self, value: Vec<u8>) -> u32 {
        if let Some(index) = self.value_indexes.get(&value) {
            return *index;
        }
        let index = self.values.len() as u32;
        self.values.push(value.clone());
        self.value_indexes.insert(value, index);
        index
    }
}

fn value_message(value: &Value) -> Option<Vec<u8>> {
    let mut message = Message::default();
    match value {
        Value::String(text) => message.bytes(1, text.as_bytes()),
        Value::Array(_) => message.bytes(1, value.to_string().as_bytes()),
        Value::Bool(truth) => message.number(7, u64::from(*truth)),
        Value::Number(number) => match number.as_u64() {
            Some(whole) => message.number(5, whole),
            None => message.double(3, number.as_f64()?),
        },
        Value::Null | Value::Object(_) => return None,
    }
    Some(message.0)
}

// ---- protocol buffers ----

fn feature_message(tags: &[u32], commands: &[u32]) -> Vec<u8> {
    const POLYGON: u64 = 3;
    let mut message = Message::default();
    message.packed(2, tags);
    message.number(3, POLYGON);
    message.packed(4, commands);
    message.0
}

/// A message of protocol buffers (developers.google.com/protocol-buffers, "Encoding"): fields one after another.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn varint(&mut self, mut number: u64) {
        while number >= 0x80 {
            self.0.push(number as u8 | 0x80);
            number >>= 7;
        }
        self.0.push(number as u8);
    }

    fn number(&mut self, field: u64, number: u64) {
        self.varint(field << 3);
        self.varint(number);
    }

    fn double(&mut self, field: u64, number: f64) {
        self.varint(field << 3 | 1);
        self.0.extend(number.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend(bytes);
    }

    fn packed(&mut self, field: u64, numbers: &[u32]) {
        let mut packed = Message::default();
        numbers.iter().for_each(|number| packed.varint(u64::from(*number)));
        self.bytes(field, &packed.0);
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn square(west: f64, south: f64, side: f64) -> Value {
        let (east, north) = (west + side, south + side);
        json!({
            "type": "Feature", "id": "a", "properties": {"score": 0.5},
            "geometry": {"type": "Polygon", "coordinates":
                [[[west, south], [east, south], [east, north], [west, north], [west, south]]]},
        })
    }

    fn commands(tile: TileAddress, feature: &Value) -> Vec<u32> {
        outline_commands(tile, &geojson::stored_polygon(&feature["geometry"]).unwrap())
    }

    #[test]
    fn an_outline_across_the_antimeridian_is_drawn_at_both_ends_of_the_map() {
        let outline = |west: f64, east: f64| {
            json!([[[west, -17.0], [east, -17.0], [east, -15.0], [west, -15.0], [west, -17.0]]])
        };
        let feature = json!({"geometry": {"type": "MultiPolygon",
            "coordinates": [outline(179.0, 180.0), outline(-180.0, -178.0)]}});
        let ends = |col: u32| {
            let drawn = drawn(&commands(TileAddress::new(6, 34, col).unwrap(), &feature));
            let x = || drawn.iter().map(|[x, _]| *x);
            (x().min(), x().max())
        };
        // 5.625 degrees a tile, and the edge beyond it so that no line is drawn along the antimeridian
        assert_eq!(ends(63), (Some(3_368), Some(4_160)));
        assert_eq!(ends(0), (Some(-64), Some(1_456)));
        assert_eq!(ends(32), (None, None));
    }

    /// The positions that commands draw.
    fn drawn(commands: &[u32]) -> Vec<[i32; 2]> {
        let (mut at, mut index, mut positions) = ([0, 0], 0, Vec::new());
        while index < commands.len() {
            let (id, count) = (commands[index] & 7, commands[index] >> 3);
            index += 1;
            for _ in 0..count {
                if id == CLOSE_PATH {
                    continue;
                }
                for axis in &mut at {
                    let step = commands[index];
                    *axis += (step >> 1) as i32 ^ -((step & 1) as i32);
                    index += 1;
                }
                positions.push(at);
            }
        }
        positions
    }

    #[test]
    fn the_tile_of_an_address_covers_its_quarter_and_its_edge() {
        assert_eq!(TileAddress::new(1, 2, 0), None);
        assert_eq!(TileAddress::new(ZOOM_MAX + 1, 0, 0), None);
        let [west, south, east, north] = TileAddress::new(1, 0, 1).unwrap().bounds();
        assert!((-3.0..-2.0).contains(&west) && (-3.0..-2.0).contains(&south), "{west} {south}");
        assert!(east == 180.0 && (85.0..86.0).contains(&north), "{east} {north}");
    }

    #[test]
    fn a_quarter_of_the_world_fills_its_tile_clockwise_on_the_screen() {
        let world = TileAddress::new(0, 0, 0).unwrap();
        let drawn = drawn(&commands(world, &square(0.0, 0.0, 85.051_128_779_806_59)));
        assert_eq!(drawn.len(), 4);
        for corner in [[2048, 2048], [3016, 2048], [3016, 0], [2048, 0]] {
            assert!(drawn.contains(&corner), "{corner:?} of {drawn:?}");
        }
        let area: i32 = (0..4)
            .map(|at| (drawn[at], drawn[(at + 1) % 4]))
            .map(|([x, y], [next_x, next_y])| x * next_y - next_x * y)
            .sum();
        assert!(area > 0, "{drawn:?}");
    }

    #[test]
    fn a_structure_that_crosses_tiles_is_in_each_and_cut_at_its_edge() {
        let structure = square(-1.0, -1.0, 2.0);
        for (row, col) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let tile = TileAddress::new(1, row, col).unwrap();
            let drawn = drawn(&commands(tile, &structure));
            let units = -64..=4_160;
            assert!(drawn.iter().flatten().all(|unit| units.contains(unit)), "{drawn:?}");
            assert_eq!(drawn.len(), 4, "{drawn:?}");
        }
        assert!(commands(TileAddress::new(3, 0, 0).unwrap(), &structure).is_empty());
    }

    #[test]
    fn a_hall_of_thirty_metres_is_a_pixel_of_the_world() {
        let world = TileAddress::new(0, 0, 0).unwrap();
        let drawn = drawn(&commands(world, &square(127.6, 39.9, 0.0003)));
        let width = drawn.iter().map(|at| at[0]).max().unwrap() - drawn.iter().map(|at| at[0]).min().unwrap();
        assert_eq!((drawn.len(), width), (4, SPECK as i32));
    }

    #[test]
    fn a_tile_without_features_has_no_bytes() {
        let tile = TileAddress::new(3, 0, 0).unwrap();
        assert_eq!(encode(tile, "annotations", std::iter::once(square(0.0, 0.0, 1.0))).unwrap(), b"");
    }
}
