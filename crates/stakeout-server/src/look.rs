//! How a client wants a scene shown: bands, stretch, gamma and size, from parameters.

use raster_io::{BandChoice, Render, TileFormat};

use crate::{ApiError, parameters::Parameters, tile_cache::OpenScene};

/// Range of gamma.
const GAMMA: std::ops::RangeInclusive<f64> = 0.1..=10.0;
/// Value of the brightest 8-bit colour, for palettes.
const BYTE_MAX: f64 = 255.0;

/// A picture format as addresses name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Png,
    Jpeg,
    Webp,
}

impl Format {
    pub(crate) const ALL: [Format; 3] = [Format::Png, Format::Jpeg, Format::Webp];

    pub(crate) fn extension(self) -> &'static str {
        match self {
            Format::Png => "png",
            Format::Jpeg => "jpg",
            Format::Webp => "webp",
        }
    }

    pub(crate) fn media_type(self) -> &'static str {
        match self {
            Format::Png => "image/png",
            Format::Jpeg => "image/jpeg",
            Format::Webp => "image/webp",
        }
    }

    pub(crate) fn of_extension(extension: &str) -> Option<Format> {
        match extension {
            "jpeg" => Some(Format::Jpeg),
            other => Format::ALL.into_iter().find(|format| format.extension() == other),
        }
    }

    pub(crate) fn encoding(self, jpeg_quality: u8) -> TileFormat {
        match self {
            Format::Png => TileFormat::Png,
            Format::Jpeg => TileFormat::Jpeg { quality: jpeg_quality },
            Format::Webp => TileFormat::Webp,
        }
    }
}

/// How a client wants values shown.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Look {
    bands: Option<[u32; 3]>,
    stretch: Stretch,
    gamma: f64,
    size_px: u32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Stretch {
    /// The range that ingest measured for each band.
    Scene,
    Given([[f64; 2]; 3]),
}

impl Look {
    /// Parameters that say how a picture looks.
    pub(crate) const PARAMETERS: [&str; 4] = ["bands", "stretch", "gamma", "size"];

    pub(crate) fn of(parameters: &Parameters) -> Result<Look, ApiError> {
        let gamma = match parameters.get("gamma") {
            None => 1.0,
            Some(text) => text
                .parse()
                .ok()
                .filter(|gamma| GAMMA.contains(gamma))
                .ok_or_else(|| ApiError::parameter("gamma", text, "a number from 0.1 to 10"))?,
        };
        let size_px = match parameters.get("size") {
            None | Some("256") => 256,
            Some("512") => 512,
            Some(other) => return Err(ApiError::parameter("size", other, "256 or 512")),
        };
        let bands = parameters.get("bands").map(bands).transpose()?;
        let stretch = parameters.get("stretch").map_or(Ok(Stretch::Scene), stretch)?;
        Ok(Look { bands, stretch, gamma, size_px })
    }

    /// The same for a scene, whose bands and range are known.
    ///
    /// # Errors
    /// When the scene lacks a band.
    pub(crate) fn render(&self, scene: &OpenScene) -> Result<Render, ApiError> {
        let count = scene.reader.source().info().bands;
        if let Some(bands) = self.bands.filter(|bands| bands.iter().any(|band| *band > count)) {
            let wanted = format!("bands of the scene, 1 to {count}");
            return Err(ApiError::parameter("bands", &bands.map(|band| band.to_string()).join(","), &wanted));
        }
        let shown = self.bands.or_else(|| scene.reader.picture_bands());
        let stretch = match (self.stretch, shown) {
            (Stretch::Given(stretch), _) => stretch,
            (Stretch::Scene, Some(bands)) => bands.map(|band| scene.stretch_of(band)),
            (Stretch::Scene, None) => [[0.0, BYTE_MAX]; 3],
        };
        let bands = self.bands.map_or(BandChoice::Own, BandChoice::Bands);
        Ok(Render { size_px: self.size_px, bands, stretch, gamma: self.gamma })
    }
}

/// One band for a grey picture, or three for red, green and blue.
fn bands(text: &str) -> Result<[u32; 3], ApiError> {
    let numbers: Option<Vec<u32>> =
        text.split(',').map(|number| number.parse().ok().filter(|band| *band > 0)).collect();
    match numbers.as_deref() {
        Some(&[grey]) => Ok([grey; 3]),
        Some(&[red, green, blue]) => Ok([red, green, blue]),
        _ => Err(ApiError::parameter("bands", text, "one or three numbers of bands, counted from 1")),
    }
}

/// `p2-98` is the scene's own range; two numbers are the range of all bands, six those of each.
fn stretch(text: &str) -> Result<Stretch, ApiError> {
    if text == "p2-98" {
        return Ok(Stretch::Scene);
    }
    let wrong = || {
        let wanted = "p2-98, or low,high, or low,high for each of three bands, each low below its high";
        ApiError::parameter("stretch", text, wanted)
    };
    let numbers: Vec<f64> = text
        .split(',')
        .map(|number| number.parse().ok().filter(|number: &f64| (*number as f32).is_finite()))
        .collect::<Option<_>>()
        .ok_or_else(wrong)?;
    let ranges = match *numbers.as_slice() {
        [low, high] => [[low, high]; 3],
        [a, b, c, d, e, f] => [[a, b], [c, d], [e, f]],
        _ => return Err(wrong()),
    };
    if ranges.iter().all(|[low, high]| low < high) { Ok(Stretch::Given(ranges)) } else { Err(wrong()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(query: &str) -> Result<Look, String> {
        Look::of(&Parameters::parse(query).unwrap()).map_err(|error| error.detail().to_owned())
    }

    #[test]
    fn a_range_is_the_scenes_own_or_one_for_all_or_one_for_each() {
        assert_eq!(look("").unwrap(), look("stretch=p2-98&gamma=1&size=256").unwrap());
        let same = look("stretch=1,2").unwrap();
        assert_eq!(same, look("stretch=1,2,1,2,1,2").unwrap());
        assert_eq!(
            look("stretch=0,1,2,3,4,5").unwrap().stretch,
            Stretch::Given([[0.0, 1.0], [2.0, 3.0], [4.0, 5.0]])
        );
    }

    #[test]
    fn what_makes_no_picture_is_refused_by_name() {
        for wrong in [
            "stretch=2,1",
            "stretch=1",
            "stretch=1,2,3",
            "stretch=NaN,1",
            "stretch=0,1e300",
            "stretch=a,b",
            "gamma=0",
            "gamma=11",
            "gamma=NaN",
            "size=257",
            "bands=0",
            "bands=1,2",
            "bands=",
            "bands=-1",
        ] {
            let name = wrong.split('=').next().unwrap();
            assert!(look(wrong).unwrap_err().starts_with(&format!("{name} is ")), "{wrong}");
        }
    }
}
