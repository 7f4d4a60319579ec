//! Files on their way out, piece by piece: none is whole in memory.

use futures_util::Stream;
use tokio::{
    fs::File,
    io::{AsyncReadExt, Take},
};

/// Bytes read and sent at a time.
const SEND_BYTES: usize = 256 << 10;

/// What is left to be sent of a file; `kept` is dropped when it was, or nobody takes it any more.
pub(crate) fn pieces<K: Send + 'static>(
    file: Take<File>,
    kept: K,
) -> impl Stream<Item = std::io::Result<Vec<u8>>> + Send {
    futures_util::stream::try_unfold((file, kept), |(mut file, kept)| async move {
        let mut piece = vec![0; SEND_BYTES];
        let got = file.read(&mut piece).await?;
        piece.truncate(got);
        Ok((got > 0).then_some((piece, (file, kept))))
    })
}
