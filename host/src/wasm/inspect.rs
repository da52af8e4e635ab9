//! What a component is and could ask for, read from its bytes: nothing is compiled and nothing is run.

use super::load::{Digest, LoadError, component};
use super::offer;
use crate::config::Manifest;
use wasmparser::{Parser, Payload};

/// The most imports that are looked at.
const MAX_IMPORTS: usize = 10_000;
const CONTRACT: &str = "sophon:agent/";

/// What is seen of a component from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// SHA-256 of the component.
    pub digest: Digest,
    /// Its size in bytes.
    pub size: u64,
    /// The version of the contract that it was built for, where it shows one.
    pub contract: Option<String>,
    /// What its imports let it do, in words.
    pub can: Vec<&'static str>,
    /// What it cannot do, as it does not import it.
    pub cannot: Vec<&'static str>,
    /// Imports that this host does not offer: it is not loaded with them.
    pub unknown: Vec<String>,
}

/// What an interface lets an agent do. What is given to all is not named.
const ABILITIES: [(&str, &str); 10] = [
    ("reply", "stream text"),
    ("task", "show cards"),
    ("approval", "ask you questions"),
    ("state", "remember from turn to turn"),
    ("http", "ask for HTTP"),
    ("exec", "ask to run programs"),
    ("socket", "ask for WebSockets"),
    ("mcp", "ask for tools of MCP servers"),
    ("device", "ask for tools of your device"),
    ("attachments", "read what you attach, and attach files"),
];

impl Inspection {
    /// Looks at the component of a manifest. Blocks.
    ///
    /// # Errors
    /// When it cannot be read, or is no component.
    pub fn of(manifest: &Manifest) -> Result<Self, LoadError> {
        let (bytes, digest) = component(manifest)?;
        let invalid = |reason: String| LoadError::Invalid { file: manifest.component.clone(), reason };
        let imports = imports(&bytes).map_err(|error| invalid(crate::text::line(&error.to_string(), 300)))?;
        Ok(Self::from(&imports, digest, bytes.len() as u64))
    }

    fn from(imports: &[String], digest: Digest, size: u64) -> Self {
        let ours = |name: &String| name.strip_prefix(CONTRACT).and_then(|name| name.split_once('@')).is_some();
        let interface = |name: &str| imports.iter().any(|import| is(import, name));
        let (can, cannot): (Vec<_>, Vec<_>) = ABILITIES.into_iter().partition(|(name, _)| interface(name));
        let words = |of: Vec<(&str, &'static str)>| of.into_iter().map(|(_, words)| words).collect();
        let contract = imports.iter().find(|name| ours(name)).and_then(|name| name.split_once('@'));
        let unknown = imports.iter().filter(|name| !is_offered(name)).map(|name| crate::text::line(name, 200));
        Self {
            digest,
            size,
            contract: contract.map(|(_, version)| crate::text::line(version, 40)),
            can: words(can),
            cannot: words(cannot),
            unknown: unknown.collect(),
        }
    }
}

/// Whether an import is this interface, of the contract or as the standard has it.
fn is(import: &str, interface: &str) -> bool {
    let name = import.split('@').next().unwrap_or_default();
    let standard = matches!((interface, name), ("http", "wasi:http/outgoing-handler"));
    standard || name.strip_prefix(CONTRACT) == Some(interface)
}

fn is_offered(import: &str) -> bool {
    let name = import.split('@').next().unwrap_or_default();
    match name.strip_prefix(CONTRACT) {
        Some(interface) => offer::OFFERED.contains(&interface),
        None => offer::STANDARD.iter().any(|offered| name.starts_with(offered)),
    }
}

/// The names of what a component imports, but for those of components within it.
fn imports(bytes: &[u8]) -> Result<Vec<String>, wasmparser::BinaryReaderError> {
    let (mut names, mut depth) = (Vec::new(), 0_u32);
    for payload in Parser::new(0).parse_all(bytes) {
        match payload? {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 0 => {
                for import in section {
                    let name = import?.name.name;
                    if names.len() < MAX_IMPORTS && name.contains('/') {
                        names.push(name.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inspect(text: &str) -> Result<Inspection, LoadError> {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("guest.wasm");
        std::fs::write(&file, wat::parse_str(text).expect("WAT")).expect("written");
        Inspection::of(&Manifest::bare(&file).expect("a name"))
    }

    #[test]
    fn what_it_imports_is_what_it_can_do_and_what_is_within_it_does_not_count() {
        let seen = inspect(
            r#"(component
                (import "sophon:agent/reply@0.1.0" (instance))
                (import "wasi:http/outgoing-handler@0.2.9" (instance))
                (import "evil:thing/door@1.0.0" (instance))
                (component (import "sophon:agent/exec@0.1.0" (instance))))"#,
        )
        .expect("a component");
        assert_eq!(seen.can, ["stream text", "ask for HTTP"]);
        assert!(seen.cannot.contains(&"ask to run programs"), "{seen:?}");
        assert_eq!((seen.unknown, seen.contract.as_deref()), (vec!["evil:thing/door@1.0.0".to_owned()], Some("0.1.0")));
    }

    #[test]
    fn who_knows_the_words_of_http_only_cannot_ask_for_it() {
        let seen = inspect(
            r#"(component
                (import "wasi:http/types@0.2.10" (instance))
                (import "wasi:http/incoming-handler@0.2.10" (instance)))"#,
        )
        .expect("a component");
        assert!(seen.cannot.contains(&"ask for HTTP") && seen.can.is_empty(), "{seen:?}");
        assert_eq!(seen.unknown, ["wasi:http/incoming-handler@0.2.10"]);
    }

    #[test]
    fn what_is_cut_off_is_refused_in_words() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("guest.wasm");
        let whole = wat::parse_str(r#"(component (import "sophon:agent/reply@0.1.0" (instance)))"#).expect("WAT");
        for length in 8..whole.len() {
            std::fs::write(&file, &whole[..length]).expect("written");
            // Wherever it is cut, nothing panics; where a section ends, it is a smaller component.
            if let Err(error) = Inspection::of(&Manifest::bare(&file).expect("a name")) {
                assert!(error.to_string().contains("guest.wasm"), "{error}");
            }
        }
        assert!(inspect("(module)").expect_err("a module").to_string().contains("a core module"));
    }
}
