//! Networks that give evidence: the shipped ones, and foreign ones with a card.

use rten_tensor::{NdTensor, NdTensorView, prelude::*};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{candidate::DetectorId, score::ScoreOptions};

/// Sides of what the network reads must be multiples of this, pixels.
pub const MULTIPLE_PX: usize = 16;
/// Channels in: red, green, blue before and after.
pub const CHANNELS_IN: usize = 6;
/// Maps out, in the order of [`OUTPUTS`].
pub const MAPS_OUT: usize = 5;
/// Names of the maps out, as a card must list them.
pub const OUTPUTS: [&str; MAPS_OUT] = ["new", "removed", "building_before", "building_after", "boundary"];
/// Largest model file taken, bytes.
pub const MODEL_BYTES_MAX: usize = 256 << 20;

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
    /// Names of the maps it gives, in order.
    pub outputs: Vec<String>,
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
    /// `0..1`.
    pub scale: String,
    /// Finest ground sample distance it was trained for, metres.
    pub gsd_m_min: f64,
    /// Coarsest ground sample distance it was trained for, metres.
    pub gsd_m_max: f64,
    /// Ground sample distance at which it does best, metres.
    pub gsd_m_best: f64,
}

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
    /// The model reads or gives something else than its card says.
    #[error("model {model} gives {got} for a pair of 16x16 px but must give {wanted}")]
    Shape {
        /// Name of the model.
        model: String,
        /// What came out.
        got: String,
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
        name: "open",
        card: include_str!("../models/open.json"),
        onnx: include_bytes!("../models/open.onnx"),
    },
];

impl Shipped {
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
    network: rten::Model,
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

    /// Loads a network and proves on a small input that it does what its card says.
    ///
    /// # Errors
    /// When the card asks for what is not done here, the hash differs, or the file does not load or gives
    /// another shape.
    pub fn load(onnx: &[u8], card: Card) -> Result<Model, ModelError> {
        check_card(&card)?;
        let got = hex(&Sha256::digest(onnx));
        if got != card.sha256 {
            return Err(ModelError::Hash { model: card.name, got, wanted: card.sha256 });
        }
        if onnx.len() > MODEL_BYTES_MAX {
            let cause = format!("{} bytes are more than {MODEL_BYTES_MAX}", onnx.len());
            return Err(ModelError::Load { model: card.name, cause });
        }
        let network = rten::Model::load(onnx.to_vec())
            .map_err(|error| ModelError::Load { model: card.name.clone(), cause: error.to_string() })?;
        let model = Model { card, network };
        let side = MULTIPLE_PX;
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

    /// Runs the network: `[1, 6, H, W]` of 0 to 1 in, `[1, 5, H, W]` probabilities out, on the calling
    /// thread's own pool of one.
    ///
    /// # Errors
    /// When the network cannot be run on that shape or gives another one.
    pub fn run(&self, pair: NdTensorView<'_, f32, 4>) -> Result<NdTensor<f32, 4>, ModelError> {
        let [_, _, rows, cols] = pair.shape();
        let wanted = [1, MAPS_OUT, rows, cols];
        let fails = |got: String| ModelError::Shape {
            model: self.card.name.clone(),
            got,
            wanted: format!("{wanted:?}"),
        };
        let options = rten::RunOptions::default().with_thread_pool(Some(own_thread()));
        let value =
            self.network.run_one(pair.into(), Some(options)).map_err(|error| fails(error.to_string()))?;
        let maps: NdTensor<f32, 4> =
            value.try_into().map_err(|_| fails("no 4-dimensional numbers".to_owned()))?;
        if maps.shape() == wanted { Ok(maps) } else { Err(fails(format!("{:?}", maps.shape()))) }
    }
}

/// A pool of one thread for each thread that asks: windows run in parallel, each on one core, and do not
/// wait for each other's layers.
fn own_thread() -> std::sync::Arc<rten::ThreadPool> {
    thread_local! {
        static POOL: std::sync::Arc<rten::ThreadPool> = std::sync::Arc::new(rten::ThreadPool::with_num_threads(1));
    }
    POOL.with(std::sync::Arc::clone)
}

fn check_card(card: &Card) -> Result<(), ModelError> {
    let wrong = |field, got: &str, wanted: &str| {
        Err(ModelError::CardField {
            model: card.name.clone(),
            field,
            got: got.to_owned(),
            wanted: wanted.to_owned(),
        })
    };
    if card.input.layout != "NCHW" {
        return wrong("input.layout", &card.input.layout, "NCHW");
    }
    if card.input.scale != "0..1" {
        return wrong("input.scale", &card.input.scale, "0..1");
    }
    if card.outputs != OUTPUTS {
        return wrong("outputs", &card.outputs.join(", "), &OUTPUTS.join(", "));
    }
    Ok(())
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

    #[test]
    fn a_card_of_another_meaning_is_refused() {
        let mut card = MODELS[0].card();
        card.outputs = vec!["change".to_owned()];
        let error = Model::load(MODELS[0].onnx, card).unwrap_err();
        assert!(
            error
                .to_string()
                .starts_with("the card of model research says outputs is change but must be new, removed")
        );
    }
}
