//! The bridge token: `inst_<id>:s_<env>_<secret>`, and the file that keeps it.

use super::Secret;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

/// A bridge token. Prints as `<redacted>`.
#[derive(Debug, Clone)]
pub struct Token(Secret<String>);

/// Why there is no token. None of these messages holds any part of it.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// Not of the form of a bridge token.
    #[error("{place} does not hold a bridge token (inst_…:s_…); pair again with `sophon-host pair`")]
    Malformed {
        /// The file or the variable.
        place: String,
    },
    /// There is no token file.
    #[error("there is no token in {file}; run `sophon-host pair` first")]
    Missing {
        /// Where it was looked for.
        file: PathBuf,
    },
    /// Others can read the file.
    #[error("{file} can be read by others (mode {mode:o}); run: chmod 600 {file}")]
    Exposed {
        /// The token file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file could not be read or written.
    #[error("cannot use {file}: {source}")]
    Io {
        /// The token file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Token {
    /// Checks the form of a token that was found in `place`.
    ///
    /// # Errors
    /// [`TokenError::Malformed`], without the text.
    pub fn parse(text: &str, place: impl Into<String>) -> Result<Self, TokenError> {
        let text = text.trim();
        let printable = text.len() <= 512 && text.bytes().all(|b| b.is_ascii_graphic());
        let word = |id: &str| id.len() <= 64 && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        let shaped =
            text.split_once(':').is_some_and(|(id, secret)| id.starts_with("inst_") && word(id) && secret.len() >= 8);
        if printable && shaped {
            Ok(Self(Secret::new(text.to_owned())))
        } else {
            Err(TokenError::Malformed { place: place.into() })
        }
    }

    /// `Bearer …`, for the one header that carries it. Marked sensitive, so that no layer prints it.
    pub fn bearer(&self) -> http::HeaderValue {
        let mut value = http::HeaderValue::from_str(&format!("Bearer {}", self.0.expose()))
            .expect("a parsed token is printable ASCII");
        value.set_sensitive(true);
        value
    }

    /// The installation, which is not secret: `inst_` and letters, digits and `_`, so that it can name a file.
    pub fn installation(&self) -> &str {
        self.0.expose().split(':').next().unwrap_or_default()
    }
}

/// The file that keeps the token, of mode 0600.
#[derive(Debug, Clone)]
pub struct TokenFile(pub PathBuf);

impl TokenFile {
    /// Reads the token.
    ///
    /// # Errors
    /// When it is missing, malformed, or readable by others.
    pub fn read(&self) -> Result<Token, TokenError> {
        let file = &self.0;
        let io = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => TokenError::Missing { file: file.clone() },
            _ => TokenError::Io { file: file.clone(), source },
        };
        let mode = fs::metadata(file).map_err(io)?.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(TokenError::Exposed { file: file.clone(), mode });
        }
        Token::parse(&fs::read_to_string(file).map_err(io)?, file.display().to_string())
    }

    /// Writes the token: to a new file of mode 0600, then renamed, so that no moment shows it to others or half.
    ///
    /// # Errors
    /// When the folder cannot be made or the file not written.
    pub fn write(&self, token: &Token) -> Result<(), TokenError> {
        let content = format!("{}\n", token.0.expose());
        crate::private::replace(&self.0, content.as_bytes())
            .map_err(|source| TokenError::Io { file: self.0.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "inst_q9w8e7r6t5y4u3i2:s_live_AbC123AbC123AbC123AbC123AbC123AbC1";

    #[test]
    fn errors_and_debug_never_hold_the_token() {
        let token = Token::parse(TOKEN, "test").expect("a token");
        assert!(!format!("{token:?} {:?}", token.bearer()).contains("AbC123"));
        let error = Token::parse("inst_1 s_live_AbC123", "SOPHON_TOKEN").expect_err("not a token");
        assert!(!format!("{error} {error:?}").contains("AbC123"));
    }

    #[test]
    fn header_breaking_text_is_no_token() {
        for text in [
            "",
            "inst_1",
            "inst_1:short",
            "x:s_live_12345678",
            "inst_1:s_live_1234\r\nX: y",
            "inst_1:s_live_ä2345678",
            "inst_../../x:s_live_12345678",
        ] {
            assert!(Token::parse(text, "test").is_err(), "{text:?}");
        }
    }

    #[test]
    fn the_file_is_private_and_others_are_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = TokenFile(folder.path().join("deep/token"));
        assert!(matches!(file.read(), Err(TokenError::Missing { .. })));
        file.write(&Token::parse(TOKEN, "test").expect("a token")).expect("written");
        file.write(&Token::parse(TOKEN, "test").expect("a token")).expect("written again");
        assert_eq!(fs::metadata(&file.0).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(file.read().expect("a token").installation(), "inst_q9w8e7r6t5y4u3i2");
        fs::set_permissions(&file.0, fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(matches!(file.read(), Err(TokenError::Exposed { mode: 0o644, .. })));
    }
}
