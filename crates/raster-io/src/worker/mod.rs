//! Decoding of untrusted files in a process of its own.
//!
//! ```text
//! service: header check (Rust) -> child: confine itself -> GDAL -> working copy -> service: header check, open
//! ```
//!
//! The child is the same binary under another name of task. It takes one [`Order`] on its standard input, gives
//! up everything but that order's files (see [`confine`]), makes the working copy and says one [`Report`] on its
//! standard output. Its death, hang or greed is an error about that file and nothing else.

mod confine;

use std::{
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, ExitCode, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use crate::{
    RasterError, checked_file,
    header::HeaderLimits,
    ingest::{IngestRequest, IngestedScene, make_working_copy},
    placing::{Fitted, fit},
    source::{Source, open},
    whole::{folder_of, free_bytes},
};

/// Longest order or report, bytes.
const MESSAGE_BYTES_MAX: u64 = 64 << 10;
/// A disk with fewer bytes than these is full: an encoder writes some thousand at a time.
const FREE_BYTES_MIN: u64 = 1 << 20;
/// Shortest and longest pause between two looks at the child.
const LOOK_EVERY: [Duration; 2] = [Duration::from_millis(1), Duration::from_millis(50)];
/// Where PROJ and GDAL keep their tables, besides what the environment names.
const TABLES: [&str; 4] =
    ["/usr/share/proj", "/usr/share/gdal", "/usr/local/share/proj", "/usr/local/share/gdal"];
/// Names of the environment that say where those tables are; the child sees no others.
const TABLE_VARIABLES: [&str; 3] = ["PROJ_DATA", "PROJ_LIB", "GDAL_DATA"];

/// What a child may use up on one file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct WorkerLimits {
    /// Address space, bytes.
    pub memory_bytes: u64,
    /// Processor time, seconds.
    pub cpu_s: u64,
    /// Time from start to end, seconds.
    pub wall_s: u64,
    /// Largest file it may write, bytes.
    pub output_bytes: u64,
}

impl Default for WorkerLimits {
    fn default() -> WorkerLimits {
        WorkerLimits { memory_bytes: 3 << 30, cpu_s: 3_600, wall_s: 3_600, output_bytes: 24 << 30 }
    }
}

/// What the service asks of a child.
#[derive(Debug, Serialize, Deserialize)]
struct Order {
    request: IngestRequest,
    fitted: Option<Fitted>,
    tables: Vec<PathBuf>,
    limits: WorkerLimits,
}

/// What a child answers.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Report {
    Stretch(Vec<[f64; 2]>),
    /// The file cannot be taken.
    Refused(String),
    /// No file could be decoded here, whatever is in it.
    Unable(String),
}

/// Starts a child for each file.
#[derive(Clone, Debug)]
pub struct IngestWorker {
    program: PathBuf,
    task: &'static str,
    limits: WorkerLimits,
}

impl IngestWorker {
    /// Children run `program task`, which must do nothing but call [`work`].
    pub fn new(program: PathBuf, task: &'static str, limits: WorkerLimits) -> IngestWorker {
        IngestWorker { program, task, limits }
    }

    /// Makes the working copy of a file in a child. The folder of the output must hold nothing else: the child may
    /// write in it.
    ///
    /// # Errors
    /// When the header check refuses the file or what is said of its place makes no sense (no child is started), the child
    /// refuses it, fails, or uses more than its limits, or the working copy is none. Where the fault is not the file's:
    /// [`RasterError::Worker`], and [`RasterError::Write`] where the disk is full.
    pub fn ingest(&self, request: &IngestRequest) -> Result<IngestedScene, RasterError> {
        let header = checked_file::check(&request.input)?;
        let fitted = request
            .placing
            .as_ref()
            .map(|placing| {
                let fitted = fit(placing, header.cols, header.rows)?;
                fitted.must_be_taken(&header, &HeaderLimits::of_working_copies()).map(|()| fitted)
            })
            .transpose()
            .map_err(|fault| RasterError::Placing { path: request.input.clone(), fault })?;
        let residual_m = fitted.as_ref().map(|fitted| fitted.residual_m);
        let stretch = self.ask(request, fitted).map_err(|error| {
            let full = disk_is_full(&request.output);
            sweep(&request.output);
            full.map_or(error, |source| RasterError::Write { path: request.output.clone(), source })
        })?;
        // what a child that was taken over might leave instead: a link to somewhere else
        let whole = std::fs::symlink_metadata(&request.output).is_ok_and(|made| made.is_file());
        if !whole {
            return Err(refused(request, format!("{} was not made", request.output.display())));
        }
        let working = accept(&request.output, &stretch).map_err(|cause| {
            sweep(&request.output);
            refused(request, format!("what was made of it is no working copy: {cause}"))
        })?;
        let media_type = header.format.media_type();
        Ok(IngestedScene { info: working.info().clone(), media_type, stretch, residual_m })
    }

    fn ask(&self, request: &IngestRequest, fitted: Option<Fitted>) -> Result<Vec<[f64; 2]>, RasterError> {
        let absolute = |path: &Path| {
            std::path::absolute(path).map_err(|source| RasterError::Read { path: path.to_owned(), source })
        };
        let order = Order {
            request: IngestRequest {
                input: absolute(&request.input)?,
                output: absolute(&request.output)?,
                placing: None,
            },
            fitted,
            tables: tables(),
            limits: self.limits.clone(),
        };
        let begun = Instant::now();
        let mut child =
            self.start().map_err(|error| unable(request, format!("its process did not start: {error}")))?;
        let text = serde_json::to_vec(&order).expect("an order is plain data");
        // a child that died already is told below, by its exit status
        let _ = child.stdin.take().expect("asked for above").write_all(&text);
        let said = child.stdout.take().expect("asked for above");
        let listener = std::thread::spawn(move || {
            let mut text = Vec::new();
            said.take(MESSAGE_BYTES_MAX).read_to_end(&mut text).map(|_| text)
        });
        let status = wait(&mut child, Duration::from_secs(self.limits.wall_s));
        let said = listener.join().ok().and_then(Result::ok).unwrap_or_default();
        match (status, serde_json::from_slice(&said)) {
            (Some(status), Ok(Report::Stretch(stretch))) if status.success() => Ok(stretch),
            (Some(_), Ok(Report::Refused(cause))) => Err(refused(request, cause)),
            (Some(_), Ok(Report::Unable(cause))) => Err(unable(request, cause)),
            (Some(status), _) => Err(self.death(request, status, begun.elapsed())),
            (None, _) => Err(refused(
                request,
                format!("decoding it took more than {} s and was stopped", self.limits.wall_s),
            )),
        }
    }

    fn start(&self) -> io::Result<Child> {
        let known = TABLE_VARIABLES.iter().filter_map(|name| Some((name, std::env::var_os(name)?)));
        Command::new(&self.program)
            .arg(self.task)
            .env_clear()
            .envs(known)
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }

    fn death(&self, request: &IngestRequest, status: ExitStatus, after: Duration) -> RasterError {
        use std::os::unix::process::ExitStatusExt;
        // the kernel ends one whose time is up as it ends one when memory is short, but not before all cores could use it
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get() as u64);
        let used_s_max = (after.as_secs() + 1).saturating_mul(cores);
        let WorkerLimits { memory_bytes, cpu_s, output_bytes, .. } = self.limits;
        let cause = match status.signal() {
            Some(libc::SIGKILL) if used_s_max < cpu_s => {
                let cause = format!(
                    "its process was killed, probably because this machine ran out of memory; it may use {memory_bytes} bytes"
                );
                return unable(request, cause);
            }
            Some(libc::SIGXCPU | libc::SIGKILL) => {
                format!("decoding it took more than {cpu_s} s of processor time and was stopped")
            }
            Some(libc::SIGXFSZ) => format!("its working copy is larger than {output_bytes} bytes"),
            Some(signal) => format!(
                "the process that decoded it died (signal {signal}); it may use {memory_bytes} bytes of memory"
            ),
            None => format!("the process that decoded it failed ({status})"),
        };
        refused(request, cause)
    }
}

/// Opens what a child made, if it is what an honest one makes.
fn accept(output: &Path, stretch: &[[f64; 2]]) -> Result<Source, String> {
    let working = checked_file::check_working_copy(output)
        .and_then(|_| open(output))
        .map_err(|error| with_causes(&error))?;
    let (got, bands) = (stretch.len(), working.info().bands);
    if got == bands as usize { Ok(working) } else { Err(format!("{got} display ranges for {bands} bands")) }
}

fn refused(request: &IngestRequest, cause: String) -> RasterError {
    RasterError::Ingest { path: request.input.clone(), cause }
}

fn unable(request: &IngestRequest, cause: String) -> RasterError {
    RasterError::Worker { path: request.input.clone(), cause }
}

/// The error of a disk without room, where `output` lies on one: what fails there says nothing of the image.
fn disk_is_full(output: &Path) -> Option<io::Error> {
    (free_bytes(&folder_of(output))? < FREE_BYTES_MIN).then(|| io::Error::from(io::ErrorKind::StorageFull))
}

/// Removes what a child left in the folder of its output when it was stopped.
fn sweep(output: &Path) {
    let files = output.parent().and_then(|folder| std::fs::read_dir(folder).ok());
    for file in files.into_iter().flatten().flatten() {
        // the caller removes the folder as well
        let _ = std::fs::remove_file(file.path());
    }
}

fn tables() -> Vec<PathBuf> {
    let named = TABLE_VARIABLES.iter().filter_map(std::env::var_os);
    let named: Vec<PathBuf> =
        named.flat_map(|paths| std::env::split_paths(&paths).collect::<Vec<_>>()).collect();
    TABLES.iter().map(PathBuf::from).chain(named).filter(|folder| folder.is_dir()).collect()
}

/// Waits for a child; one that takes too long is ended, and the answer is `None`.
fn wait(child: &mut Child, at_most: Duration) -> Option<ExitStatus> {
    let until = Instant::now() + at_most;
    let [mut pause, longest] = LOOK_EVERY;
    loop {
        if let Ok(Some(status)) = child.try_wait() {
            return Some(status);
        }
        if Instant::now() >= until {
            // it may have ended in between
            let _ = child.kill();
            let _ = child.wait();
            return None;
        }
        std::thread::sleep(pause);
        pause = (pause * 2).min(longest);
    }
}

/// The child's whole life: one order, one report. Never returns to code that would do anything else.
pub fn work() -> ExitCode {
    let report = match order() {
        Ok(order) => obey(&order),
        Err(cause) => Report::Unable(cause),
    };
    let done = matches!(report, Report::Stretch(_));
    let text = serde_json::to_vec(&report).expect("a report is plain data");
    let said = std::io::stdout().write_all(&text);
    if done && said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn order() -> Result<Order, String> {
    let mut text = Vec::new();
    std::io::stdin()
        .take(MESSAGE_BYTES_MAX)
        .read_to_end(&mut text)
        .map_err(|error| format!("no order came: {error}"))?;
    serde_json::from_slice(&text).map_err(|error| format!("the order is none: {error}"))
}

fn obey(order: &Order) -> Report {
    let Order { request, fitted, tables, limits } = order;
    if let Err(error) = confine::confine(&request.input, &request.output, tables, limits) {
        return Report::Unable(format!("this machine cannot keep its process off all else: {error}"));
    }
    match make_working_copy(request, fitted.as_ref()) {
        Ok(stretch) => Report::Stretch(stretch),
        Err(error) => Report::Refused(with_causes(&error)),
    }
}

fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn processor_time_is_told_only_where_so_much_could_be_used() {
        let worker = IngestWorker::new("/bin/false".into(), "", WorkerLimits::default());
        let request = IngestRequest { input: "a.tif".into(), output: "b.tif".into(), placing: None };
        let died = |signal, after_s| {
            worker.death(&request, ExitStatus::from_raw(signal), Duration::from_secs(after_s))
        };
        assert!(matches!(died(libc::SIGKILL, 5), RasterError::Worker { .. }), "it says nothing of the image");
        let told = |signal, after_s| died(signal, after_s).to_string();
        assert!(told(libc::SIGKILL, 5).contains("ran out of memory"));
        assert!(told(libc::SIGKILL, 3_600).contains("more than 3600 s of processor time"));
        assert!(told(libc::SIGXCPU, 5).contains("more than 3600 s of processor time"));
    }
}
