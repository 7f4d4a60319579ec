use std::io::{Read, Seek};

use super::{Header, Refusal, View};

pub(super) fn inspect<R: Read + Seek>(_view: &mut View<'_, R>) -> Result<Header, Refusal> {
    Err(Refusal::UnknownFormat)
}
