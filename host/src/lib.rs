//! A native host for AI agents on the Sophon chat app: it holds the cloud connection, and runs each chat turn in a
//! fresh, sandboxed WebAssembly instance.
//!
//! Rooms, from the ground up; a room uses only those above it (`ARCHITECTURE.md` has the table, a test holds it).

mod fair;
mod plain;
mod private;
mod process;
mod tasks;
mod text;
mod time;

pub mod protocol;

pub mod grant;

pub mod config;

pub mod store;

pub mod cloud;

pub mod localcloud;

pub mod approval;

pub mod capability;

pub mod wasm;

pub mod registry;

pub mod turn;

pub mod daemon;

pub mod cli;
