//! Files on their way in, piece by piece, across lost connections and restarts.
//!
//! ```text
//! DIR/uploads/ID.part       what has come so far; its length is the offset
//! DIR/uploads/ID.json       what was announced
//! DIR/uploads/ID.unchecked  the offset at which a piece began whose checksum is not held against it yet
//! ```
//!
//! Nothing of it is in memory alone: after a power loss an upload goes on where its file ends. Files that come in forms,
//! in one piece, lie in `incoming/` and do not go on; they count to the same bounds.

use std::{
    collections::HashSet,
    fs::{self, File},
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use axum::http::StatusCode;
use serde::{Deserialize, Serialize};

use crate::ApiError;

/// Length of an id: a UUID without hyphens.
const ID_LETTERS: usize = 32;

/// What was announced of an upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Announced {
    /// Bytes in all.
    pub(crate) length: u64,
    /// `Upload-Metadata` as it came; echoed.
    pub(crate) metadata: String,
    /// Name of the file, to show.
    pub(crate) file_name: String,
    /// Who announced it; nobody else goes on with it.
    pub(crate) by: String,
}

/// Bounds on what lies about unfinished; half of them for one person.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct UploadLimits {
    /// Uploads that are no scene yet, in pieces and in forms.
    pub open_max: usize,
    /// Bytes of all of them together, as announced or as their forms have.
    pub bytes_max: u64,
    /// Time after the last piece until an upload is removed, seconds.
    pub expires_s: u64,
}

impl Default for UploadLimits {
    fn default() -> UploadLimits {
        UploadLimits { open_max: 64, bytes_max: 64 << 30, expires_s: 24 * 3_600 }
    }
}

/// The uploads of a data folder.
#[derive(Debug)]
pub(crate) struct Uploads {
    folder: PathBuf,
    limits: UploadLimits,
    held: Arc<Mutex<HashSet<String>>>,
    forms: Arc<Mutex<Forms>>,
}

/// Files that come in forms: of whom, and how many bytes each has at most.
type Forms = Vec<(String, u64)>;

/// The share that a file in a form has of what may be open, until this is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    form: (String, u64),
    forms: Arc<Mutex<Forms>>,
}

/// An upload that nobody else writes to, reads or removes as long as this lives.
#[derive(Debug)]
pub(crate) struct HeldUpload {
    part: PathBuf,
    unchecked: PathBuf,
    announcement: PathBuf,
    pub(crate) announced: Announced,
    expires: Duration,
    hold: Hold,
}

/// Lets go of an upload when it is dropped.
#[derive(Debug)]
struct Hold {
    id: String,
    held: Arc<Mutex<HashSet<String>>>,
}

impl Uploads {
    pub(crate) fn new(data: &Path, limits: UploadLimits) -> Uploads {
        Uploads { folder: data.join("uploads"), limits, held: Arc::default(), forms: Arc::default() }
    }

    /// Announces a file; gives its id.
    pub(crate) fn announce(&self, announced: &Announced) -> Result<String, ApiError> {
        let failed = |error: std::io::Error| ApiError::internal(&error);
        fs::create_dir_all(&self.folder).map_err(failed)?;
        self.sweep();
        // held until the announcement counts
        let forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        self.must_fit(&announced.by, announced.length, &forms)?;
        let id = uuid::Uuid::new_v4().simple().to_string();
        let part = File::create_new(self.part(&id)).map_err(failed)?;
        part.sync_all().map_err(failed)?;
        let text = serde_json::to_vec(announced).expect("an announcement is plain data");
        // the announcement makes the upload; until it is whole there is none
        let writing = self.folder.join(format!("{id}.writing"));
        fs::write(&writing, text)
            .and_then(|()| File::open(&writing)?.sync_all())
            .and_then(|()| fs::rename(&writing, self.announcement(&id)))
            .and_then(|()| File::open(&self.folder)?.sync_all())
            .map_err(failed)?;
        Ok(id)
    }

    /// The share of a file in a form of `by` that has so many bytes at most.
    pub(crate) fn share(&self, by: &str, bytes: u64) -> Result<Share, ApiError> {
        self.sweep();
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        self.must_fit(by, bytes, &forms)?;
        let form = (by.to_owned(), bytes);
        forms.push(form.clone());
        Ok(Share { form, forms: Arc::clone(&self.forms) })
    }

    /// Asks that one more file of so many bytes is within what may be open, in all and of `by`.
    fn must_fit(&self, by: &str, more: u64, forms: &Forms) -> Result<(), ApiError> {
        let announced = self.open();
        let announced = announced.iter().map(|(_, announced)| (announced.by.as_str(), announced.length));
        let open: Vec<(&str, u64)> =
            announced.chain(forms.iter().map(|(by, bytes)| (by.as_str(), *bytes))).collect();
        let UploadLimits { open_max, bytes_max, .. } = self.limits;
        let (own_max, own_bytes_max) = (open_max.div_ceil(2), bytes_max / 2);
        let of = |is_counted: &dyn Fn(&str) -> bool| {
            let counted = open.iter().filter(|(by, _)| is_counted(by)).map(|(_, bytes)| *bytes);
            (counted.clone().count(), counted.fold(0, u64::saturating_add))
        };
        let fits = |(count, bytes): (usize, u64), count_max, bytes_max| {
            count < count_max && bytes.saturating_add(more) <= bytes_max
        };
        let (all, own) = (of(&|_| true), of(&|each| each == by));
        let told = if !fits(own, own_max, own_bytes_max) {
            let way = if more > own_bytes_max { "this one is too large" } else { "finish or remove some" };
            format!(
                "{by} has {} uploads of {} bytes open, and one person may have {own_max} of {own_bytes_max} bytes; {way}",
                own.0, own.1
            )
        } else if !fits(all, open_max, bytes_max) {
            format!(
                "{} uploads of {} bytes are open, and {open_max} of {bytes_max} bytes may be; they end with their time",
                all.0, all.1
            )
        } else {
            return Ok(());
        };
        let detail = format!("one more of {more} bytes does not fit: {told}");
        Err(ApiError::new(StatusCode::INSUFFICIENT_STORAGE, "quota", "Too much is open", detail))
    }

    /// Takes hold of an upload of `by`.
    ///
    /// # Errors
    /// 404 when there is none (any more), 423 when another request holds it.
    pub(crate) fn hold(&self, id: &str, by: &str) -> Result<HeldUpload, ApiError> {
        let missing = || ApiError::not_found(format!("there is no upload {id:?}, or it has expired"));
        if !is_id(id) {
            return Err(missing());
        }
        if !self.held.lock().unwrap_or_else(PoisonError::into_inner).insert(id.to_owned()) {
            let detail = "another request is writing to this upload".to_owned();
            return Err(ApiError::new(StatusCode::LOCKED, "locked", "The upload is in use", detail));
        }
        let hold = Hold { id: id.to_owned(), held: Arc::clone(&self.held) };
        let announcement = self.announcement(id);
        let announced = read(&announcement).filter(|announced| announced.by == by).ok_or_else(missing)?;
        let expires = Duration::from_secs(self.limits.expires_s);
        let (part, unchecked) = (self.part(id), self.folder.join(format!("{id}.unchecked")));
        let held = HeldUpload { part, unchecked, announcement, announced, expires, hold };
        if held.expires() < SystemTime::now() {
            held.remove();
            return Err(missing());
        }
        held.drop_unchecked().map_err(|error| ApiError::internal(&error))?;
        Ok(held)
    }

    /// Removes uploads that nobody went on with.
    pub(crate) fn sweep(&self) {
        let expires = Duration::from_secs(self.limits.expires_s);
        for (id, announced) in self.open() {
            // others are not held even for a moment, in which a piece of them would be refused
            if expiry(&self.part(&id), expires) < SystemTime::now() {
                // holding one that has expired removes it; one that is in use is left alone
                let _ = self.hold(&id, &announced.by);
            }
        }
        self.sweep_remnants();
    }

    /// Removes files that a crash left without their announcement.
    fn sweep_remnants(&self) {
        let expires = Duration::from_secs(self.limits.expires_s);
        for file in fs::read_dir(&self.folder).into_iter().flatten().flatten() {
            let path = file.path();
            let is_remnant = match path.extension().and_then(|extension| extension.to_str()) {
                Some("part" | "unchecked") => !path.with_extension("json").exists(),
                Some("writing") => true,
                _ => false,
            };
            let modified = file.metadata().and_then(|file| file.modified());
            let is_old = modified.is_ok_and(|time| time.elapsed().is_ok_and(|age| age > expires));
            if is_remnant
                && is_old
                && let Err(error) = fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "a remnant of an upload could not be removed");
            }
        }
    }

    fn open(&self) -> Vec<(String, Announced)> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten();
        files
            .filter_map(|file| {
                let name = file.file_name().into_string().ok()?;
                let id = name.strip_suffix(".json")?.to_owned();
                Some((id, read(&file.path())?))
            })
            .collect()
    }

    fn part(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.part"))
    }

    fn announcement(&self, id: &str) -> PathBuf {
        self.folder.join(format!("{id}.json"))
    }
}

/// When an upload is removed whose file nobody goes on with for so long.
fn expiry(part: &Path, after: Duration) -> SystemTime {
    let touched = fs::metadata(part).and_then(|part| part.modified());
    touched.unwrap_or_else(|_| SystemTime::now()) + after
}

fn is_id(text: &str) -> bool {
    text.len() == ID_LETTERS
        && text.bytes().all(|letter| letter.is_ascii_hexdigit() && !letter.is_ascii_uppercase())
}

fn read(path: &Path) -> Option<Announced> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

impl HeldUpload {
    /// The file of what has come so far.
    pub(crate) fn path(&self) -> &Path {
        &self.part
    }

    /// Bytes that have come so far.
    pub(crate) fn offset(&self) -> Result<u64, ApiError> {
        fs::metadata(&self.part).map(|part| part.len()).map_err(|error| ApiError::internal(&error))
    }

    /// Notes that what comes from `offset` on does not count until it was checked, whatever happens meanwhile.
    pub(crate) async fn begin_unchecked(&self, offset: u64) -> std::io::Result<()> {
        tokio::fs::write(&self.unchecked, format!("{offset}\n")).await?;
        tokio::fs::File::open(&self.unchecked).await?.sync_all().await?;
        self.sync_folder().await
    }

    /// Notes that what has come counts.
    pub(crate) async fn end_unchecked(&self) -> std::io::Result<()> {
        tokio::fs::remove_file(&self.unchecked).await?;
        self.sync_folder().await
    }

    async fn sync_folder(&self) -> std::io::Result<()> {
        tokio::fs::File::open(raster_io::folder_of(&self.unchecked)).await?.sync_all().await
    }

    /// Drops what came of a piece that was not checked when its request, or the server, ended.
    fn drop_unchecked(&self) -> std::io::Result<()> {
        let noted = match fs::read_to_string(&self.unchecked) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            noted => noted?,
        };
        // a note that is not whole was made before anything of its piece was written
        if let Some(Ok(offset)) = noted.strip_suffix('\n').map(str::parse::<u64>) {
            let part = File::options().write(true).open(&self.part)?;
            part.set_len(offset.min(part.metadata()?.len()))?;
            part.sync_all()?;
        }
        fs::remove_file(&self.unchecked)
    }

    /// When it is removed unless another piece comes.
    pub(crate) fn expires(&self) -> SystemTime {
        expiry(&self.part, self.expires)
    }

    /// Removes it.
    pub(crate) fn remove(self) {
        for path in [&self.announcement, &self.part, &self.unchecked] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(upload = self.hold.id, %error, "an upload could not be removed");
                }
                _ => {}
            }
        }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut forms = self.forms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(at) = forms.iter().position(|form| *form == self.form) {
            forms.swap_remove(at);
        }
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.held.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.id);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn announced(length: u64) -> Announced {
        Announced { length, metadata: String::new(), file_name: "a.tif".to_owned(), by: "kim".to_owned() }
    }

    #[test]
    fn an_upload_is_held_by_one_at_a_time_and_only_by_who_announced_it() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(folder.path(), UploadLimits::default());
        let id = uploads.announce(&announced(10)).unwrap();
        let held = uploads.hold(&id, "kim").unwrap();
        assert!(uploads.hold(&id, "kim").is_err());
        drop(held);
        assert!(uploads.hold(&id, "lee").is_err());
        uploads.hold(&id, "kim").unwrap().remove();
        assert!(uploads.hold(&id, "kim").is_err());
        assert!(uploads.hold("../../etc/passwd", "kim").is_err());
    }

    #[test]
    fn another_upload_does_not_touch_one_on_its_way() {
        let folder = tempfile::tempdir().unwrap();
        let uploads = Uploads::new(folder.path(), UploadLimits::default());
        let id = uploads.announce(&announced(10)).unwrap();
        let (part, note) = (uploads.part(&id), uploads.folder.join(format!("{id}.unchecked")));
        fs::write(&part, "a piece").unwrap();
        fs::write(&note, "0\n").unwrap();
        uploads.announce(&announced(10)).unwrap();
        assert_eq!(fs::read(&part).unwrap(), b"a piece");
        assert!(note.exists());
        drop(uploads.hold(&id, "kim").unwrap());
        assert_eq!(fs::read(&part).unwrap(), b"", "its request is gone, so the piece was never checked");
    }

    #[test]
    fn what_is_open_is_bounded_and_expires() {
        let folder = tempfile::tempdir().unwrap();
        let limits = UploadLimits { open_max: 4, bytes_max: 200, expires_s: 3_600 };
        let uploads = Uploads::new(folder.path(), limits.clone());
        let of = |by: &str, bytes| Announced { by: by.to_owned(), ..announced(bytes) };
        let told = |by: &str, bytes| uploads.announce(&of(by, bytes)).unwrap_err().detail().to_owned();
        let never = "one more of 101 bytes does not fit: kim has 0 uploads of 0 bytes open, and one person may have 2 of \
                     100 bytes; this one is too large";
        assert_eq!(told("kim", 101), never);
        uploads.announce(&announced(60)).unwrap();
        let now = "one more of 60 bytes does not fit: kim has 1 uploads of 60 bytes open, and one person may have 2 of \
                   100 bytes; finish or remove some";
        assert_eq!(told("kim", 60), now, "over the bytes");
        assert!(uploads.share("kim", 60).is_err(), "over the bytes, in a form");
        let share = uploads.share("kim", 30).unwrap();
        assert!(uploads.announce(&announced(1)).is_err(), "over the count, with a form");
        drop(share);
        uploads.announce(&announced(30)).unwrap();
        assert!(uploads.announce(&announced(1)).is_err(), "over the count");
        assert!(uploads.share("kim", 1).is_err(), "over the count, in a form");
        let others = [uploads.share("lee", 40).unwrap(), uploads.share("mia", 40).unwrap()];
        let all = "one more of 1 bytes does not fit: 4 uploads of 170 bytes are open, and 4 of 200 bytes may be; they end \
                   with their time";
        assert_eq!(told("ann", 1), all);
        drop(others);
        let later = Uploads::new(folder.path(), UploadLimits { expires_s: 0, ..limits });
        std::thread::sleep(Duration::from_millis(5));
        for remnant in ["a.part", "b.writing"] {
            fs::write(folder.path().join("uploads").join(remnant), "half").unwrap();
        }
        uploads.sweep();
        assert_eq!(fs::read_dir(folder.path().join("uploads")).unwrap().count(), 6, "none is old yet");
        std::thread::sleep(Duration::from_millis(5));
        later.sweep();
        assert_eq!(fs::read_dir(folder.path().join("uploads")).unwrap().count(), 0);
    }
}
