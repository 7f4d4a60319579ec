//! Threads that take piece after piece of a job, each holding one piece at a time.

use std::sync::{
    Mutex, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

/// Does `work` for each number below `count`, on as many threads as rayon would use.
///
/// Rayon's own threads are not used: one that waits for another pool, as a network's, begins further pieces
/// meanwhile and holds the memory of all of them. Here no more pieces are in work than there are threads.
///
/// # Errors
/// That of the lowest number among the pieces that failed; no further pieces are begun after a failure.
pub(crate) fn each<E: Send>(count: usize, work: impl Fn(usize) -> Result<(), E> + Sync) -> Result<(), E> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<(usize, E)>> = Mutex::new(None);
    let take = || {
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= count {
                return;
            }
            if let Err(error) = work(number) {
                next.store(count, Ordering::Relaxed);
                let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                if failed.as_ref().is_none_or(|(earlier, _)| number < *earlier) {
                    *failed = Some((number, error));
                }
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..rayon::current_num_threads().min(count) {
            scope.spawn(take);
        }
    });
    match failed.into_inner().unwrap_or_else(PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_pieces_are_in_work_than_there_are_threads_even_if_they_wait_for_another_pool() {
        let threads = rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap();
        let other = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        let (in_work, most, done) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicUsize::new(0));
        threads
            .install(|| {
                each(40, |_| {
                    most.fetch_max(in_work.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    other.install(|| std::thread::sleep(std::time::Duration::from_millis(1)));
                    in_work.fetch_sub(1, Ordering::SeqCst);
                    done.fetch_add(1, Ordering::SeqCst);
                    Ok::<(), ()>(())
                })
            })
            .unwrap();
        assert_eq!(done.into_inner(), 40);
        assert!(most.load(Ordering::SeqCst) <= 2, "{most:?} pieces were in work");
    }

    #[test]
    fn the_first_piece_that_fails_is_told_and_ends_the_job() {
        let begun = AtomicUsize::new(0);
        let failed = each(1_000, |number| {
            begun.fetch_add(1, Ordering::SeqCst);
            if number < 3 { Ok(()) } else { Err(number) }
        });
        assert_eq!(failed, Err(3));
        assert!(begun.into_inner() < 1_000);
    }
}
