//! What computes a network: `rten` here, other runtimes from outside.

mod cut;
mod dense;
mod depthwise;
mod graph;
mod planes;
mod pointwise;
mod tiles;
mod winograd;

use std::collections::HashMap;

use rten::{NodeId, Value, ValueOrView};
use rten_tensor::{NdTensor, NdTensorView, prelude::*};

use cut::{Step, Work};
use dense::Dense;
use depthwise::Depthwise;
use pointwise::Pointwise;
use winograd::Winograd;

/// A network loaded into what computes it.
///
/// Windows are run from several threads at once.
pub trait Runtime: Send + Sync {
    /// Tensors that the network reads.
    fn tensors(&self) -> usize;

    /// Runs the network on its tensors, each `[1, C, H, W]`; its first result is `[1, C, H, W]` too, in one piece.
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
    Pointwise(Pointwise),
    Winograd(Winograd),
}

impl Layer {
    /// Convolves what it reads, one value but for [`Pointwise`].
    fn run(&self, inputs: &[NdTensorView<'_, f32, 4>], room: Room<'_>) -> Result<NdTensor<f32, 4>, String> {
        match (self, inputs) {
            (Layer::Pointwise(layer), inputs) => layer.run(inputs, room),
            (Layer::Dense(layer), [input]) => layer.run(input.view(), room),
            (Layer::Depthwise(layer), [input]) => layer.run(input.view(), room),
            (Layer::Winograd(layer), [input]) => layer.run(input.view(), room),
            (_, inputs) => Err(format!("{} values for a convolution of one", inputs.len())),
        }
    }

    /// The same with some of the values of a network.
    fn run_on(
        &self,
        reads: &[NodeId],
        values: &HashMap<NodeId, ValueOrView<'_>>,
        room: Room<'_>,
    ) -> Result<Value, String> {
        let mut inputs = Vec::with_capacity(reads.len());
        for id in reads {
            inputs.push(values.get(id).ok_or(UNKNOWN)?.as_view().try_into().map_err(|_| NO_IMAGES)?);
        }
        Ok(self.run(&inputs, room)?.into())
    }
}

/// Memory for the result of a layer.
enum Room<'a> {
    /// Any, which is overwritten.
    Of(&'a mut Pool),
    /// A value of the shape of the result, which is added to it before its bounds count.
    Onto(NdTensor<f32, 4>),
}

impl Room<'_> {
    /// A tensor to write to, and whether what is written is added to what it holds.
    fn tensor(self, shape: [usize; 4]) -> Result<(NdTensor<f32, 4>, bool), String> {
        match self {
            Room::Of(pool) => Ok((NdTensor::from_data(shape, pool.take(shape.iter().product())), false)),
            Room::Onto(value) if value.shape() == shape => {
                Ok((NdTensor::from_data(shape, value.into_data()), true))
            }
            Room::Onto(value) => Err(format!("{shape:?} to be added to {:?}", value.shape())),
        }
    }

    /// Where a layer can take memory that adds to nothing.
    fn pool(&mut self) -> Result<&mut Pool, String> {
        match self {
            Room::Of(pool) => Ok(pool),
            Room::Onto(_) => Err("a sum where none is made".to_owned()),
        }
    }
}

/// Memory of values that nothing reads any more: it would cost as much to clear it anew as to add two values.
#[derive(Default)]
struct Pool(Vec<Vec<f32>>);

impl Pool {
    /// So many numbers, whatever they are.
    fn take(&mut self, count: usize) -> Vec<f32> {
        let fits = self.0.iter().enumerate().filter(|(_, memory)| memory.capacity() >= count);
        match fits.min_by_key(|(_, memory)| memory.capacity()).map(|(at, _)| at) {
            Some(at) => {
                let mut memory = self.0.swap_remove(at);
                memory.resize(count, 0.0);
                memory
            }
            None => vec![0.0; count],
        }
    }

    /// Takes the memory of a value.
    fn give(&mut self, memory: Vec<f32>) {
        self.0.push(memory);
    }
}

/// Said of a value that no step gave.
const UNKNOWN: &str = "a value that no step gave";

/// Said of a value that is not `[N, C, H, W]` numbers.
const NO_IMAGES: &str = "no 4-dimensional numbers";

/// The runtime of this crate, in pure Rust: `rten`, and convolutions of our own.
pub(crate) struct Rten {
    network: rten::Model,
    /// What is done in turn, where the network has convolutions, with values by their numbers in `rten`'s graph.
    steps: Vec<Step<NodeId>>,
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
            if network.output_ids().is_empty() {
                return Err("the graph gives nothing".to_owned());
            }
            return Ok(Rten { network, steps: Vec::new() });
        };
        // Unchanged, so that every value of the file can be found.
        let mut options = rten::ModelOptions::with_all_ops();
        let network = options.enable_optimization(false).load(onnx.to_vec()).map_err(told)?;
        let id = |name: &String| network.node_id(name).map_err(|error| error.to_string());
        let steps = steps.into_iter().map(|step| step.named(id)).collect::<Result<_, _>>()?;
        Ok(Rten { network, steps })
    }

    /// Runs a part of the network.
    fn part(&self, inputs: Vec<(NodeId, ValueOrView<'_>)>, gives: &[NodeId]) -> Result<Vec<Value>, String> {
        let options = rten::RunOptions::default().with_thread_pool(Some(own_thread()));
        self.network.run(inputs, gives, Some(options)).map_err(|error| error.to_string())
    }

    /// Runs the steps; a value is given away, or its memory is written over, at the last step that reads it.
    fn in_steps(&self, inputs: Vec<(NodeId, ValueOrView<'_>)>, result: NodeId) -> Result<Value, String> {
        let mut values: HashMap<NodeId, ValueOrView<'_>> = inputs.into_iter().collect();
        let mut pool = Pool::default();
        for step in &self.steps {
            let made = match &step.work {
                Work::Part => {
                    let mut given = Vec::with_capacity(step.reads.len());
                    for id in &step.last_read {
                        given.push((*id, values.remove(id).ok_or(UNKNOWN)?));
                    }
                    for id in step.reads.iter().filter(|id| !step.last_read.contains(id)) {
                        given.push((*id, ValueOrView::View(values.get(id).ok_or(UNKNOWN)?.as_view())));
                    }
                    self.part(given, &step.gives)?
                }
                Work::Layer(layer) => vec![layer.run_on(&step.reads, &values, Room::Of(&mut pool))?],
                Work::Sum(layer) => {
                    let (added, reads) = step.reads.split_last().ok_or(UNKNOWN)?;
                    let added = if step.last_read.contains(added) && !reads.contains(added) {
                        values.remove(added).ok_or(UNKNOWN)?.into_owned()
                    } else {
                        values.get(added).ok_or(UNKNOWN)?.to_owned()
                    };
                    let added = added.try_into().map_err(|_| NO_IMAGES)?;
                    vec![layer.run_on(reads, &values, Room::Onto(added))?]
                }
            };
            for id in &step.last_read {
                if let Some(ValueOrView::Value(Value::FloatTensor(value))) = values.remove(id) {
                    pool.give(value.into_data());
                }
            }
            values.extend(step.gives.iter().copied().zip(made.into_iter().map(ValueOrView::Value)));
        }
        match values.remove(&result) {
            Some(ValueOrView::Value(value)) => Ok(value),
            _ => Err("nothing".to_owned()),
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
        let images: NdTensor<f32, 4> = first.try_into().map_err(|_| NO_IMAGES.to_owned())?;
        // what a network cuts out at its end keeps the strides of what it was cut from
        Ok(if images.data().is_some() { images } else { images.to_tensor() })
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

/// Memory that other values have left their numbers in.
#[cfg(test)]
fn used() -> Pool {
    Pool(vec![vec![f32::NAN; 1 << 20]])
}

#[cfg(test)]
mod tests;
