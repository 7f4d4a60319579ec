//! Files that a command is going to write, and standard output.

use std::{
    fmt::Display,
    fs::File,
    io::{ErrorKind, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail, ensure};
use raster_io::{folder_of, write_whole};

use crate::data_folder::is_data_folder;

/// The name that stands for standard output.
pub(crate) const STANDARD_OUTPUT: &str = "-";
/// Where the system shows devices and processes as files.
const OF_THE_SYSTEM: [&str; 3] = ["/dev", "/proc", "/sys"];
/// The one folder there that holds files: they are kept in memory.
const SHARED_MEMORY: &str = "/dev/shm";

/// A place that was proved to be one that may be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Output {
    StandardOutput,
    /// A file that is there or can be made; no link.
    File(PathBuf),
}

impl Output {
    /// Writes all that there is to write.
    pub(crate) fn write(&self, text: &str) -> anyhow::Result<()> {
        match self {
            Output::StandardOutput => print(text),
            Output::File(place) => Ok(write_whole(place, text.as_bytes())?),
        }
    }
}

/// Proves before the work that outputs can be written after it, and that none of them is one that the command reads or
/// writes besides.
pub(crate) struct Outputs {
    taken: Vec<PathBuf>,
    is_standard_output_taken: bool,
}

impl Outputs {
    /// Outputs of a command that reads these files.
    pub(crate) fn beside<'a>(inputs: impl IntoIterator<Item = &'a Path>) -> Outputs {
        let taken = inputs.into_iter().filter_map(|path| path.canonicalize().ok()).collect();
        Outputs { taken, is_standard_output_taken: false }
    }

    /// Where an output goes: through a link to its file, and for `-` to standard output.
    pub(crate) fn place(&mut self, path: &Path) -> anyhow::Result<Output> {
        let besides = || format!("{} is read or written besides: name another file", path.display());
        if path == Path::new(STANDARD_OUTPUT) {
            ensure!(!self.is_standard_output_taken, besides());
            self.is_standard_output_taken = true;
            return Ok(Output::StandardOutput);
        }
        let place = file_place(path)?;
        ensure!(!self.taken.contains(&place), besides());
        self.taken.push(place.clone());
        Ok(Output::File(place))
    }
}

/// Where the report of an evaluation goes that names no file: nowhere on a terminal, which the figures are for.
pub(crate) fn unnamed() -> Option<&'static Path> {
    (!std::io::stdout().is_terminal()).then_some(Path::new(STANDARD_OUTPUT))
}

/// Writes to standard output. A reader that goes away early has what it wanted.
pub(crate) fn print(text: &str) -> anyhow::Result<()> {
    print_to(std::io::stdout().lock(), text)
}

/// Says something to a person, on standard error. Where that cannot be written nobody is there to hear it, and the work goes on.
pub(crate) fn say(line: impl Display) {
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn print_to(mut out: impl Write, text: &str) -> anyhow::Result<()> {
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        done => done.context("standard output cannot be written"),
    }
}

/// The file that a path leads to, there or not.
fn file_place(path: &Path) -> anyhow::Result<PathBuf> {
    ensure!(!path.is_dir(), "{} is a folder but must be a file", path.display());
    let name = path.file_name().with_context(|| format!("{} names no file", path.display()))?;
    let folder = folder_of(path);
    let Ok(named_place) = folder.canonicalize().map(|folder| folder.join(name)) else {
        bail!("{} cannot be written: there is no folder {}", path.display(), folder.display());
    };
    let place = path.canonicalize().unwrap_or_else(|_| named_place.clone());
    // a device or a pipe would be replaced by a file
    let is_of_system = is_of_the_system(&named_place) || is_of_the_system(&place);
    ensure!(
        !is_of_system && (!place.exists() || place.is_file()),
        "{} is not a regular file; `{STANDARD_OUTPUT}` is standard output",
        path.display()
    );
    ensure!(!place.is_symlink(), "{} is a link to a file that is not there", path.display());
    if let Some(data) = place.ancestors().skip(1).find(|folder| is_data_folder(folder).unwrap_or(false)) {
        bail!("{} lies in the data folder {}: name another file", path.display(), data.display());
    }
    let cannot_be_written = || format!("{} cannot be written", path.display());
    if place.exists() {
        // it is replaced, which takes no leave of the file itself: who protected it did not mean that
        File::options().write(true).open(&place).with_context(cannot_be_written)?;
    }
    // the system names the file that was tried, which nobody asked for
    tempfile::NamedTempFile::new_in(folder_of(&place))
        .map_err(|error| std::io::Error::from(error.kind()))
        .with_context(cannot_be_written)?;
    Ok(place)
}

fn is_of_the_system(place: &Path) -> bool {
    OF_THE_SYSTEM.iter().any(|folder| place.starts_with(folder)) && !place.starts_with(SHARED_MEMORY)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Failing(ErrorKind);

    impl Write for Failing {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(self.0.into())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_reader_that_goes_away_is_no_fault_and_a_full_disk_is_one() {
        assert!(print_to(Failing(ErrorKind::BrokenPipe), "all of it").is_ok());
        let full = print_to(Failing(ErrorKind::StorageFull), "all of it").unwrap_err();
        assert_eq!(full.to_string(), "standard output cannot be written");
    }

    #[test]
    fn devices_and_processes_are_no_files_and_shared_memory_has_some() {
        for place in ["/dev/stdout", "/dev/null", "/dev/fd/1", "/proc/self/fd/1", "/sys/x"] {
            assert!(is_of_the_system(Path::new(place)), "{place}");
        }
        for place in ["/dev/shm/found.geojson", "/tmp/dev/stdout", "/devices"] {
            assert!(!is_of_the_system(Path::new(place)), "{place}");
        }
    }
}
