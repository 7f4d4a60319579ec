//! What clients say of a scene, under the names that STAC gives: of what it shows, and of where it lies.

use raster_io::{PlacedPoint, Placing, PlacingError, WORLD_FILE_BYTES_MAX, read_world_file};
use record::{
    ControlPoint, Placed, SceneDescription, SceneDetails,
    geojson::{self, NAME_CHARACTERS_MAX, NOTE_CHARACTERS_MAX, optional_text},
    time_of,
};
use serde_json::{Map, Value, json};

use crate::ApiError;

/// Most sensors of one image.
const INSTRUMENTS_MAX: usize = 50;

/// Properties that clients set, at first and later.
pub(crate) const DESCRIPTIVE: [&str; 15] = [
    "datetime",
    "title",
    "description",
    "platform",
    "constellation",
    "mission",
    "instruments",
    "providers",
    "license",
    "eo:cloud_cover",
    "view:off_nadir",
    "view:incidence_angle",
    "view:azimuth",
    "view:sun_azimuth",
    "view:sun_elevation",
];

/// Reads what is said of an image. `provider`, a plain name, stands for `providers` with that one.
pub(crate) fn description(properties: &Value) -> Result<SceneDescription, ApiError> {
    let text = |name: &str, characters_max: usize| {
        optional_text(&format!("properties.{name}"), &properties[name], characters_max)
            .map_err(ApiError::from)
    };
    let name = |name: &str| text(name, NAME_CHARACTERS_MAX);
    let angle = |name: &str, least: f64, most: f64| number(properties, name, least, most);
    Ok(SceneDescription {
        datetime: datetime(properties)?,
        platform: name("platform")?,
        provider: match name("provider")? {
            Some(provider) => Some(provider),
            None => provider(&properties["providers"])?,
        },
        license: name("license")?,
        details: SceneDetails {
            title: name("title")?,
            description: text("description", NOTE_CHARACTERS_MAX)?,
            constellation: name("constellation")?,
            mission: name("mission")?,
            instruments: instruments(&properties["instruments"])?,
            cloud_cover_percent: angle("eo:cloud_cover", 0.0, 100.0)?,
            off_nadir_deg: angle("view:off_nadir", 0.0, 90.0)?,
            incidence_deg: angle("view:incidence_angle", 0.0, 90.0)?,
            azimuth_deg: angle("view:azimuth", 0.0, 360.0)?,
            sun_azimuth_deg: angle("view:sun_azimuth", 0.0, 360.0)?,
            sun_elevation_deg: angle("view:sun_elevation", -90.0, 90.0)?,
        },
    })
}

/// What was said of an image, as properties of its item.
pub(crate) fn described(said: &SceneDescription) -> Map<String, Value> {
    let details = &said.details;
    let instruments = (!details.instruments.is_empty()).then(|| json!(details.instruments));
    let providers = said.provider.as_ref().map(|name| json!([{"name": name, "roles": ["producer"]}]));
    let text = |text: &Option<String>| text.as_ref().map(|text| json!(text));
    let number = |number: Option<f64>| number.map(|number| json!(number));
    let values = [
        Some(json!(said.datetime)),
        text(&details.title),
        text(&details.description),
        text(&said.platform),
        text(&details.constellation),
        text(&details.mission),
        instruments,
        providers,
        text(&said.license),
        number(details.cloud_cover_percent),
        number(details.off_nadir_deg),
        number(details.incidence_deg),
        number(details.azimuth_deg),
        number(details.sun_azimuth_deg),
        number(details.sun_elevation_deg),
    ];
    let named = DESCRIPTIVE.iter().zip(values);
    named.filter_map(|(name, value)| Some(((*name).to_owned(), value?))).collect()
}

fn datetime(properties: &Value) -> Result<record::Timestamp, ApiError> {
    let given = &properties["datetime"];
    let wrong = || {
        let wanted = "an RFC 3339 time: when the image was taken";
        ApiError::value("properties.datetime", given, wanted)
    };
    given.as_str().and_then(time_of).ok_or_else(wrong)
}

fn number(properties: &Value, name: &str, least: f64, most: f64) -> Result<Option<f64>, ApiError> {
    let given = &properties[name];
    if given.is_null() {
        return Ok(None);
    }
    match given.as_f64() {
        Some(number) if (least..=most).contains(&number) => Ok(Some(number)),
        _ => {
            let wanted = format!("a number from {least} to {most}");
            Err(ApiError::value(&format!("properties.{name}"), given, &wanted))
        }
    }
}

fn instruments(given: &Value) -> Result<Vec<String>, ApiError> {
    if given.is_null() {
        return Ok(Vec::new());
    }
    let wrong = || {
        let wanted = format!("a list of at most {INSTRUMENTS_MAX} names");
        ApiError::value("properties.instruments", given, &wanted)
    };
    let names = given.as_array().filter(|names| names.len() <= INSTRUMENTS_MAX).ok_or_else(wrong)?;
    let name = |name| Ok(geojson::text("properties.instruments", name, NAME_CHARACTERS_MAX)?);
    names.iter().map(name).collect()
}

/// One provider, the producer, by name: more than the record keeps is refused, not lost.
fn provider(given: &Value) -> Result<Option<String>, ApiError> {
    if given.is_null() || given.as_array().is_some_and(Vec::is_empty) {
        return Ok(None);
    }
    let wrong = || {
        let wanted = r#"one provider: [{"name": "...", "roles": ["producer"]}]"#;
        ApiError::value("properties.providers", given, wanted)
    };
    let [provider] = given.as_array().map(Vec::as_slice).unwrap_or_default() else { return Err(wrong()) };
    let members = provider.as_object().ok_or_else(wrong)?;
    let kept = members.iter().all(|(name, value)| match name.as_str() {
        "name" => true,
        "roles" => *value == json!(["producer"]),
        _ => false,
    });
    if !kept || !provider["name"].is_string() {
        return Err(wrong());
    }
    Ok(Some(geojson::text("properties.providers", &provider["name"], NAME_CHARACTERS_MAX)?))
}

/// Reads how an image is placed by hand: by four corners, by control points, or by a world file with its CRS.
pub(crate) fn placing(given: &Value, world_file: Option<&str>) -> Result<Option<Placing>, ApiError> {
    let (footprint, points, crs) = (&given["footprint"], &given["control_points"], &given["crs"]);
    let ways = [!footprint.is_null(), !points.is_null(), world_file.is_some()];
    if ways.iter().filter(|given| **given).count() > 1 {
        let detail = "give footprint, control_points or a world file, and one of them only".to_owned();
        return Err(ApiError::wrong_parameter("properties.footprint", detail));
    }
    if world_file.is_none() && !crs.is_null() {
        return Err(ApiError::value("properties.crs", crs, "given with a world file"));
    }
    match (footprint, points, world_file) {
        (Value::Null, Value::Null, None) => Ok(None),
        (_, _, Some(text)) => from_world_file(text, crs).map(Some),
        (Value::Null, _, _) => control_points(points).map(Some),
        _ => corners(footprint).map(Some),
    }
}

fn from_world_file(text: &str, crs: &Value) -> Result<Placing, ApiError> {
    if text.len() > WORLD_FILE_BYTES_MAX {
        let got = format!("{} bytes", text.len());
        let wanted = format!("six lines in at most {WORLD_FILE_BYTES_MAX} bytes");
        return Err(ApiError::parameter("world_file", &got, &wanted));
    }
    let crs = crs.as_str().ok_or_else(|| {
        let wanted = "the CRS of the world file, such as EPSG:32652";
        ApiError::value("properties.crs", crs, wanted)
    })?;
    let numbers = read_world_file(text).map_err(placing_fault)?;
    Ok(Placing::WorldFile { numbers, crs: crs.to_owned() })
}

fn control_points(given: &Value) -> Result<Placing, ApiError> {
    let wrong = |got: &Value, at: &str| {
        let wanted = r#"{"pixel": [column, row], "position": [longitude, latitude]}"#;
        ApiError::value(&format!("properties.control_points{at}"), got, wanted)
    };
    let points = given.as_array().ok_or_else(|| wrong(given, ""))?;
    if points.len() > raster_io::CONTROL_POINTS_MAX {
        return Err(placing_fault(PlacingError::Count { got: points.len() }));
    }
    let points = points
        .iter()
        .enumerate()
        .map(|(index, point)| {
            let read = || -> Option<PlacedPoint> {
                let pair = |name: &str| serde_json::from_value::<[f64; 2]>(point[name].clone()).ok();
                Some(PlacedPoint { pixel: pair("pixel")?, position: pair("position").filter(is_in_world)? })
            };
            read().ok_or_else(|| wrong(point, &format!("[{index}]")))
        })
        .collect::<Result<_, _>>()?;
    Ok(Placing::ControlPoints(points))
}

fn corners(footprint: &Value) -> Result<Placing, ApiError> {
    let wrong = || {
        let wanted = "four [longitude, latitude] corners from the upper left, clockwise";
        ApiError::value("properties.footprint", footprint, wanted)
    };
    let corners: [[f64; 2]; 4] = serde_json::from_value(footprint.clone()).map_err(|_| wrong())?;
    if corners.iter().all(is_in_world) { Ok(Placing::Corners(corners)) } else { Err(wrong()) }
}

fn is_in_world([lon, lat]: &[f64; 2]) -> bool {
    lon.abs() <= 180.0 && lat.abs() <= 90.0
}

/// A place that makes no sense, told with the name of what is wrong.
pub(crate) fn placing_fault(fault: PlacingError) -> ApiError {
    let title = "The image cannot be placed there";
    let name = match fault.parameter() {
        "world_file" => "world_file".to_owned(),
        other => format!("properties.{other}"),
    };
    ApiError::new(axum::http::StatusCode::BAD_REQUEST, "invalid-placement", title, fault.to_string())
        .at(&name)
}

/// What the record keeps of how an image was placed.
pub(crate) fn placed(placing: &Placing) -> Placed {
    match placing.clone() {
        Placing::Corners(footprint) => Placed::Corners { footprint },
        Placing::ControlPoints(points) => Placed::ControlPoints {
            control_points: points
                .into_iter()
                .map(|PlacedPoint { pixel, position }| ControlPoint { pixel, position })
                .collect(),
        },
        Placing::WorldFile { numbers, crs } => Placed::WorldFile { world_file: numbers, crs },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        result.unwrap_err().detail().to_owned()
    }

    #[test]
    fn what_is_said_comes_back_as_it_was_said() {
        let said = json!({
            "datetime": "2024-10-21T02:25:00Z", "title": "Plant", "platform": "aircraft", "instruments": ["camera"],
            "providers": [{"name": "survey office", "roles": ["producer"]}], "license": "CC0-1.0",
            "eo:cloud_cover": 12.5, "view:off_nadir": 8.0, "view:sun_elevation": -3.0,
        });
        let back = described(&description(&said).unwrap());
        assert_eq!(Value::Object(back), said);
    }

    #[test]
    fn what_cannot_be_is_named() {
        let with = |name: &str, value: Value| {
            let mut said = json!({"datetime": "2024-10-21T02:25:00Z"});
            said[name] = value;
            refused(description(&said))
        };
        assert!(with("eo:cloud_cover", json!(101)).contains("properties.eo:cloud_cover"));
        assert!(with("view:azimuth", json!("north")).contains("properties.view:azimuth"));
        assert!(with("instruments", json!("camera")).contains("properties.instruments"));
        assert!(
            with("providers", json!([{"name": "a", "url": "https://a.example"}]))
                .contains("properties.providers")
        );
        assert!(with("instruments", json!(["cam\u{7}era"])).contains("U+0007"));
        assert!(with("providers", json!([{"name": "of\u{0}fice"}])).contains("U+0000"));
        assert!(with("title", json!(7)).contains("properties.title"));
        assert!(with("datetime", json!("2024-10-21")).contains("properties.datetime"));
    }

    #[test]
    fn names_are_as_long_in_every_script() {
        let name = "위".repeat(NAME_CHARACTERS_MAX);
        let said = json!({
            "datetime": "2024-10-21T02:25:00Z", "instruments": [name], "providers": [{"name": name}],
        });
        assert_eq!(description(&said).unwrap().provider, Some(name));
    }

    #[test]
    fn one_way_of_placing_is_taken() {
        let corners = json!([[127.6, 39.9], [127.7, 39.9], [127.7, 39.8], [127.6, 39.8]]);
        assert!(matches!(placing(&json!({"footprint": corners}), None), Ok(Some(Placing::Corners(_)))));
        assert!(placing(&json!({}), None).unwrap().is_none());
        let both = json!({"footprint": corners, "crs": "EPSG:32652"});
        assert!(refused(placing(&both, Some("1\n0\n0\n-1\n0\n0"))).contains("one of them only"));
        assert!(refused(placing(&both, None)).contains("properties.crs"));
        assert!(refused(placing(&json!({}), Some("1\n0\n0\n-1\n0\n0"))).contains("properties.crs"));
        let point = json!({"control_points": [{"pixel": [1, 2], "position": [181, 2]}]});
        assert!(refused(placing(&point, None)).contains("properties.control_points[0]"));
    }
}
