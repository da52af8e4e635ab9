//! Carrying what is kept over from the shape of an older version.

use crate::bindings::sophon::agent::types as wit;
use crate::{Failure, Result};

#[allow(missing_docs, unreachable_pub, unsafe_code, reason = "generated from wit/, documented there")]
#[doc(hidden)]
pub mod bindings {
    wit_bindgen::generate!({
        path: "../../wit",
        world: "migrating",
        pub_export_macro: true,
        export_macro_name: "export_migrator_world",
        with: {
            "sophon:agent/types@0.1.0": crate::bindings::sophon::agent::types,
            "sophon:agent/state@0.1.0": crate::bindings::sophon::agent::state,
        },
    });
}

pub use crate::bindings::sophon::agent::state::Scope;

/// What an agent implements whose `[state] schema` was raised, and exports with [`export_migrator!`](crate::export_migrator).
///
/// ```
/// use sophon_agent::{Migrate, Result, Scope, state};
///
/// struct Notes;
///
/// impl Migrate for Notes {
///     fn migrate(of: Scope, from_schema: u32) -> Result<()> {
///         if let (Scope::Session, 1, Some(note)) = (of, from_schema, state::session().get("note")?) {
///             state::session().set("notes/1", note)?;
///             state::session().delete("note")?;
///         }
///         Ok(())
///     }
/// }
///
/// sophon_agent::export_migrator!(Notes);
/// ```
pub trait Migrate {
    /// Rewrites what [`state`](crate::state) holds of one scope, from an older schema to that of the manifest. It is a copy,
    /// which is kept only when this succeeds; nothing but that scope is there.
    ///
    /// # Errors
    /// A [`Failure`] keeps the version from taking over, or ends the turn for which a session was to be carried over.
    fn migrate(of: Scope, from_schema: u32) -> Result<()>;
}

/// Makes a type that implements [`Migrate`] the component's migrator. Once a crate, beside [`export!`](crate::export).
#[macro_export]
macro_rules! export_migrator {
    ($agent:ty) => {
        const _: () = {
            struct Migrator;
            impl $crate::migrator::exports::sophon::agent::migrator::Guest for Migrator {
                fn migrate(
                    of: $crate::Scope,
                    from_schema: u32,
                ) -> ::std::result::Result<(), $crate::bindings::sophon::agent::types::Failure> {
                    $crate::run_migrate::<$agent>(of, from_schema)
                }
            }
    $crate::migrator::export_migrator_world!(Migrator with_types_in $crate::migrator);
        };
    };
}

/// Runs a migrator; what [`export_migrator!`](crate::export_migrator) calls.
///
/// # Errors
/// The agent's own failure, in the contract's form.
#[doc(hidden)]
pub fn run_migrate<A: Migrate>(of: Scope, from_schema: u32) -> std::result::Result<(), wit::Failure> {
    A::migrate(of, from_schema).map_err(Failure::into_wit)
}
