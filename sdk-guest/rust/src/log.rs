//! Lines for the operator's log. The host escapes and bounds them.

use crate::bindings::sophon::agent::log::{self, Level};

/// For finding a fault.
pub fn debug(text: &str) {
    log::write(Level::Debug, text);
}

/// Worth knowing.
pub fn info(text: &str) {
    log::write(Level::Info, text);
}

/// Not right, but the turn goes on.
pub fn warn(text: &str) {
    log::write(Level::Warn, text);
}

/// The turn suffers.
pub fn error(text: &str) {
    log::write(Level::Error, text);
}
