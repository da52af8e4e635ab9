//! A room uses only the rooms below it.

use crate::sources::{files, is_test, is_test_file, name, root, tree};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use syn::visit::Visit;

/// From the ground up: each room, and what it may use. What all may use is not named.
const MAY_USE: [(&str, &[&str]); 13] = [
    ("protocol", &[]),
    ("grant", &[]),
    ("config", &["grant"]),
    ("store", &["protocol", "grant"]),
    ("approval", &["protocol", "grant", "store"]),
    ("capability", &["grant", "approval", "store", "config"]),
    ("cloud", &["protocol", "config"]),
    ("localcloud", &["protocol"]),
    ("wasm", &["capability", "grant", "config"]),
    ("registry", &["capability", "store", "wasm", "config"]),
    // Manifests are what limits and names are told from; each turn is given its tools.
    ("turn", &["protocol", "grant", "store", "approval", "capability", "wasm", "config", "registry"]),
    ("daemon", &["protocol", "config", "store", "cloud", "approval", "capability", "wasm", "registry", "turn"]),
    (
        "cli",
        &[
            "protocol",
            "grant",
            "config",
            "store",
            "cloud",
            "localcloud",
            "capability",
            "wasm",
            "registry",
            "turn",
            "daemon",
        ],
    ),
];
/// Files at the root of the crate that all rooms stand on.
const GROUND: [&str; 7] = ["fair", "plain", "private", "process", "tasks", "text", "time"];

/// The modules that a file names with `crate::`.
#[derive(Default)]
struct Uses(BTreeSet<String>);

impl<'ast> Visit<'ast> for Uses {
    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if !is_test(&item.attrs) {
            syn::visit::visit_item_mod(self, item);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        if let syn::UseTree::Path(path) = &item.tree
            && path.ident == "crate"
        {
            self.names(&path.tree);
        }
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let mut segments = path.segments.iter();
        if segments.next().is_some_and(|first| first.ident == "crate")
            && let Some(module) = segments.next()
        {
            self.0.insert(module.ident.to_string());
        }
        syn::visit::visit_path(self, path);
    }
}

impl Uses {
    fn names(&mut self, tree: &syn::UseTree) {
        match tree {
            syn::UseTree::Path(path) => drop(self.0.insert(path.ident.to_string())),
            syn::UseTree::Name(name) => drop(self.0.insert(name.ident.to_string())),
            syn::UseTree::Rename(name) => drop(self.0.insert(name.ident.to_string())),
            syn::UseTree::Group(group) => group.items.iter().for_each(|item| self.names(item)),
            syn::UseTree::Glob(_) => drop(self.0.insert("*".to_owned())),
        }
    }
}

fn uses(file: &Path) -> BTreeSet<String> {
    let mut uses = Uses::default();
    uses.visit_file(&tree(file));
    uses.0
}

#[test]
fn rooms_use_only_what_is_below_them() {
    let source = root().join("host/src");
    let rooms: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut wrong = Vec::new();
    for file in files(&source, "rs") {
        let within = file.strip_prefix(&source).expect("below");
        if within.components().count() == 1 || is_test_file(within) {
            continue;
        }
        let room = within.components().next().expect("a room").as_os_str().to_string_lossy().into_owned();
        let may = rooms.get(room.as_str()).unwrap_or_else(|| panic!("the room {room} has no row in the table"));
        for used in uses(&file) {
            if used != room && !may.contains(&used.as_str()) && !GROUND.contains(&used.as_str()) {
                wrong.push(format!("{} uses crate::{used}", name(&file)));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_ground_uses_no_room() {
    for file in GROUND {
        let used = uses(&root().join("host/src").join(format!("{file}.rs")));
        assert!(used.is_empty(), "{file}.rs uses {used:?}");
    }
}
