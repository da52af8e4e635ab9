//! Values that must not be seen.

use std::fmt;

/// Holds a value that must reach no log, no message and no file by accident. It prints as `<redacted>`.
#[derive(Clone, Default)]
pub struct Secret<T>(T);

impl<T> Secret<T> {
    /// Wraps a value.
    pub fn new(value: T) -> Self {
        Self(value)
    }

    /// The value itself, for the one place that needs it.
    pub fn expose(&self) -> &T {
        &self.0
    }
}

impl<T> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("<redacted>")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_prints_redacted() {
        let secret = Secret::new("inst_1:s_live_abc");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)), "<redacted> Some(\n    <redacted>,\n)");
        assert_eq!(*secret.expose(), "inst_1:s_live_abc");
    }
}
