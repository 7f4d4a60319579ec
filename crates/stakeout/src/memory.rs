//! How memory that is not used any more goes back to the system.

/// Buffers of at least this size are returned as soon as they are free, bytes: a detection's tensors are larger, a
/// server's answers and tiles smaller.
const RETURNED_BYTES_MIN: i32 = 1 << 20;

/// Returns large buffers to the system as soon as they are free.
///
/// Left alone, glibc raises that size to the largest buffer it has met, and keeps the tensors of each window and thread
/// in pieces: a detection then peaks a quarter higher.
pub(crate) fn return_large_buffers() {
    #[cfg(target_env = "gnu")]
    // SAFETY: called before any other thread is there; it sets a number inside the allocator
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED_BYTES_MIN);
    }
}
