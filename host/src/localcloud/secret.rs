//! Random ids and secrets, and the only two things that are done with a secret afterwards: to hash and to compare.

use sha2::{Digest as _, Sha256};
use subtle::ConstantTimeEq as _;

const BASE62: &[u8] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
/// Upper case without the letters and digits that are read as one another: 0/O, 1/I/L, 2/Z, 5/S, 8/B, U/V.
const UNAMBIGUOUS: &[u8] = b"34679ACDEFGHJKMNPQRTVWXY";
const HEX: &[u8] = b"0123456789abcdef";

/// SHA-256 of a secret: what is stored of it. No `Debug`, so that none is printed by accident.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub(super) struct Digest(pub(super) [u8; 32]);

impl Digest {
    /// The digest of a secret as it came.
    pub(super) fn of(secret: &str) -> Self {
        Self::of_parts(&[secret.as_bytes()])
    }

    /// The digest of several byte strings. Each is preceded by its length, so that no two lists share a digest.
    pub(super) fn of_parts(parts: &[&[u8]]) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }

    /// Whether both are of one secret, in a time that does not depend on where they differ.
    pub(super) fn matches(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

fn letters(alphabet: &[u8], length: usize) -> String {
    (0..length).map(|_| char::from(alphabet[rand::random_range(0..alphabet.len())])).collect()
}

/// `length` random letters and digits; about 5.95 bits each.
pub(super) fn base62(length: usize) -> String {
    letters(BASE62, length)
}

/// `length` random lower-case hexadecimal digits, not all zero (the trace context forbids that).
pub(super) fn hex(length: usize) -> String {
    loop {
        let text = letters(HEX, length);
        if text.bytes().any(|digit| digit != b'0') {
            return text;
        }
    }
}

/// A pairing code: seven letters and digits that survive being read aloud.
pub(super) fn pairing_code() -> String {
    letters(UNAMBIGUOUS, 7)
}

/// A new identifier: `<prefix>_` and 16 letters and digits.
pub(super) fn id<T: TryFrom<String>>(prefix: &str) -> T {
    let made = T::try_from(format!("{prefix}_{}", base62(16)));
    made.unwrap_or_else(|_| unreachable!("a short id of letters and digits is always valid"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_that_join_to_the_same_bytes_have_different_digests() {
        assert!(!Digest::of_parts(&[b"ab", b"c"]).matches(&Digest::of_parts(&[b"a", b"bc"])));
        assert!(Digest::of("secret").matches(&Digest::of("secret")));
    }

    #[test]
    fn secrets_have_the_promised_length_and_alphabet() {
        let code = pairing_code();
        assert!(code.len() == 7 && code.bytes().all(|letter| UNAMBIGUOUS.contains(&letter)), "{code}");
        assert_eq!(hex(16).len(), 16);
        assert_ne!(base62(40), base62(40));
    }
}
