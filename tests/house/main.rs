//! The rules of the house, read off the sources: who may use whom, how long things may be, what must be said.

mod budgets;
mod directions;
mod sources;
