//! What computes a network: `rten` here, other runtimes from outside.

use rten_tensor::{NdTensor, NdTensorView};

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

/// The runtime of this crate, in pure Rust.
pub(crate) struct Rten {
    network: rten::Model,
}

impl Rten {
    /// Reads an ONNX file.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub(crate) fn load(onnx: &[u8]) -> Result<Rten, String> {
        let network = rten::Model::load(onnx.to_vec()).map_err(|error| error.to_string())?;
        Ok(Rten { network })
    }
}

impl Runtime for Rten {
    fn tensors(&self) -> usize {
        self.network.input_ids().len()
    }

    fn run(&self, tensors: &[NdTensorView<'_, f32, 4>]) -> Result<NdTensor<f32, 4>, String> {
        let inputs =
            self.network.input_ids().iter().copied().zip(tensors.iter().map(|tensor| tensor.view().into()));
        let options = rten::RunOptions::default().with_thread_pool(Some(own_thread()));
        let first = self.network.output_ids()[..1].to_vec();
        let results =
            self.network.run(inputs.collect(), &first, Some(options)).map_err(|error| error.to_string())?;
        let first = results.into_iter().next().ok_or_else(|| "nothing".to_owned())?;
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
