//! The values of secrets: in a file of mode 0600, or in the environment.

use super::{Environment, Secret, SecretSpec};
use crate::grant::SecretName;
use std::collections::BTreeMap;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

/// The shortest value: shorter ones would be found in texts that do not hold them.
const MIN_VALUE: usize = 8;
/// The longest value.
const MAX_VALUE: usize = 4_096;
/// The largest file of secrets, and the most in it.
const MAX_FILE: u64 = 2 << 20;
const MAX_SECRETS: usize = 256;

/// Values by name.
pub type SecretValues = BTreeMap<SecretName, Secret<String>>;

/// Where the values of secrets are.
#[derive(Debug, Clone)]
pub struct SecretSource {
    /// The file, `secrets.toml` of the data folder.
    pub file: SecretFile,
    /// Those of the environment.
    pub variables: SecretValues,
}

/// The file that keeps secrets.
#[derive(Debug, Clone)]
pub struct SecretFile(pub PathBuf);

/// Why secrets cannot be used. None of these messages holds any part of one.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Others can read the file.
    #[error("{file} can be read by others (mode {mode:o}); run: chmod 600 {file}")]
    Exposed {
        /// The file.
        file: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// It is not a file of secrets.
    #[error("{file} is not a file of secrets: {why}; write them with `sophon-host secret set NAME`")]
    Malformed {
        /// The file.
        file: PathBuf,
        /// What is wrong, without the text.
        why: String,
    },
    /// The file could not be read or written.
    #[error("cannot use {file}: {source}")]
    Io {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The value is none.
    #[error("this value cannot be kept: {0}")]
    Value(&'static str),
}

/// Checks a value as it was given, without the end of its line.
///
/// # Errors
/// [`SecretError::Value`], without the value.
pub fn secret_value(text: &str) -> Result<Secret<String>, SecretError> {
    let text = text.strip_suffix('\n').unwrap_or(text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    match text.len() {
        0..MIN_VALUE => Err(SecretError::Value("it has fewer than 8 bytes, and would be found where it is not meant")),
        MIN_VALUE..=MAX_VALUE if text.contains(char::is_control) => {
            Err(SecretError::Value("it has control characters, such as line breaks, in it"))
        }
        MIN_VALUE..=MAX_VALUE => Ok(Secret::new(text.to_owned())),
        _ => Err(SecretError::Value("it has more than 4,096 bytes")),
    }
}

impl SecretSource {
    /// Where the secrets of a configuration are.
    pub(super) fn find(data_dir: &Path, specs: &BTreeMap<SecretName, SecretSpec>) -> Self {
        let mut variables = SecretValues::new();
        for (name, variable) in specs.iter().filter_map(|(name, spec)| Some((name, spec.env.as_ref()?))) {
            // A host without it starts all the same: who needs it is told so.
            if let Some(Ok(value)) = Environment::secret(variable).map(|value| secret_value(value.expose())) {
                variables.insert(name.clone(), value);
            }
        }
        Self { file: SecretFile(data_dir.join("secrets.toml")), variables }
    }

    /// All that there are, as they are now.
    ///
    /// # Errors
    /// When there is a file that cannot be used.
    pub fn values(&self) -> Result<SecretValues, SecretError> {
        let mut values = self.file.read()?;
        values.extend(self.variables.clone());
        Ok(values)
    }
}

impl SecretFile {
    /// Reads all secrets. None, where there is no file.
    ///
    /// # Errors
    /// When it cannot be read, is readable by others, or is something else.
    pub fn read(&self) -> Result<SecretValues, SecretError> {
        let file = &self.0;
        let io = |source| SecretError::Io { file: file.clone(), source };
        let malformed = |why: String| SecretError::Malformed { file: file.clone(), why };
        let about = match std::fs::metadata(file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(SecretValues::new()),
            about => about.map_err(io)?,
        };
        let mode = about.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SecretError::Exposed { file: file.clone(), mode });
        }
        if about.len() > MAX_FILE {
            return Err(malformed(format!("it has more than {MAX_FILE} bytes")));
        }
        let text = std::fs::read_to_string(file).map_err(io)?;
        // What the parser says would show the line.
        let line = |at: usize| text.get(..at).map_or(1, |before| before.matches('\n').count() + 1);
        let read = toml::from_str::<BTreeMap<SecretName, String>>(&text).map_err(|error| {
            let at = error.span().map_or(1, |span| line(span.start));
            malformed(format!("line {at} is not of the form NAME = \"value\""))
        })?;
        read.into_iter().map(|(name, value)| Ok((name, secret_value(&value)?))).collect()
    }

    /// Sets a secret.
    ///
    /// # Errors
    /// When the file cannot be used, or there are too many.
    pub fn set(&self, name: SecretName, value: Secret<String>) -> Result<(), SecretError> {
        let mut all = self.read()?;
        all.insert(name, value);
        if all.len() > MAX_SECRETS {
            return Err(SecretError::Value("there are 256 secrets already; remove some"));
        }
        self.write(&all)
    }

    /// Removes a secret. Whether it was there.
    ///
    /// # Errors
    /// When the file cannot be used.
    pub fn remove(&self, name: &SecretName) -> Result<bool, SecretError> {
        let mut all = self.read()?;
        let was_there = all.remove(name).is_some();
        if was_there {
            self.write(&all)?;
        }
        Ok(was_there)
    }

    fn write(&self, all: &SecretValues) -> Result<(), SecretError> {
        let lines =
            all.iter().map(|(name, value)| format!("{name} = {}\n", toml::Value::from(value.expose().as_str())));
        crate::private::replace(&self.0, lines.collect::<String>().as_bytes())
            .map_err(|source| SecretError::Io { file: self.0.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(name: &str) -> SecretName {
        SecretName::try_from(name.to_owned()).expect("a name")
    }

    #[test]
    fn values_that_cannot_be_kept_are_refused_without_being_shown() {
        for value in ["", "short", "seven77\n", "line\nbreak", "tab\tand more", &"x".repeat(4_097)] {
            let error = secret_value(value).expect_err(value);
            assert!(value.is_empty() || !error.to_string().contains(value), "{error}");
        }
        assert_eq!(secret_value("12345678\r\n").expect("kept").expose(), "12345678");
    }

    #[test]
    fn the_file_is_private_and_survives_what_is_written_into_it() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = SecretFile(folder.path().join("deep/secrets.toml"));
        assert!(file.read().expect("none").is_empty());
        let hard = "q\"uote\\ and 'more' = [ünïcode]";
        file.set(name("A"), secret_value(hard).expect("a value")).expect("set");
        file.set(name("B"), secret_value("12345678").expect("a value")).expect("set");
        assert_eq!(std::fs::metadata(&file.0).expect("there").permissions().mode() & 0o777, 0o600);
        assert_eq!(file.read().expect("read")[&name("A")].expose(), hard);
        assert!(file.remove(&name("A")).expect("removed") && !file.remove(&name("A")).expect("gone"));
        std::fs::write(&file.0, "B = \"12345678\"\nC = secretvalue\n").expect("written");
        let why = file.read().expect_err("malformed").to_string();
        assert!(why.contains("line 2") && !why.contains("secretvalue"), "{why}");
        std::fs::set_permissions(&file.0, std::fs::Permissions::from_mode(0o640)).expect("chmod");
        assert!(matches!(file.read(), Err(SecretError::Exposed { mode: 0o640, .. })));
    }
}
