//! Random bytes from the host's operating system.
//!
//! ```no_run
//! use sophon_agent::entropy;
//!
//! let seed = u64::from_le_bytes(entropy::array());
//! let key = entropy::bytes(32);
//! # drop((seed, key));
//! ```

use crate::bindings::sophon::agent::entropy;

/// The most that the host gives in one call.
const MOST: usize = 4_096;

/// So many random bytes, in as many calls to the host as that takes.
pub fn bytes(len: usize) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(len);
    while bytes.len() < len {
        let next = (len - bytes.len()).min(MOST);
        bytes.extend(entropy::bytes(u32::try_from(next).unwrap_or(MOST as u32)));
    }
    bytes
}

/// An array of random bytes, such as a seed or a key.
pub fn array<const N: usize>() -> [u8; N] {
    let mut array = [0; N];
    array.copy_from_slice(&bytes(N));
    array
}
