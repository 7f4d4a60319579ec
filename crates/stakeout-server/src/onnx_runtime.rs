//! Networks computed by ONNX Runtime, a library of the system, in builds with the feature `ort`.

use std::path::Path;

use imagery_diff::Runtime;

/// Loads a network into the ONNX Runtime of a library (`libonnxruntime.so`), which stays loaded.
///
/// # Errors
/// When this build cannot, another library was loaded before, or library or network cannot be used.
pub(crate) fn load(library: &Path, onnx: &[u8]) -> Result<Box<dyn Runtime>, String> {
    #[cfg(feature = "ort")]
    return Ok(Box::new(session::Network::load(library, onnx)?));
    #[cfg(not(feature = "ort"))]
    {
        let _ = onnx;
        Err(format!("{} cannot be used: this build has no feature `ort`", library.display()))
    }
}

#[cfg(feature = "ort")]
mod session {
    use std::{
        path::{Path, PathBuf},
        sync::{Mutex, OnceLock, PoisonError},
    };

    use imagery_diff::Runtime;
    use ort::{
        environment::Environment,
        session::{Session, SessionInputValue},
        value::TensorRef,
    };
    use rten_tensor::{NdTensor, NdTensorView, prelude::*};

    /// A session that computes one window at a time, on all cores: a heavy network is in memory once.
    pub(super) struct Network {
        tensors: usize,
        session: Mutex<Session>,
    }

    impl Network {
        pub(super) fn load(library: &Path, onnx: &[u8]) -> Result<Network, String> {
            let session = Session::builder(environment(library)?)
                .map_err(|error| error.to_string())?
                .commit_from_memory(onnx)
                .map_err(|error| error.to_string())?;
            Ok(Network { tensors: session.inputs().len(), session: Mutex::new(session) })
        }
    }

    impl Runtime for Network {
        fn tensors(&self) -> usize {
            self.tensors
        }

        fn run(&self, tensors: &[NdTensorView<'_, f32, 4>]) -> Result<NdTensor<f32, 4>, String> {
            let shown: Vec<NdTensor<f32, 4>> = tensors.iter().map(|tensor| tensor.to_tensor()).collect();
            let inputs: Vec<SessionInputValue<'_>> = shown
                .iter()
                .map(|tensor| {
                    let values = tensor.data().expect("a tensor just made lies in one piece");
                    TensorRef::from_array_view((tensor.shape(), values)).map(Into::into)
                })
                .collect::<Result<_, ort::Error>>()
                .map_err(|error| error.to_string())?;
            // a window that failed leaves nothing behind in the session
            let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
            let results = session.run(inputs.as_slice()).map_err(|error| error.to_string())?;
            let (shape, values) =
                results[0].try_extract_tensor::<f32>().map_err(|error| error.to_string())?;
            let sides: Vec<usize> = shape.iter().filter_map(|side| usize::try_from(*side).ok()).collect();
            let sides: [usize; 4] =
                sides.try_into().map_err(|_| format!("{shape:?}, not four dimensions"))?;
            Ok(NdTensor::from_data(sides, values.to_vec()))
        }
    }

    /// The library's environment: one a process.
    fn environment(library: &Path) -> Result<&'static Environment, String> {
        static LOADED: OnceLock<Result<(PathBuf, Environment), String>> = OnceLock::new();
        let loaded = LOADED.get_or_init(|| {
            let builder = ort::init_from(library).map_err(|error| error.to_string())?;
            let environment = builder.with_telemetry(false).build().map_err(|error| error.to_string())?;
            Ok((library.to_owned(), environment))
        });
        match loaded {
            Ok((path, environment)) if path == library => Ok(environment),
            Ok((path, _)) => Err(format!("{} was loaded before", path.display())),
            Err(cause) => Err(cause.clone()),
        }
    }
}
