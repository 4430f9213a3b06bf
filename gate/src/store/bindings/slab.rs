//! Slab of entries in chunks that never move: growth needs neither the time nor the memory of a copy.

/// Entries of one chunk.
const CHUNK_LEN: usize = 1024;

#[derive(Debug, Default)]
pub(in crate::store) struct Slab<T> {
    chunks: Vec<Vec<T>>,
    /// Freed numbers.
    free: Vec<u32>,
}

impl<T: Default> Slab<T> {
    /// Puts an entry in and gives it a number.
    pub(in crate::store) fn put(&mut self, entry: T) -> u32 {
        if let Some(number) = self.free.pop() {
            *self.at_mut(number) = entry;
            return number;
        }
        let number = self.room();
        if number.is_multiple_of(CHUNK_LEN) {
            self.chunks.push(Vec::with_capacity(CHUNK_LEN));
        }
        self.chunks[number / CHUNK_LEN].push(entry);
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// The entry of a number in use.
    pub(in crate::store) fn at(&self, number: u32) -> &T {
        let number = number as usize;
        &self.chunks[number / CHUNK_LEN][number % CHUNK_LEN]
    }

    pub(in crate::store) fn at_mut(&mut self, number: u32) -> &mut T {
        let number = number as usize;
        &mut self.chunks[number / CHUNK_LEN][number % CHUNK_LEN]
    }

    /// Takes an entry out, of which nothing remains, and its number back.
    pub(in crate::store) fn take(&mut self, number: u32) -> T {
        self.free.push(number);
        std::mem::take(self.at_mut(number))
    }

    /// Whether most of the room is for entries that are gone.
    pub(in crate::store) fn is_sparse(&self) -> bool {
        self.free.len() > CHUNK_LEN.max(self.room() / 2)
    }

    /// Allocated entries, free ones included.
    pub(in crate::store) fn room(&self) -> usize {
        self.chunks.last().map_or(0, |last| (self.chunks.len() - 1) * CHUNK_LEN + last.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reuses_freed_indexes() {
        let mut slab = Slab::default();
        let numbers: Vec<u32> = (0..3 * CHUNK_LEN).map(|entry| slab.put(entry)).collect();
        assert!(numbers.iter().enumerate().all(|(entry, number)| *slab.at(*number) == entry));
        assert_eq!(slab.take(numbers[CHUNK_LEN]), CHUNK_LEN);
        assert_eq!(*slab.at(numbers[CHUNK_LEN]), 0, "nothing remains of it");
        assert_eq!(slab.put(7), numbers[CHUNK_LEN]);
        assert_eq!((*slab.at(numbers[CHUNK_LEN]), slab.room()), (7, 3 * CHUNK_LEN));
        *slab.at_mut(numbers[0]) = 9;
        assert_eq!(*slab.at(numbers[0]), 9);
        assert!(!slab.is_sparse());
        for number in &numbers[..2 * CHUNK_LEN] {
            slab.take(*number);
        }
        assert!(slab.is_sparse());
    }
}
