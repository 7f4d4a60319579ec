//! What computes a network: `rten` here, other runtimes from outside.

mod cut;
mod dense;
mod depthwise;
mod planes;
mod winograd;

use std::collections::HashMap;

use rten::{NodeId, Value, ValueOrView};
use rten_tensor::{NdTensor, NdTensorView};

use dense::Dense;
use depthwise::Depthwise;
use winograd::Winograd;

/// A network loaded into what computes it.
///
/// Windows are run from several threads at once.
pub trait Runtime: Send + Sync {
    /// Tensors that the network reads.
    fn tensors(&self) -> usize;

    /// Runs the network on its tensors, each `[1, C, H, W]`; its first result is `[1, C, H, W]` too.
    ///
    /// # Errors
    /// What went wrong, in the runtime's own words.
    fn run(&self, tensors: &[NdTensorView<'_, f32, 4>]) -> Result<NdTensor<f32, 4>, String>;
}

/// A convolution of our own.
#[derive(Debug, PartialEq)]
enum Layer {
    Dense(Dense),
    Depthwise(Depthwise),
    Winograd(Winograd),
}

impl Layer {
    fn run(&self, input: NdTensorView<'_, f32, 4>) -> Result<NdTensor<f32, 4>, String> {
        match self {
            Layer::Dense(layer) => layer.run(input),
            Layer::Depthwise(layer) => layer.run(input),
            Layer::Winograd(layer) => layer.run(input),
        }
    }
}

/// The runtime of this crate, in pure Rust: `rten`, and convolutions of our own.
pub(crate) struct Rten {
    network: rten::Model,
    /// What is done in turn, where the network has convolutions.
    steps: Vec<Step>,
}

/// A step with the values by their numbers in `rten`'s graph.
enum Step {
    Part { reads: Vec<NodeId>, gives: Vec<NodeId> },
    Filter { reads: NodeId, gives: NodeId, layer: Layer },
}

impl Rten {
    /// Reads an ONNX file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn load(onnx: &[u8]) -> Result<Rten, String> {
        let told = |error: rten::LoadError| error.to_string();
        let Some(steps) = cut::steps(onnx) else {
            let network = rten::Model::load(onnx.to_vec()).map_err(told)?;
            return Ok(Rten { network, steps: Vec::new() });
        };
        // Unchanged, so that every value of the file can be found.
        let mut options = rten::ModelOptions::with_all_ops();
        let network = options.enable_optimization(false).load(onnx.to_vec()).map_err(told)?;
        let id = |name: &String| network.node_id(name).map_err(|error| error.to_string());
        let ids = |names: &[String]| names.iter().map(id).collect::<Result<Vec<_>, _>>();
        let steps = steps
            .into_iter()
            .map(|step| {
                Ok(match step {
                    cut::Step::Part { reads, gives } => {
                        Step::Part { reads: ids(&reads)?, gives: ids(&gives)? }
                    }
                    cut::Step::Filter { reads, gives, layer } => {
                        Step::Filter { reads: id(&reads)?, gives: id(&gives)?, layer }
                    }
                })
            })
            .collect::<Result<Vec<_>, String>>()?;
        Ok(Rten { network, steps })
    }

    /// Runs a part of the network.
    fn part(&self, inputs: Vec<(NodeId, ValueOrView<'_>)>, gives: &[NodeId]) -> Result<Vec<Value>, String> {
        let options = rten::RunOptions::default().with_thread_pool(Some(own_thread()));
        self.network.run(inputs, gives, Some(options)).map_err(|error| error.to_string())
    }

    /// Runs the steps; a value is dropped after the last step that reads it.
    fn in_steps(&self, inputs: Vec<(NodeId, ValueOrView<'_>)>, result: NodeId) -> Result<Value, String> {
        let mut values: HashMap<NodeId, ValueOrView<'_>> = inputs.into_iter().collect();
        for (number, step) in self.steps.iter().enumerate() {
            let later = &self.steps[number + 1..];
            match step {
                Step::Part { reads, gives } => {
                    let (kept, last): (Vec<NodeId>, Vec<NodeId>) = reads
                        .iter()
                        .copied()
                        .partition(|id| later.iter().any(|step| step.reads().contains(id)));
                    let mut given: Vec<(NodeId, ValueOrView<'_>)> = Vec::new();
                    for id in last {
                        given.push((id, values.remove(&id).ok_or("a value that no step gave")?));
                    }
                    for id in kept {
                        let value = values.get(&id).ok_or("a value that no step gave")?;
                        given.push((id, ValueOrView::View(value.as_view())));
                    }
                    let made = self.part(given, gives)?;
                    values.extend(gives.iter().copied().zip(made.into_iter().map(ValueOrView::Value)));
                }
                Step::Filter { reads, gives, layer } => {
                    let value = values.get(reads).ok_or("a value that no step gave")?;
                    let input: NdTensorView<'_, f32, 4> =
                        value.as_view().try_into().map_err(|_| "no 4-dimensional numbers")?;
                    let made = layer.run(input)?;
                    if !later.iter().any(|step| step.reads().contains(reads)) {
                        values.remove(reads);
                    }
                    values.insert(*gives, made.into());
                }
            }
        }
        match values.remove(&result) {
            Some(ValueOrView::Value(value)) => Ok(value),
            _ => Err("nothing".to_owned()),
        }
    }
}

impl Step {
    fn reads(&self) -> &[NodeId] {
        match self {
            Step::Part { reads, .. } => reads,
            Step::Filter { reads, .. } => std::slice::from_ref(reads),
        }
    }
}

impl Runtime for Rten {
    fn tensors(&self) -> usize {
        self.network.input_ids().len()
    }

    fn run(&self, tensors: &[NdTensorView<'_, f32, 4>]) -> Result<NdTensor<f32, 4>, String> {
        let ids = self.network.input_ids().iter().copied();
        let inputs = ids.zip(tensors.iter().map(|tensor| tensor.view().into())).collect();
        let result = self.network.output_ids()[0];
        let first = if self.steps.is_empty() {
            self.part(inputs, &[result])?.into_iter().next().ok_or_else(|| "nothing".to_owned())?
        } else {
            self.in_steps(inputs, result)?
        };
        first.try_into().map_err(|_| "no 4-dimensional numbers".to_owned())
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

/// Numbers for the tests of the layers.
#[cfg(test)]
fn some(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|at| ((at as f32 * step).sin() * 10.0).round() / 7.0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rten_tensor::prelude::*;

    use crate::model::{CHANNELS_IN, MODELS};

    #[test]
    fn a_network_in_steps_says_what_rten_alone_says() {
        for shipped in MODELS {
            let network = Rten::load(shipped.onnx()).unwrap();
            let alone =
                Rten { network: rten::Model::load(shipped.onnx().to_vec()).unwrap(), steps: Vec::new() };
            let pair = NdTensor::from_fn([1, CHANNELS_IN, 96, 160], |[_, channel, row, col]| {
                ((row * 7 + col * 13 + channel * 29) % 101) as f32 / 101.0
            });
            let (got, wanted) = (network.run(&[pair.view()]).unwrap(), alone.run(&[pair.view()]).unwrap());
            assert_eq!(got.shape(), wanted.shape());
            let apart = got.iter().zip(wanted.iter()).map(|(got, wanted)| (got - wanted).abs());
            assert!(apart.fold(0.0, f32::max) < 1e-4, "{}", shipped.name);
        }
    }
}
