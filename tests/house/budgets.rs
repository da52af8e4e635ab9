//! Files of at most 300 lines of production code, functions of at most 40, and a word on top of each module.

use crate::sources::{files, is_test, is_test_file, name, root, text, tree};
use std::path::Path;
use syn::spanned::Spanned as _;
use syn::visit::Visit;

const MAX_FILE: usize = 300;
const MAX_FUNCTION: usize = 40;

/// The lines of a span.
fn lines(span: proc_macro2::Span) -> usize {
    span.end().line + 1 - span.start().line
}

/// Functions, by name and length.
#[derive(Default)]
struct Functions(Vec<(String, usize)>);

impl<'ast> Visit<'ast> for Functions {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.0.push((
            item.sig.ident.to_string(),
            lines(item.sig.span().join(item.block.span()).unwrap_or(item.block.span())),
        ));
        syn::visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.0.push((
            item.sig.ident.to_string(),
            lines(item.sig.span().join(item.block.span()).unwrap_or(item.block.span())),
        ));
        syn::visit::visit_impl_item_fn(self, item);
    }
}

/// Lines of a file without its modules of tests.
fn production(path: &Path) -> usize {
    let tests: usize = (tree(path).items.iter())
        .filter_map(|item| match item {
            syn::Item::Mod(module) if is_test(&module.attrs) && module.content.is_some() => Some(lines(module.span())),
            _ => None,
        })
        .sum();
    text(path).lines().count() - tests
}

fn rust() -> Vec<std::path::PathBuf> {
    files(&root(), "rs")
}

#[test]
fn files_can_be_read_in_one_sitting() {
    let long: Vec<String> = (rust().iter().filter(|path| !is_test_file(path.strip_prefix(root()).expect("below"))))
        .map(|path| (path.clone(), production(path)))
        .chain(files(&root(), "js").into_iter().map(|path| {
            let lines = text(&path).lines().count();
            (path, lines)
        }))
        .filter(|(_, lines)| *lines > MAX_FILE)
        .map(|(path, lines)| format!("{}: {lines} lines", name(&path)))
        .collect();
    assert!(long.is_empty(), "longer than {MAX_FILE} lines: {long:#?}");
}

#[test]
fn functions_can_be_seen_at_once() {
    let mut long = Vec::new();
    for path in rust() {
        let mut functions = Functions::default();
        functions.visit_file(&tree(&path));
        let over = functions.0.into_iter().filter(|(_, lines)| *lines > MAX_FUNCTION);
        long.extend(over.map(|(function, lines)| format!("{}: {function} has {lines} lines", name(&path))));
    }
    assert!(long.is_empty(), "longer than {MAX_FUNCTION} lines: {long:#?}");
}

#[test]
fn every_module_says_what_it_is() {
    let silent: Vec<String> =
        rust().iter().filter(|path| !text(path).starts_with("//! ")).map(|path| name(path)).collect();
    assert!(silent.is_empty(), "without a `//!`: {silent:#?}");
}
