//! Changes of what is kept, as data.

use crate::store::carry::Moved;

/// How much a drawer may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capacity {
    /// Keys.
    pub entries: u32,
    /// Bytes of keys and values together.
    pub bytes: u32,
}

/// What is to become of one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The key.
    pub key: String,
    /// What it must hold for anything to happen.
    pub expected: Expected,
    /// Its new value; none deletes it.
    pub new: Option<Vec<u8>>,
}

/// What a key must hold to be changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it holds.
    Anything,
    /// This value, or nothing.
    Exactly(Option<Vec<u8>>),
}

/// What came of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Changed {
    /// It is done.
    Done,
    /// The key holds something else than was expected.
    Differs,
    /// There would be too many keys.
    TooMany,
    /// There would be too many bytes.
    TooLarge,
    /// It was carried over.
    Moved(Moved),
}
