//! What is linked to a guest: WASI, which denies by default, and the interfaces of the contract that work.

use super::bindings::sophon::agent::{
    approval, config, control, entropy, exec, http, log, operation, reply, state, task, types,
};
use super::guest::Guest;
use super::standard_http;
use wasmtime::component::{HasSelf, Linker};

/// The interfaces of `sophon:agent` that this version of the host serves.
pub(super) const OFFERED: [&str; 12] =
    ["types", "reply", "task", "approval", "operation", "http", "exec", "state", "config", "control", "entropy", "log"];

/// How the names of the standard's interfaces begin that it serves.
pub(super) const STANDARD: [&str; 9] = [
    "wasi:cli/",
    "wasi:clocks/",
    "wasi:config/store",
    "wasi:filesystem/",
    "wasi:http/outgoing-handler",
    "wasi:http/types",
    "wasi:io/",
    "wasi:random/",
    "wasi:sockets/",
];

/// Everything that a component may import.
pub(super) fn linker(engine: &wasmtime::Engine) -> wasmtime::Result<Linker<Guest>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    super::files::link(&mut linker)?;
    wasmtime_wasi_config::add_to_linker(&mut linker, Guest::standard_config)?;
    standard_http::link(&mut linker)?;
    types::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    reply::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    task::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    exec::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    state::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    config::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    control::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    entropy::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    approval::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    log::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    operation::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    http::add_to_linker::<_, HasSelf<_>>(&mut linker, |guest: &mut Guest| guest)?;
    Ok(linker)
}

#[cfg(test)]
mod tests {
    use super::*;
    use wasmtime::component::Component;

    fn links(text: &str) -> bool {
        let engine = wasmtime::Engine::default();
        let component = Component::new(&engine, wat::parse_str(text).expect("WAT")).expect("a component");
        linker(&engine).expect("a linker").instantiate_pre(&component).is_ok()
    }

    #[test]
    fn who_knows_the_words_of_servers_is_linked_all_the_same() {
        for version in ["0.2.0", "0.2.10", "0.2.12"] {
            let types = format!(
                r#"(component (import "wasi:http/types@{version}" (instance
                    (export "fields" (type (sub resource)))
                    (export "incoming-request" (type (sub resource)))
                    (export "response-outparam" (type (sub resource))))))"#
            );
            assert!(links(&types), "{version}");
        }
        let handler = r#"(component (import "wasi:http/incoming-handler@0.2.10" (instance
            (export "handle" (func)))))"#;
        assert!(!links(handler));
    }
}
