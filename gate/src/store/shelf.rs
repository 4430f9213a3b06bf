//! Entries by number, in pieces that never move: growing takes neither the time nor the room of a copy.

/// Entries of one piece.
const PIECE: usize = 1024;

#[derive(Debug, Default)]
pub(super) struct Shelf<T> {
    pieces: Vec<Vec<T>>,
    /// Numbers given back.
    free: Vec<u32>,
}

impl<T: Default> Shelf<T> {
    /// Puts an entry in and gives it a number.
    pub(super) fn put(&mut self, entry: T) -> u32 {
        if let Some(number) = self.free.pop() {
            *self.at_mut(number) = entry;
            return number;
        }
        let number = self.room();
        if number.is_multiple_of(PIECE) {
            self.pieces.push(Vec::with_capacity(PIECE));
        }
        self.pieces[number / PIECE].push(entry);
        u32::try_from(number).unwrap_or(u32::MAX)
    }

    /// The entry with a number that was given and not taken back.
    pub(super) fn at(&self, number: u32) -> &T {
        let number = number as usize;
        &self.pieces[number / PIECE][number % PIECE]
    }

    pub(super) fn at_mut(&mut self, number: u32) -> &mut T {
        let number = number as usize;
        &mut self.pieces[number / PIECE][number % PIECE]
    }

    /// Takes an entry out, of which nothing remains, and its number back.
    pub(super) fn take(&mut self, number: u32) -> T {
        self.free.push(number);
        std::mem::take(self.at_mut(number))
    }

    /// Whether most of the room is for entries that are gone.
    pub(super) fn is_sparse(&self) -> bool {
        self.free.len() > PIECE.max(self.room() / 2)
    }

    /// Entries for which there was room at once.
    pub(super) fn room(&self) -> usize {
        self.pieces.last().map_or(0, |last| (self.pieces.len() - 1) * PIECE + last.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_lead_to_their_entries_and_are_given_again() {
        let mut shelf = Shelf::default();
        let numbers: Vec<u32> = (0..3 * PIECE).map(|entry| shelf.put(entry)).collect();
        assert!(numbers.iter().enumerate().all(|(entry, number)| *shelf.at(*number) == entry));
        assert_eq!(shelf.take(numbers[PIECE]), PIECE);
        assert_eq!(*shelf.at(numbers[PIECE]), 0, "nothing remains of it");
        assert_eq!(shelf.put(7), numbers[PIECE]);
        assert_eq!((*shelf.at(numbers[PIECE]), shelf.room()), (7, 3 * PIECE));
        *shelf.at_mut(numbers[0]) = 9;
        assert_eq!(*shelf.at(numbers[0]), 9);
        assert!(!shelf.is_sparse());
        for number in &numbers[..2 * PIECE] {
            shelf.take(*number);
        }
        assert!(shelf.is_sparse());
    }
}
