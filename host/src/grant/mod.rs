//! What may be asked for, and who decides, as data: questions and their answers.

mod question;

pub use question::{Answer, Question, Scope, Severity};
