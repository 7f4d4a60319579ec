//! How memory that is not used any more goes back to the system.

/// Buffers of at least this size are returned as soon as they are free, bytes: larger than any tensor of a detection's
/// window, which the next window takes again.
#[cfg(target_env = "gnu")]
const RETURNED_BYTES_MIN: i32 = 32 << 20;
/// Free memory that is kept for the next buffers, bytes.
#[cfg(target_env = "gnu")]
const KEPT_BYTES_MAX: i32 = 64 << 20;

/// Sets how much free memory is kept for the next window of a detection, and what goes back at once.
///
/// Left alone, glibc raises both with the largest buffer that it has met. Where tensors went back at once, a detection
/// took 1.4 times as long: the system empties each page anew before it hands it out.
pub(crate) fn keep_what_windows_take() {
    #[cfg(target_env = "gnu")]
    // SAFETY: called before any other thread is there; it sets numbers inside the allocator
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, RETURNED_BYTES_MIN);
        libc::mallopt(libc::M_TRIM_THRESHOLD, KEPT_BYTES_MAX);
    }
}

/// Lets all threads take memory from one place, for programs that do nothing but detect: what one window's thread gave
/// back the next one takes, instead of each thread keeping its own.
pub(crate) fn share_among_threads() {
    #[cfg(target_env = "gnu")]
    // SAFETY: called before any other thread is there; it sets a number inside the allocator
    unsafe {
        libc::mallopt(libc::M_ARENA_MAX, 1);
    }
}
