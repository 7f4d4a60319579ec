//! Bytes kept under their own SHA-256.
//!
//! ```text
//! blobs/ab/cdef...      the 62 other hex digits; written once, never changed
//! blobs/incoming-...    being written; swept away at a start that finds it a day old
//! ```

use std::{
    fmt::Write as _,
    fs::{self, File},
    io::{self, Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use serde::{Deserialize, Deserializer, Serialize};
use sha2::{Digest, Sha256};

use crate::error::RecordError;

const COPY_BYTES: usize = 1 << 20;
/// A half-written blob this old belongs to no living process.
const LEFTOVER_AGE: Duration = Duration::from_secs(24 * 3_600);

/// A SHA-256 as 64 lower-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// The hash of some bytes.
    pub fn of(bytes: &[u8]) -> Sha256Hex {
        Sha256Hex::from_digest(&Sha256::digest(bytes))
    }

    /// The hash of all bytes of a reader.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn of_reader(from: impl Read) -> io::Result<Sha256Hex> {
        Ok(copy_hashing(from, io::sink())?.0)
    }

    /// A hash from its text.
    ///
    /// # Errors
    /// When it is not 64 lower-case hex digits.
    pub fn parse(text: &str) -> Result<Sha256Hex, RecordError> {
        let fits = text.len() == 64 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if fits {
            return Ok(Sha256Hex(text.to_owned()));
        }
        Err(RecordError::Invalid {
            field: "sha256",
            got: format!("{text:?}"),
            wanted: "64 lower-case hex digits".to_owned(),
        })
    }

    /// The hex digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    fn from_digest(digest: &[u8]) -> Sha256Hex {
        let mut text = String::with_capacity(64);
        for byte in digest {
            write!(text, "{byte:02x}").expect("a string takes what is written to it");
        }
        Sha256Hex(text)
    }
}

impl std::fmt::Display for Sha256Hex {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Sha256Hex, D::Error> {
        Sha256Hex::parse(&String::deserialize(from)?).map_err(serde::de::Error::custom)
    }
}

/// A folder of blobs.
#[derive(Clone, Debug)]
pub struct Blobs {
    folder: PathBuf,
}

impl Blobs {
    /// Opens the folder, making it where it is not there, and sweeps away what a crash left half written long ago.
    ///
    /// # Errors
    /// When the folder cannot be made or read.
    pub fn open(folder: &Path) -> Result<Blobs, RecordError> {
        fs::create_dir_all(folder).map_err(RecordError::io(folder, "made"))?;
        for entry in fs::read_dir(folder).map_err(RecordError::io(folder, "read"))? {
            let path = entry.map_err(RecordError::io(folder, "read"))?.path();
            if is_leftover(&path) {
                fs::remove_file(&path).map_err(RecordError::io(&path, "removed"))?;
            }
        }
        Ok(Blobs::at(folder))
    }

    /// The blobs of a folder that another process may be writing to; touches nothing.
    pub(crate) fn at(folder: &Path) -> Blobs {
        Blobs { folder: folder.to_owned() }
    }

    /// Keeps all bytes of a reader and returns their hash and number; the same bytes are kept once.
    ///
    /// When this returns, the bytes survive a power loss.
    ///
    /// # Errors
    /// When they cannot be read or written; nothing is kept then.
    pub fn put(&self, from: impl Read) -> Result<(Sha256Hex, u64), RecordError> {
        let incoming = self.receive(from)?;
        let put = (incoming.sha256.clone(), incoming.bytes);
        incoming.keep()?;
        Ok(put)
    }

    /// Takes all bytes of a file. See [`Blobs::receive`].
    ///
    /// # Errors
    /// When they cannot be read or written.
    pub fn receive_file(&self, path: &Path) -> Result<Incoming, RecordError> {
        self.receive(File::open(path).map_err(RecordError::io(path, "read"))?)
    }

    /// Takes all bytes of a reader that are to be kept once it is certain that something rests on them.
    ///
    /// # Errors
    /// When they cannot be read or written.
    pub fn receive(&self, mut from: impl Read) -> Result<Incoming, RecordError> {
        let path = self.folder.join(format!("incoming-{}", uuid::Uuid::now_v7().simple()));
        let mut incoming = Incoming { blobs: self.clone(), path, sha256: Sha256Hex::of(&[]), bytes: 0 };
        let file = File::create_new(&incoming.path).map_err(RecordError::io(&incoming.path, "written"))?;
        let written = copy_hashing(&mut from, &file).and_then(|received| file.sync_all().map(|()| received));
        (incoming.sha256, incoming.bytes) = written.map_err(RecordError::io(&incoming.path, "written"))?;
        Ok(incoming)
    }

    /// Path of a blob, for readers.
    ///
    /// # Errors
    /// When there is no such blob.
    pub fn path(&self, sha256: &Sha256Hex) -> Result<PathBuf, RecordError> {
        let path = self.place(sha256);
        if path.is_file() { Ok(path) } else { Err(RecordError::BlobMissing { sha256: sha256.clone() }) }
    }

    /// Hashes a kept blob anew.
    ///
    /// # Errors
    /// When it is missing or cannot be read.
    pub fn rehash(&self, sha256: &Sha256Hex) -> Result<Sha256Hex, RecordError> {
        let path = self.path(sha256)?;
        let file = File::open(&path).map_err(RecordError::io(&path, "read"))?;
        let (found, _) = copy_hashing(file, io::sink()).map_err(RecordError::io(&path, "read"))?;
        Ok(found)
    }

    fn place(&self, sha256: &Sha256Hex) -> PathBuf {
        let (first, rest) = sha256.as_str().split_at(2);
        self.folder.join(first).join(rest)
    }

    /// Gives a received file its lasting name, durably.
    fn settle(&self, incoming: &Path, sha256: &Sha256Hex) -> Result<(), RecordError> {
        let place = self.place(sha256);
        let folder = place.parent().expect("a place lies in a folder");
        if !folder.is_dir() {
            fs::create_dir_all(folder).map_err(RecordError::io(folder, "made"))?;
            sync_folder(&self.folder)?;
        }
        fs::rename(incoming, &place).map_err(RecordError::io(&place, "written"))?;
        sync_folder(folder)
    }
}

/// Bytes that are whole and safe on disk but not kept yet; they are removed when this is dropped.
#[derive(Debug)]
pub struct Incoming {
    blobs: Blobs,
    path: PathBuf,
    /// Their hash.
    pub sha256: Sha256Hex,
    /// Their number.
    pub bytes: u64,
}

impl Incoming {
    /// Keeps them; when this returns, they survive a power loss as a blob.
    ///
    /// # Errors
    /// When the blob cannot be written.
    pub fn keep(self) -> Result<(), RecordError> {
        self.blobs.settle(&self.path, &self.sha256)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        // gone where it was kept; a leftover is swept away at a later start
        let _ = fs::remove_file(&self.path);
    }
}

fn is_leftover(path: &Path) -> bool {
    let incoming = path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("incoming-"));
    let modified = fs::metadata(path).and_then(|metadata| metadata.modified());
    incoming && modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > LEFTOVER_AGE))
}

/// Makes the names in a folder survive a power loss.
fn sync_folder(folder: &Path) -> Result<(), RecordError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(RecordError::io(folder, "synced"))
}

fn copy_hashing(mut from: impl Read, mut to: impl Write) -> io::Result<(Sha256Hex, u64)> {
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; COPY_BYTES];
    let mut bytes = 0;
    loop {
        let got = match from.read(&mut buffer) {
            Ok(0) => break,
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        hasher.update(&buffer[..got]);
        to.write_all(&buffer[..got])?;
        bytes += got as u64;
    }
    Ok((Sha256Hex::from_digest(&hasher.finalize()), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_bytes_are_kept_once() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let (first, bytes) = blobs.put(&b"abc"[..]).unwrap();
        let (second, _) = blobs.put(&b"abc"[..]).unwrap();
        assert_eq!((first.as_str(), bytes), (second.as_str(), 3));
        assert_eq!(first.as_str(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(fs::read(blobs.path(&first).unwrap()).unwrap(), b"abc");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_reader_that_fails_leaves_nothing() {
        struct Fails;
        impl Read for Fails {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the line broke"))
            }
        }
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        assert!(blobs.put((&b"half of it"[..]).chain(Fails)).is_err());
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn bytes_on_which_nothing_comes_to_rest_are_not_kept() {
        let folder = tempfile::tempdir().unwrap();
        let blobs = Blobs::open(folder.path()).unwrap();
        let sha256 = blobs.receive(&b"abc"[..]).unwrap().sha256.clone();
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert!(matches!(blobs.path(&sha256), Err(RecordError::BlobMissing { .. })));
        blobs.receive(&b"abc"[..]).unwrap().keep().unwrap();
        assert_eq!(blobs.rehash(&sha256).unwrap(), sha256);
    }

    #[test]
    fn a_path_cannot_be_smuggled_in_as_a_hash() {
        assert!(Sha256Hex::parse("../../etc/passwd").is_err());
        assert!(serde_json::from_str::<Sha256Hex>("\"../x\"").is_err());
    }
}
