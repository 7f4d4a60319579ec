//! What a model is, what it reads and what its answers mean.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use crate::{
    model::ModelError,
    score::{EVIDENCE, ScoreOptions},
};

/// Names of what a channel may mean, as a card's `outputs` lists them.
///
/// `change` has no direction: what such a model finds is told as altered. `-` is not read; the unchanged class of a
/// softmax is such a one.
pub const MEANINGS: [(&str, Meaning); 7] = [
    ("new", Meaning::New),
    ("removed", Meaning::Removed),
    ("building_before", Meaning::BuildingBefore),
    ("building_after", Meaning::BuildingAfter),
    ("boundary", Meaning::Boundary),
    ("change", Meaning::Change),
    ("-", Meaning::Ignored),
];
/// Largest multiple that sides may have to be of: windows are filled up to it, pixels.
pub const MULTIPLE_PX_MAX: usize = 256;
/// How many times a window may be enlarged for a look.
pub const ENLARGED: RangeInclusive<f32> = 0.5..=2.0;
/// Most looks that a network may take at a window.
pub const LOOKS_MAX: usize = 2;
/// Most channels a model may give.
pub const CHANNELS_MAX: usize = 64;

/// What a model is, where it comes from and what it may be used for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Card {
    /// Name, as outputs tell it.
    pub name: String,
    /// Version.
    pub version: String,
    /// Licence of the weights.
    pub licence: String,
    /// What it was trained on.
    #[serde(default)]
    pub data: Vec<DataSource>,
    /// What it reads.
    pub input: CardInput,
    /// What the channels that it gives mean, in order; [`MEANINGS`] has the names.
    pub outputs: Vec<String>,
    /// How what it gives becomes probabilities.
    #[serde(default)]
    pub activation: Activation,
    /// Number of parameters.
    #[serde(default)]
    pub parameters: u64,
    /// Measured figures, by data set.
    #[serde(default)]
    pub figures: serde_json::Value,
    /// Where it fails.
    #[serde(default)]
    pub limits: String,
    /// How evidence from this model becomes a score; without it a score is not calibrated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub score: Option<ScoreOptions>,
    /// SHA-256 of the ONNX file, lower-case hex.
    pub sha256: String,
}

/// A data set that a model was trained on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataSource {
    /// What it is.
    pub name: String,
    /// Its licence.
    pub licence: String,
}

/// What a model reads.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CardInput {
    /// `NCHW`.
    pub layout: String,
    /// `0..1`, or `0..255`.
    pub scale: String,
    /// Subtracted from red, green and blue, on the scale above.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mean: Option<[f32; 3]>,
    /// What they are then divided by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub std: Option<[f32; 3]>,
    /// How the two dates come.
    #[serde(default)]
    pub dates: Dates,
    /// Rows and columns must be multiples of this, pixels.
    #[serde(default = "multiple_of_16")]
    pub multiple_of_px: usize,
    /// Finest ground sample distance it was trained for, metres.
    pub gsd_m_min: f64,
    /// Coarsest ground sample distance it was trained for, metres.
    pub gsd_m_max: f64,
    /// Ground sample distance at which it does best, metres.
    pub gsd_m_best: f64,
    /// How many times a window is enlarged for each look at it, at most [`LOOKS_MAX`]; the second is turned by half a turn.
    #[serde(default = "two_looks")]
    pub looks: Vec<f32>,
}

fn two_looks() -> Vec<f32> {
    vec![1.0; LOOKS_MAX]
}

fn multiple_of_16() -> usize {
    16
}

/// How the two dates come to the network.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Dates {
    /// One tensor `[1, 6, H, W]`: red, green, blue before, then after.
    #[default]
    Stacked,
    /// Two tensors `[1, 3, H, W]`, before first.
    Separate,
}

impl Dates {
    /// Number of tensors.
    pub(crate) fn tensors(self) -> usize {
        match self {
            Dates::Stacked => 1,
            Dates::Separate => 2,
        }
    }
}

/// How what the network gives becomes probabilities.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Activation {
    /// It gives probabilities.
    #[default]
    Probability,
    /// It gives log odds, channel by channel.
    Logits,
    /// It gives log odds of classes that exclude each other.
    Softmax,
}

/// What a channel means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// A structure that is there after and not before.
    New,
    /// A structure that is there before and not after.
    Removed,
    /// A building before.
    BuildingBefore,
    /// A building after.
    BuildingAfter,
    /// Boundary between buildings, of either date.
    Boundary,
    /// Any change of structures.
    Change,
    /// Nothing that is read.
    Ignored,
}

impl Meaning {
    /// Number of the evidence map that it fills; changes without direction go where new structures do.
    pub(crate) fn map(self) -> Option<usize> {
        match self {
            Meaning::New | Meaning::Change => Some(0),
            Meaning::Removed => Some(1),
            Meaning::BuildingBefore => Some(2),
            Meaning::BuildingAfter => Some(3),
            Meaning::Boundary => Some(4),
            Meaning::Ignored => None,
        }
    }
}

impl CardInput {
    /// Whether it reads 0 to 1 as they are.
    pub(crate) fn reads_plain(&self) -> bool {
        self.scale == "0..1" && self.mean.is_none() && self.std.is_none()
    }

    /// Factor and offset that bring a band from 0..1 to what the network reads.
    pub(crate) fn scaling(&self, band: usize) -> (f32, f32) {
        let full = if self.scale == "0..255" { 255.0 } else { 1.0 };
        let (mean, std) = (self.mean.map_or(0.0, |mean| mean[band]), self.std.map_or(1.0, |std| std[band]));
        (full / std, -mean / std)
    }
}

impl Card {
    /// What its channels mean.
    ///
    /// # Errors
    /// When the card asks for what is not done here; the error names the field.
    pub fn meanings(&self) -> Result<Vec<Meaning>, ModelError> {
        let wrong = |field, got: String, wanted: &str| {
            Err(ModelError::CardField { model: self.name.clone(), field, got, wanted: wanted.to_owned() })
        };
        let input = &self.input;
        if input.layout != "NCHW" {
            return wrong("input.layout", input.layout.clone(), "NCHW");
        }
        if input.scale != "0..1" && input.scale != "0..255" {
            return wrong("input.scale", input.scale.clone(), "0..1 or 0..255");
        }
        if input.mean.into_iter().flatten().any(|value| !value.is_finite()) {
            return wrong("input.mean", format!("{:?}", input.mean), "three finite numbers");
        }
        if input.std.into_iter().flatten().any(|value| !value.is_finite() || value <= 0.0) {
            return wrong("input.std", format!("{:?}", input.std), "three positive numbers");
        }
        if input.multiple_of_px == 0 || input.multiple_of_px > MULTIPLE_PX_MAX {
            return wrong("input.multiple_of_px", input.multiple_of_px.to_string(), "1 to 256");
        }
        if input.looks.is_empty() || input.looks.len() > LOOKS_MAX {
            return wrong("input.looks", format!("{} numbers", input.looks.len()), "1 or 2");
        }
        if let Some(enlarged) = input.looks.iter().find(|enlarged| !ENLARGED.contains(enlarged)) {
            return wrong("input.looks", enlarged.to_string(), "numbers of 0.5 to 2");
        }
        if !input.gsd_m_best.is_finite() || input.gsd_m_best <= 0.0 {
            return wrong("input.gsd_m_best", input.gsd_m_best.to_string(), "a positive number of metres");
        }
        if let Some(score) = &self.score {
            let is_known =
                |(name, weight): (&String, &f64)| EVIDENCE.contains(&name.as_str()) && weight.is_finite();
            if let Some((name, weight)) = score.weights.iter().find(|each| !is_known(*each)) {
                let wanted = format!("a finite number for one of {}", EVIDENCE.join(", "));
                return wrong("score.weights", format!("{weight} for {name}"), &wanted);
            }
            if !score.intercept.is_finite() {
                return wrong("score.intercept", score.intercept.to_string(), "a finite number");
            }
        }
        let meaning =
            |name: &String| MEANINGS.iter().find(|(known, _)| known == name).map(|(_, meaning)| *meaning);
        let meanings: Vec<Meaning> = self.outputs.iter().filter_map(meaning).collect();
        let names = "names among new, removed, building_before, building_after, boundary, change and -";
        if meanings.len() != self.outputs.len() || meanings.len() > CHANNELS_MAX {
            return wrong("outputs", self.outputs.join(", "), names);
        }
        let once =
            |meaning: Meaning| meanings.iter().filter(|other| other.map() == meaning.map()).count() == 1;
        if !meanings.iter().all(|meaning| *meaning == Meaning::Ignored || once(*meaning)) {
            return wrong("outputs", self.outputs.join(", "), "each name once, and either new or change");
        }
        if !meanings.iter().any(|meaning| meaning.map() == Some(0)) {
            return wrong("outputs", self.outputs.join(", "), "new or change among them");
        }
        Ok(meanings)
    }
}
