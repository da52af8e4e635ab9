//! What is not an agent, and what is said of it. Components are written in their text form.

use super::*;
use crate::capability::{Act, Chat, Stopped};
use crate::config::Manifest;
use crate::wasm::Ended;
use std::pin::Pin;

fn engine() -> Engine {
    Engine::new(4).expect("an engine")
}

/// Loads `text`: bytes as they are, or a component's text form.
fn load(engine: &Engine, text: &[u8]) -> Result<Agent, LoadError> {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent.wasm");
    std::fs::write(&file, text).expect("written");
    engine.load(Manifest::bare(&file).expect("a name"))
}

fn component(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("valid text")
}

fn message(loaded: Result<Agent, LoadError>) -> String {
    let Err(error) = loaded else { panic!("it loaded") };
    error.to_string()
}

#[test]
fn what_is_no_component_is_named_for_what_it_is() {
    let engine = engine();
    for (bytes, part) in [
        (b"".to_vec(), "it is empty"),
        (b"#!/bin/sh".to_vec(), "something else"),
        (component("(module)"), "a core module"),
        (b"\0asm\x0d\0\x01\0garbage".to_vec(), "not a valid component"),
    ] {
        let message = message(load(&engine, &bytes));
        assert!(message.contains(part) && message.contains("agent.wasm"), "{message}");
    }
}

#[test]
fn a_component_without_end_is_refused_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("agent.wasm");
    std::os::unix::fs::symlink("/dev/zero", &file).expect("linked");
    let message = message(engine().load(Manifest::bare(&file).expect("a name")));
    assert!(message.contains("agent.wasm") && message.contains("not a file"), "{message}");
}

#[test]
fn a_missing_handler_and_another_contract_are_told() {
    let engine = engine();
    let none = message(load(&engine, &component("(component)")));
    assert!(none.contains("does not export the function `handle`"), "{none}");

    let newer = message(load(
        &engine,
        &component(r#"(component (instance $i) (export "sophon:agent/handler@0.2.0" (instance $i)))"#),
    ));
    assert!(newer.contains("0.2.0") && newer.contains(CONTRACT) && newer.contains("rebuild"), "{newer}");

    let empty = message(load(
        &engine,
        &component(r#"(component (instance $i) (export "sophon:agent/handler@0.1.0" (instance $i)))"#),
    ));
    assert!(empty.contains("does not export the function `handle`"), "{empty}");
}

/// A component whose function of this interface has another type.
fn exporting(interface: &str, function: &str, params: &str) -> Vec<u8> {
    component(&format!(
        r#"(component
            (core module $m (func (export "f") {params}))
            (core instance $i (instantiate $m))
            (func $f {params} (canon lift (core func $i "f")))
            (instance $e (export "{function}" (func $f)))
            (instance $none)
            {}
            (export "sophon:agent/{interface}@0.1.0" (instance $e)))"#,
        if interface == "handler" { "" } else { r#"(export "sophon:agent/handler@0.1.0" (instance $none))"# }
    ))
}

#[test]
fn a_function_of_another_type_is_told_with_both_types() {
    let engine = engine();
    for (interface, function, expected) in [
        ("handler", "handle", "func(turn: turn) -> result<outcome, failure>"),
        ("greeter", "greet", "func(session: string) -> result<option<string>, failure>"),
        ("migrator", "migrate", "func(of: scope, from-schema: u32) -> result<_, failure>"),
    ] {
        let message = message(load(&engine, &exporting(interface, function, "")));
        let told = format!("`{function}` is `func()`, and is to be `{expected}`: ");
        assert!(message.contains(&told) && message.contains("rebuild it"), "{message}");
    }
}

#[test]
fn a_migrator_without_its_function_is_told() {
    let text = r#"(component
        (instance $i) (export "sophon:agent/handler@0.1.0" (instance $i))
        (instance $j) (export "sophon:agent/migrator@0.1.0" (instance $j)))"#;
    let none = message(load(&engine(), &component(text)));
    assert!(none.contains("exports `sophon:agent/migrator`, but it exports no function `migrate`"), "{none}");
}

#[test]
fn an_interface_that_is_not_offered_is_named() {
    let engine = engine();
    let text = r#"(component
        (import "sophon:agent/device@0.1.0" (instance))
        (instance $i) (export "sophon:agent/handler@0.1.0" (instance $i)))"#;
    let message = message(load(&engine, &component(text)));
    assert!(message.contains("sophon:agent/device@0.1.0") && message.contains("reply"), "{message}");
}

#[test]
fn the_standard_interface_of_configuration_is_offered() {
    let text = r#"(component
        (import "wasi:config/store@0.2.0-rc.1" (instance
            (type $cases (variant (case "upstream" string) (case "io" string)))
            (export "error" (type $error (eq $cases)))
            (export "get" (func (param "key" string) (result (result (option string) (error $error)))))))
        (instance $i) (export "sophon:agent/handler@0.1.0" (instance $i)))"#;
    // It is linked before its handler is looked for.
    let message = message(load(&engine(), &component(text)));
    assert!(message.contains("does not export the function `handle`"), "{message}");
}

#[test]
fn a_component_that_is_not_there_says_how_it_comes_to_be() {
    let manifest = Manifest::bare(Path::new("/nowhere/agent.wasm")).expect("a name");
    let Err(error) = engine().load(manifest) else { panic!("it loaded") };
    assert!(error.to_string().contains("/nowhere/agent.wasm is not there"), "{error}");
}

struct Nobody;

impl Chat for Nobody {
    fn act(&self, _: Act) -> Pin<Box<dyn Future<Output = Result<(), Stopped>> + Send + '_>> {
        Box::pin(async { Ok(()) })
    }
}

#[test]
fn versions_are_compared_as_semver_does_below_one() {
    assert!(compatible("0.1.0") && compatible("0.1.7") && compatible("0.1"));
    assert!(!compatible("0.2.0") && !compatible("1.1.0") && !compatible("") && !compatible("0.10"));
    // The trait is what tests elsewhere build on; it must stay usable as an object.
    let _: Arc<dyn Chat> = Arc::new(Nobody);
    let _ = Ended::Limit(crate::wasm::Breach::Cpu);
}
