//! What a component exports of the contract: the function that answers, and those that it may have besides. Their types
//! are looked at when it is loaded; otherwise a wrong one would show with the first message.

use super::bindings::sophon::agent::types::{Failure, Outcome, Turn};
use wasmtime::component::types::{Component, ComponentFunc, ComponentItem, Type};

/// The longest type that is shown, in bytes.
const MAX_SHOWN: usize = 300;
/// How deep a type is shown.
const MAX_DEPTH: usize = 3;

/// A function of the contract that a component exports, or is to.
struct Expected {
    interface: &'static str,
    function: &'static str,
    /// Its type as `wit/` has it.
    shown: &'static str,
    check: fn(&ComponentFunc, &Component) -> wasmtime::Result<()>,
}

const EXPECTED: [Expected; 3] = [
    Expected {
        interface: "handler",
        function: "handle",
        shown: "func(turn: turn) -> result<outcome, failure>",
        check: |function, all| function.typecheck::<(&Turn,), (Result<Outcome, Failure>,)>(&all.instance_type()),
    },
    Expected {
        interface: "greeter",
        function: "greet",
        shown: "func(session: string) -> result<option<string>, failure>",
        check: |function, all| function.typecheck::<(&str,), (Result<Option<String>, Failure>,)>(&all.instance_type()),
    },
    Expected {
        interface: "migrator",
        function: "migrate",
        shown: "func(of: scope, from-schema: u32) -> result<_, failure>",
        check: |function, all| {
            function.typecheck::<super::migrate::Arguments, super::migrate::Carried>(&all.instance_type())
        },
    },
];

/// What is wrong with the exported interface `item`, which is `interface` of the contract. That a function is not there
/// at all is found elsewhere.
pub(super) fn problem(
    engine: &wasmtime::Engine,
    component: &Component,
    interface: &str,
    item: &ComponentItem,
) -> Option<String> {
    let expected = EXPECTED.iter().find(|expected| expected.interface == interface)?;
    let ComponentItem::ComponentInstance(instance) = item else { return None };
    let Expected { function, shown, .. } = expected;
    let found = instance.get_export(engine, function)?;
    let ComponentItem::ComponentFunc(exported) = &found.ty else {
        return Some(format!("`{function}` is not a function, and is to be `{shown}`"));
    };
    let error = (expected.check)(exported, component).err()?;
    let why = crate::text::line(&format!("{error:#}"), MAX_SHOWN);
    Some(format!("`{function}` is `{}`, and is to be `{shown}`: {why}", words(exported)))
}

/// The type of a function as `wit` would write it, without the names of types: those are not kept.
fn words(function: &ComponentFunc) -> String {
    let params: Vec<String> = function.params().map(|(name, of)| format!("{name}: {}", kind(&of, 0))).collect();
    let result = function.results().next().map_or_else(String::new, |of| format!(" -> {}", kind(&of, 0)));
    crate::text::line(&format!("func({}){result}", params.join(", ")), MAX_SHOWN)
}

fn kind(of: &Type, depth: usize) -> String {
    let inner = |of: &Type| if depth < MAX_DEPTH { kind(of, depth + 1) } else { "…".to_owned() };
    let perhaps = |of: Option<Type>| of.as_ref().map_or_else(|| "_".to_owned(), inner);
    match of {
        Type::List(list) => format!("list<{}>", inner(&list.ty())),
        Type::Option(option) => format!("option<{}>", inner(&option.ty())),
        Type::Result(result) => format!("result<{}, {}>", perhaps(result.ok()), perhaps(result.err())),
        Type::Record(record) => {
            let names: Vec<&str> = record.fields().take(12).map(|field| field.name).collect();
            format!("record {{ {} }}", names.join(", "))
        }
        Type::Tuple(tuple) => format!("a tuple of {}", tuple.types().len()),
        Type::Variant(variant) => {
            let names: Vec<&str> = variant.cases().take(12).map(|case| case.name).collect();
            format!("variant {{ {} }}", names.join(", "))
        }
        Type::Enum(cases) => format!("enum {{ {} }}", cases.names().take(12).collect::<Vec<_>>().join(", ")),
        Type::Flags(_) => "flags".to_owned(),
        Type::Own(_) | Type::Borrow(_) => "a resource".to_owned(),
        plain => format!("{plain:?}").to_lowercase(),
    }
}
