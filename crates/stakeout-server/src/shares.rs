//! What is bounded for all together and for each: so that nobody alone keeps everybody else out.

use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};

/// Amounts that are held, by whom.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    most_of_all: u64,
    most_of_one: u64,
    held: Mutex<Held<K>>,
}

#[derive(Debug)]
struct Held<K> {
    all: u64,
    by: HashMap<K, u64>,
}

/// An amount that somebody holds, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Hash + Eq> {
    shares: Arc<Shares<K>>,
    by: K,
    amount: u64,
}

impl<K: Clone + Hash + Eq> Shares<K> {
    /// So much in all, of which each has half at most.
    pub(crate) fn halves_of(most_of_all: u64) -> Arc<Shares<K>> {
        let held = Mutex::new(Held { all: 0, by: HashMap::new() });
        Arc::new(Shares { most_of_all, most_of_one: (most_of_all / 2).max(1), held })
    }

    /// So much more for somebody; `None` where they have their share, or all is held.
    pub(crate) fn take(self: &Arc<Shares<K>>, by: K, amount: u64) -> Option<Share<K>> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let own = held.by.get(&by).copied().unwrap_or_default();
        if own + amount > self.most_of_one || held.all + amount > self.most_of_all {
            return None;
        }
        held.all += amount;
        held.by.insert(by.clone(), own + amount);
        Some(Share { shares: Arc::clone(self), by, amount })
    }
}

impl<K: Hash + Eq> Drop for Share<K> {
    fn drop(&mut self) {
        let mut held = self.shares.held.lock().unwrap_or_else(PoisonError::into_inner);
        held.all -= self.amount;
        if let Some(own) = held.by.get_mut(&self.by) {
            *own -= self.amount;
            if *own == 0 {
                held.by.remove(&self.by);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_has_half_of_all_at_most_and_what_is_given_back_is_not_remembered() {
        let shares = Shares::halves_of(10);
        let held = [shares.take("ann", 3), shares.take("ann", 2)];
        assert!(held.iter().all(Option::is_some));
        assert!(shares.take("ann", 1).is_none());
        let other = shares.take("bob", 5);
        assert!(other.is_some(), "others have theirs");
        assert!(shares.take("cat", 1).is_none(), "all is held");
        drop((held, other));
        assert!(shares.take("ann", 5).is_some());
        let held = shares.held.lock().unwrap();
        assert!(held.by.is_empty() && held.all == 0);
    }
}
