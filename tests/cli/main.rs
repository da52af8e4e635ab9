//! The real binary: what it prints, what it leaves behind, and the codes it ends with.

mod agents;
mod build;
mod commands;
mod crash;
mod dev;
mod doctor;
mod exec;
mod full;
mod grants;
mod keys;
mod lock;
mod secrets;
mod shutdown;
mod state;
mod status;
mod store;
mod telemetry;
mod web;
