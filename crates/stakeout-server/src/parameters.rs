//! Query parameters, strictly: what is unknown, repeated or malformed is refused by name.

use axum::{
    extract::{FromRequestParts, RawQuery},
    http::request::Parts,
};
use serde_json::Value;

use crate::{ApiError, crs::Way};

/// How clients without open intervals begin the end of all time.
const LAST_DAY: &str = "9999-12-31T";
/// Most parameters in one request.
const PARAMETERS_MAX: usize = 50;

/// The parameters of a request, each at most once.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Parameters {
    given: Vec<(String, String)>,
}

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Parameters, ApiError> {
        let query = RawQuery::from_request_parts(parts, state).await.map_or(None, |RawQuery(query)| query);
        Parameters::parse(query.as_deref().unwrap_or_default())
    }
}

/// For resources that take no parameter at all.
pub(crate) struct NoParameters;

impl<S: Send + Sync> FromRequestParts<S> for NoParameters {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<NoParameters, ApiError> {
        Parameters::from_request_parts(parts, state).await?.only(&[]).map(|()| NoParameters)
    }
}

impl Parameters {
    pub(crate) fn parse(query: &str) -> Result<Parameters, ApiError> {
        let mut given: Vec<(String, String)> = Vec::new();
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let (name, value) = (decoded(name)?, decoded(value)?);
            if given.iter().any(|(other, _)| *other == name) {
                return Err(ApiError::parameter(&name, "given twice", "given once"));
            }
            if given.len() >= PARAMETERS_MAX {
                return Err(ApiError::parameter(&name, "one too many", "one of at most 50"));
            }
            given.push((name, value));
        }
        Ok(Parameters { given })
    }

    /// The same with names in lower case, for services whose clients write them as they like.
    pub(crate) fn in_lower_case(&self) -> Result<Parameters, ApiError> {
        let mut lowered = Parameters::default();
        for (name, value) in &self.given {
            let name = name.to_ascii_lowercase();
            if lowered.get(&name).is_some() {
                return Err(ApiError::parameter(&name, "given twice", "given once"));
            }
            lowered.given.push((name, value.clone()));
        }
        Ok(lowered)
    }

    /// Refuses parameters that are not among `known`.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), ApiError> {
        match self.given.iter().find(|(name, _)| !known.contains(&name.as_str())) {
            None => Ok(()),
            Some((name, _)) => Err(ApiError::unknown_parameter(name, known)),
        }
    }

    /// For resources that take `f` alone, and have one format.
    pub(crate) fn json_only(&self) -> Result<(), ApiError> {
        self.only(&["f"])?;
        self.is_json()
    }

    /// Refuses a format that is not served.
    pub(crate) fn is_json(&self) -> Result<(), ApiError> {
        match self.get("f") {
            None | Some("json") => Ok(()),
            Some(other) => Err(ApiError::parameter("f", other, "json")),
        }
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.given.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// All parameters, as an address would hold them, but for some.
    pub(crate) fn without(&self, names: &[&str]) -> String {
        let kept = self.given.iter().filter(|(name, _)| !names.contains(&name.as_str()));
        kept.map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect::<Vec<_>>()
            .join("&")
    }

    /// A whole number within a range.
    pub(crate) fn number(&self, name: &str, least: u64, most: u64) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let wanted = || format!("a whole number from {least} to {most}");
        let plain = text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|number| plain && (least..=most).contains(number));
        number.map(Some).ok_or_else(|| ApiError::parameter(name, text, &wanted()))
    }

    /// `bbox`: west, south, east, north in degrees, heights allowed; two boxes where it crosses the
    /// antimeridian.
    pub(crate) fn boxes(&self) -> Result<Vec<[f64; 4]>, ApiError> {
        self.boxes_in(&Way::Same)
    }

    /// The same in degrees of another order.
    pub(crate) fn boxes_in(&self, way: &Way) -> Result<Vec<[f64; 4]>, ApiError> {
        let Some([x0, y0, x1, y1]) = self.corners()? else { return Ok(Vec::new()) };
        let wrong = || self.wrong_box();
        let [west, south] = way.to_degrees([x0, y0]).map_err(|_| wrong())?;
        let [east, north] = way.to_degrees([x1, y1]).map_err(|_| wrong())?;
        let in_world = [west, east].iter().all(|lon| (-180.0..=180.0).contains(lon))
            && [south, north].iter().all(|lat| (-90.0..=90.0).contains(lat));
        if !in_world || south > north {
            return Err(wrong());
        }
        if west > east {
            return Ok(vec![[west, south, 180.0, north], [-180.0, south, east, north]]);
        }
        Ok(vec![[west, south, east, north]])
    }

    /// The outlines in degrees of a `bbox` in a projected CRS, as GeoJSON polygons.
    pub(crate) fn box_outlines(&self, way: &Way) -> Result<Option<Vec<Value>>, ApiError> {
        let Some([x0, y0, x1, y1]) = self.corners()? else { return Ok(None) };
        if x0 > x1 || y0 > y1 {
            return Err(self.wrong_box());
        }
        way.box_outlines([x0, y0, x1, y1]).map(Some).map_err(|_| self.wrong_box())
    }

    /// The corners of `bbox` as they were given, without heights: features have none.
    fn corners(&self) -> Result<Option<[f64; 4]>, ApiError> {
        let Some(text) = self.get("bbox") else { return Ok(None) };
        let numbers: Option<Vec<f64>> = text
            .split(',')
            .map(|number| number.trim().parse().ok().filter(|number: &f64| number.is_finite()))
            .collect();
        match numbers.as_deref() {
            Some([x0, y0, x1, y1]) => Ok(Some([*x0, *y0, *x1, *y1])),
            Some([x0, y0, low, x1, y1, high]) if low <= high => Ok(Some([*x0, *y0, *x1, *y1])),
            _ => Err(self.wrong_box()),
        }
    }

    fn wrong_box(&self) -> ApiError {
        let wanted = "west,south,east,north within the world in the axis order of its CRS, or six numbers with heights";
        ApiError::parameter("bbox", self.get("bbox").unwrap_or_default(), wanted)
    }

    /// `datetime`: an instant, or an interval of which one end may be open, in milliseconds since 1970.
    pub(crate) fn interval_ms(&self) -> Result<Option<IntervalMs>, ApiError> {
        self.get("datetime").map(interval_of).transpose()
    }
}

/// Ends of an interval in milliseconds since 1970; `None` is open.
pub(crate) type IntervalMs = (Option<i64>, Option<i64>);

/// The boxes of a `bbox` of four numbers in degrees, or six with heights, that came as a list.
pub(crate) fn boxes_of(numbers: &[f64]) -> Result<Vec<[f64; 4]>, ApiError> {
    let text = numbers.iter().map(f64::to_string).collect::<Vec<_>>().join(",");
    Parameters { given: vec![("bbox".to_owned(), text)] }.boxes()
}

/// The interval of a `datetime`.
pub(crate) fn interval_of(text: &str) -> Result<IntervalMs, ApiError> {
    let wrong = || {
        let wanted = "an RFC 3339 time, or two of them with / between, where .. is open";
        ApiError::parameter("datetime", text, wanted)
    };
    let end = |part: &str| match part {
        "" | ".." => Ok(None),
        // the last day that can be written stands for no end: QGIS 3.22 sends it
        last if last.starts_with(LAST_DAY) => Ok(None),
        time => record::time_of(time).map(|time| Some(time.as_millisecond())).ok_or_else(wrong),
    };
    let Some((from, to)) = text.split_once('/') else {
        let instant = end(text)?.ok_or_else(wrong)?;
        return Ok((Some(instant), Some(instant)));
    };
    match (end(from)?, end(to)?) {
        (None, None) => Err(wrong()),
        (Some(from), Some(to)) if from > to => Err(wrong()),
        interval => Ok(interval),
    }
}

/// What percent-encoded text says.
///
/// # Errors
/// When it is no such text.
pub(crate) fn decoded(text: &str) -> Result<String, ApiError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = [rest.next(), rest.next()];
                let value = digits.iter().try_fold(0, |value, digit| {
                    digit
                        .and_then(|digit| char::from(digit).to_digit(16))
                        .map(|digit| value * 16 + digit as u8)
                });
                bytes.push(value.ok_or_else(|| ApiError::parameter("query", text, "percent-encoded text"))?);
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8(bytes).map_err(|_| ApiError::parameter("query", text, "UTF-8 text"))
}

fn encoded(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.~,:/".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused<T: std::fmt::Debug>(result: Result<T, ApiError>) -> String {
        result.unwrap_err().detail().to_owned()
    }

    #[test]
    fn unknown_and_repeated_parameters_are_named() {
        let parameters = Parameters::parse("limit=3&bbbox=1,2,3,4").unwrap();
        assert_eq!(
            refused(parameters.only(&["limit", "bbox"])),
            "bbbox is not a parameter of this resource; it has limit, bbox"
        );
        assert!(refused(Parameters::parse("limit=3&limit=4")).starts_with("limit is \"given twice\""));
    }

    #[test]
    fn a_box_across_the_antimeridian_is_two() {
        let boxes = Parameters::parse("bbox=170,-10,-170,10").unwrap().boxes().unwrap();
        assert_eq!(boxes, [[170.0, -10.0, 180.0, 10.0], [-180.0, -10.0, -170.0, 10.0]]);
        assert!(Parameters::parse("bbox=1,2,3").unwrap().boxes().is_err());
        assert!(Parameters::parse("bbox=1,9,3,2").unwrap().boxes().is_err());
        assert!(Parameters::parse("bbox=NaN,1,3,2").unwrap().boxes().is_err());
    }

    #[test]
    fn intervals_may_be_open_at_one_end() {
        let interval = |text: &str| Parameters::parse(&format!("datetime={text}")).unwrap().interval_ms();
        assert_eq!(interval("1970-01-01T00:00:01Z/..").unwrap(), Some((Some(1_000), None)));
        assert_eq!(interval("1970-01-01T00:00:01Z").unwrap(), Some((Some(1_000), Some(1_000))));
        let qgis = interval("1970-01-01T00:00:01Z/9999-12-31T000:00:00Z").unwrap();
        assert_eq!(qgis, Some((Some(1_000), None)));
        assert!(interval("../..").is_err());
        assert!(interval("yesterday").is_err());
        assert!(interval("1985-04-12t23:20:50.123456789z").is_ok());
        for other in
            ["1985-04-12", "1937-01-01T12:00:27.87+0100", "1985-04-12T23:20:50,52Z", "1985-04-12T23:20:50.Z"]
        {
            assert!(interval(&other.replace('+', "%2B")).is_err(), "{other}");
        }
        assert!(interval("2024-01-01T00:00:00Z/2023-01-01T00:00:00Z").is_err());
    }
}
