//! Networks that give evidence: the shipped ones, and foreign ones with a card.

use rten_tensor::{CowNdTensor, NdTensor, NdTensorView, prelude::*};
use sha2::{Digest, Sha256};

use crate::{
    candidate::DetectorId,
    card::{Activation, Card, Dates, Meaning},
    detect::CLASSICAL,
    evidence::sigmoid,
    runtime::{Rten, Runtime},
};

/// Channels in: red, green, blue before and after.
pub const CHANNELS_IN: usize = 6;
/// Maps out: new, removed, building before, building after, boundary.
pub const MAPS_OUT: usize = 5;
/// Bands of a date.
const BANDS: usize = CHANNELS_IN / 2;
/// Largest model file taken, bytes.
pub const MODEL_BYTES_MAX: usize = 256 << 20;

/// A model that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// No detector of that name.
    #[error("there is no detector {name:?}: choose one of {known}, or an ONNX file with its card beside it")]
    Unknown {
        /// Name asked for.
        name: String,
        /// Names there are.
        known: String,
    },
    /// The card is no card.
    #[error("the card of the model cannot be read")]
    Card(#[source] serde_json::Error),
    /// The card asks for something that is not done here.
    #[error("the card of model {model} says {field} is {got} but must be {wanted}")]
    CardField {
        /// Name of the model.
        model: String,
        /// Which field.
        field: &'static str,
        /// What it says.
        got: String,
        /// What would do.
        wanted: String,
    },
    /// The file is not the one the card is for.
    #[error("model {model} has SHA-256 {got} but its card says {wanted}")]
    Hash {
        /// Name of the model.
        model: String,
        /// Hash of the file.
        got: String,
        /// Hash on the card.
        wanted: String,
    },
    /// The file is no ONNX model that can be run here.
    #[error("model {model} cannot be loaded: {cause}")]
    Load {
        /// Name of the model.
        model: String,
        /// What the runtime says.
        cause: String,
    },
    /// The model reads other tensors than its card says.
    #[error(
        "model {model} reads {got} tensors but its card says {wanted}: input.dates is `stacked` for one, `separate` for two"
    )]
    Inputs {
        /// Name of the model.
        model: String,
        /// Tensors that it reads.
        got: usize,
        /// Tensors that its card says.
        wanted: usize,
    },
    /// The model gives something else than its card says.
    #[error("model {model} gives {got} for a pair of {wanted_px} px but must give {wanted}")]
    Shape {
        /// Name of the model.
        model: String,
        /// What came out.
        got: String,
        /// Rows and columns of the pair.
        wanted_px: String,
        /// What would do.
        wanted: String,
    },
}

/// A shipped model: name, card and weights.
pub struct Shipped {
    /// Name by which it is chosen.
    pub name: &'static str,
    card: &'static str,
    onnx: &'static [u8],
}

/// The shipped models.
pub const MODELS: &[Shipped] = &[
    Shipped {
        name: "research",
        card: include_str!("../models/research.json"),
        onnx: include_bytes!("../models/research.onnx"),
    },
    Shipped {
        name: "research-large",
        card: include_str!("../models/research-large.json"),
        onnx: include_bytes!("../models/research-large.onnx"),
    },
    Shipped {
        name: "research-small",
        card: include_str!("../models/research-small.json"),
        onnx: include_bytes!("../models/research-small.onnx"),
    },
    Shipped {
        name: "open",
        card: include_str!("../models/open.json"),
        onnx: include_bytes!("../models/open.onnx"),
    },
];

impl Shipped {
    /// The shipped model of a name.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn named(name: &str) -> Result<&'static Shipped, ModelError> {
        MODELS.iter().find(|shipped| shipped.name == name).ok_or_else(|| {
            let known = MODELS.iter().map(|shipped| shipped.name).chain([CLASSICAL]).collect::<Vec<_>>();
            ModelError::Unknown { name: name.to_owned(), known: known.join(", ") }
        })
    }

    /// Its card.
    pub fn card(&self) -> Card {
        serde_json::from_str(self.card).expect("a test reads every shipped card")
    }

    /// Its ONNX file.
    pub fn onnx(&self) -> &'static [u8] {
        self.onnx
    }

    /// The model, ready to run.
    ///
    /// # Errors
    /// When card and weights do not belong together.
    pub fn load(&self) -> Result<Model, ModelError> {
        Model::load(self.onnx, self.card())
    }
}

/// A network ready to run.
pub struct Model {
    card: Card,
    /// What each channel of the network's result means.
    meanings: Vec<Meaning>,
    runtime: Box<dyn Runtime>,
}

impl std::fmt::Debug for Model {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Model").field("card", &self.card).finish_non_exhaustive()
    }
}

impl Model {
    /// Reads a card.
    ///
    /// # Errors
    /// When the text is no card.
    pub fn read_card(text: &str) -> Result<Card, ModelError> {
        serde_json::from_str(text).map_err(ModelError::Card)
    }

    /// Loads a network into the runtime of this crate and proves on a small input that it does what its card says.
    ///
    /// # Errors
    /// When the card asks for what is not done here, the hash differs, or the file does not load or gives
    /// another shape.
    pub fn load(onnx: &[u8], card: Card) -> Result<Model, ModelError> {
        Model::load_into(onnx, card, |onnx| {
            Rten::load(onnx).map(|runtime| Box::new(runtime) as Box<dyn Runtime>)
        })
    }

    /// The same with another runtime: `load` makes it of the bytes of the ONNX file, or says why it cannot.
    ///
    /// # Errors
    /// Those of [`Model::load`].
    pub fn load_into(
        onnx: &[u8],
        card: Card,
        load: impl FnOnce(&[u8]) -> Result<Box<dyn Runtime>, String>,
    ) -> Result<Model, ModelError> {
        let meanings = card.meanings()?;
        let got = hex(&Sha256::digest(onnx));
        if got != card.sha256 {
            return Err(ModelError::Hash { model: card.name, got, wanted: card.sha256 });
        }
        if onnx.len() > MODEL_BYTES_MAX {
            let cause = format!("{} bytes are more than {MODEL_BYTES_MAX}", onnx.len());
            return Err(ModelError::Load { model: card.name, cause });
        }
        let runtime = load(onnx).map_err(|cause| ModelError::Load { model: card.name.clone(), cause })?;
        let (got, wanted) = (runtime.tensors(), card.input.dates.tensors());
        if got != wanted {
            return Err(ModelError::Inputs { model: card.name, got, wanted });
        }
        let model = Model { card, meanings, runtime };
        let side = model.multiple_px();
        model.run(NdTensor::zeros([1, CHANNELS_IN, side, side]).view())?;
        Ok(model)
    }

    /// Its card.
    pub fn card(&self) -> &Card {
        &self.card
    }

    /// Who speaks through it.
    pub fn id(&self) -> DetectorId {
        DetectorId {
            name: self.card.name.clone(),
            version: self.card.version.clone(),
            model_sha256: Some(self.card.sha256.clone()),
        }
    }

    /// Sides of what the network reads must be multiples of this, pixels.
    pub fn multiple_px(&self) -> usize {
        self.card.input.multiple_of_px
    }

    /// How many times a window is enlarged for each look at it.
    pub fn looks(&self) -> &[f32] {
        &self.card.input.looks
    }

    /// Whether it can tell a new structure from a removed one.
    pub fn tells_direction(&self) -> bool {
        self.meanings.contains(&Meaning::New)
    }

    /// Runs the network: `[1, 6, H, W]` of 0 to 1 in, `[1, 5, H, W]` probabilities out.
    ///
    /// # Errors
    /// When the network cannot be run on that shape or gives another one.
    pub fn run(&self, pair: NdTensorView<'_, f32, 4>) -> Result<NdTensor<f32, 4>, ModelError> {
        let [_, _, rows, cols] = pair.shape();
        let wanted = [1, self.meanings.len(), rows, cols];
        let fails = |got: String| ModelError::Shape {
            model: self.card.name.clone(),
            got,
            wanted_px: format!("{rows} x {cols}"),
            wanted: format!("{wanted:?}"),
        };
        let shown = self.shown(pair);
        let dates: Vec<NdTensorView<'_, f32, 4>> = match self.card.input.dates {
            Dates::Stacked => vec![shown.view()],
            Dates::Separate => vec![shown.slice((.., ..BANDS)), shown.slice((.., BANDS..))],
        };
        let said = self.runtime.run(&dates).map_err(fails)?;
        if said.shape() == wanted { Ok(self.maps(said)) } else { Err(fails(format!("{:?}", said.shape()))) }
    }

    /// The pair in the range of values that the network reads.
    fn shown<'a>(&self, pair: NdTensorView<'a, f32, 4>) -> CowNdTensor<'a, f32, 4> {
        let input = &self.card.input;
        if input.reads_plain() {
            return pair.as_cow();
        }
        let [_, _, rows, cols] = pair.shape();
        let mut shown = pair.to_tensor();
        let planes =
            shown.data_mut().expect("a tensor just made lies in one piece").chunks_exact_mut(rows * cols);
        for (channel, plane) in planes.enumerate() {
            let (times, plus) = input.scaling(channel % BANDS);
            for value in plane {
                *value = *value * times + plus;
            }
        }
        shown.into_cow()
    }

    /// The five maps, whatever the network's channels mean.
    fn maps(&self, mut said: NdTensor<f32, 4>) -> NdTensor<f32, 4> {
        let in_place = self.meanings.iter().enumerate().all(|(at, meaning)| meaning.map() == Some(at));
        if in_place && self.meanings.len() == MAPS_OUT && self.card.activation == Activation::Probability {
            return said;
        }
        let [_, channels, rows, cols] = said.shape();
        let pixels = rows * cols;
        let values = said.data_mut().expect("a network's result lies in one piece");
        match self.card.activation {
            Activation::Probability => {}
            Activation::Logits => values.iter_mut().for_each(|value| *value = sigmoid(*value)),
            Activation::Softmax => softmax(values, channels, pixels),
        }
        let mut maps = NdTensor::zeros([1, MAPS_OUT, rows, cols]);
        let planes = maps.data_mut().expect("a tensor just made lies in one piece");
        for (meaning, plane) in self.meanings.iter().zip(values.chunks_exact(pixels)) {
            if let Some(at) = meaning.map() {
                planes[at * pixels..(at + 1) * pixels].copy_from_slice(plane);
            }
        }
        maps
    }
}

/// Shares of the exponentials over the channels, pixel by pixel.
fn softmax(values: &mut [f32], channels: usize, pixels: usize) {
    for at in 0..pixels {
        let places = || (0..channels).map(|channel| channel * pixels + at);
        let highest = places().map(|place| values[place]).fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = places().map(|place| (values[place] - highest).exp()).sum();
        for place in places() {
            values[place] = (values[place] - highest).exp() / sum;
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_model_has_a_card_that_fits_it() {
        for shipped in MODELS {
            let model = shipped.load().unwrap();
            assert_eq!(model.card().name, shipped.name);
        }
    }

    #[test]
    fn a_file_that_is_not_the_one_on_the_card_is_refused() {
        let mut onnx = MODELS[0].onnx.to_vec();
        let middle = onnx.len() / 2;
        onnx[middle] ^= 1;
        assert!(matches!(Model::load(&onnx, MODELS[0].card()), Err(ModelError::Hash { .. })));
    }

    #[test]
    fn a_text_is_no_model_even_if_its_hash_is_right() {
        let mut card = MODELS[0].card();
        card.sha256 = hex(&Sha256::digest(b"not a network"));
        assert!(matches!(Model::load(b"not a network", card), Err(ModelError::Load { .. })));
    }
}
