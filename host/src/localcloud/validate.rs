//! Reads a JSON body field by field and collects every field that does not fit, with its path and a zod code.

use super::refusal::Refusal;
use crate::protocol::FieldError;
use serde_json::{Map, Value};
use std::ops::RangeInclusive;

/// The largest integer that every JSON reader keeps exactly.
pub(super) const MAX_INTEGER: u64 = (1 << 53) - 1;

/// One JSON object under reading. Fields that are not asked for are ignored, as the documents promise.
pub(super) struct Form<'a> {
    object: &'a Map<String, Value>,
    prefix: String,
    errors: Vec<FieldError>,
}

fn kind(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl<'a> Form<'a> {
    /// Starts at the root of a body.
    ///
    /// # Errors
    /// When the body is not an object; the path is empty then.
    pub(super) fn of(body: &'a Value) -> Result<Self, Refusal> {
        let message = || format!("Expected object, received {}", kind(body));
        let object = body.as_object().ok_or_else(|| Refusal::field("", "invalid_type", &message()))?;
        Ok(Self { object, prefix: String::new(), errors: Vec::new() })
    }

    /// Ends the reading: `all` if nothing was wrong.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] with every field that was.
    pub(super) fn finish<T>(self, all: Option<T>) -> Result<T, Refusal> {
        all.filter(|_| self.errors.is_empty()).ok_or(Refusal::InvalidRequest(self.errors))
    }

    /// Reports every field that is none of these.
    pub(super) fn only(&mut self, known: &[&str]) {
        for name in self.object.keys().filter(|name| !known.contains(&name.as_str())) {
            let shown: String = name.chars().filter(|c| !c.is_control()).take(100).collect();
            self.refuse(&shown, "unrecognized_keys", "Unrecognized key".to_owned());
        }
    }

    /// Reports a field of this object.
    pub(super) fn refuse(&mut self, name: &str, code: &str, message: String) {
        let path = format!("{}{name}", self.prefix);
        self.errors.push(FieldError { path, code: code.to_owned(), message });
    }

    /// The field unless it is absent or null.
    pub(super) fn value(&self, name: &str) -> Option<&'a Value> {
        self.object.get(name).filter(|value| !value.is_null())
    }

    /// Whether the field is there, null or not.
    pub(super) fn has(&self, name: &str) -> bool {
        self.object.contains_key(name)
    }

    fn wrong_type(&mut self, name: &str, expected: &str, value: &Value) {
        self.refuse(name, "invalid_type", format!("Expected {expected}, received {}", kind(value)));
    }

    /// Reports `name` as missing when the reading gave nothing and no error was reported for it yet.
    pub(super) fn required<T>(&mut self, name: &str, read: Option<T>) -> Option<T> {
        if read.is_none() && self.value(name).is_none() {
            self.refuse(name, "invalid_type", "Required".to_owned());
        }
        read
    }

    /// A string of `size` bytes of UTF-8.
    pub(super) fn text(&mut self, name: &str, size: RangeInclusive<usize>) -> Option<&'a str> {
        let value = self.value(name)?;
        let Some(text) = value.as_str() else {
            self.wrong_type(name, "string", value);
            return None;
        };
        if text.len() > *size.end() {
            self.refuse(name, "too_big", format!("String must contain at most {} byte(s)", size.end()));
            return None;
        }
        if text.len() < *size.start() {
            self.refuse(name, "too_small", format!("String must contain at least {} byte(s)", size.start()));
            return None;
        }
        Some(text)
    }

    /// An identifier of the protocol.
    pub(super) fn id<T: TryFrom<String>>(&mut self, name: &str) -> Option<T> {
        let text = self.text(name, 1..=256)?;
        let id = T::try_from(text.to_owned()).ok();
        if id.is_none() {
            self.refuse(name, "invalid_string", "Invalid".to_owned());
        }
        id
    }

    /// One line of `size` bytes for people to read: no control characters.
    pub(super) fn line(&mut self, name: &str, size: RangeInclusive<usize>) -> Option<&'a str> {
        let text = self.text(name, size)?;
        if text.chars().any(char::is_control) {
            self.refuse(name, "invalid_string", "Must not contain control characters".to_owned());
            return None;
        }
        Some(text)
    }

    /// A whole number from 0 to `max`.
    pub(super) fn integer(&mut self, name: &str, max: u64) -> Option<u64> {
        let value = self.value(name)?;
        let Some(number) = value.as_f64() else {
            self.wrong_type(name, "number", value);
            return None;
        };
        if number > max as f64 {
            self.refuse(name, "too_big", format!("Number must be less than or equal to {max}"));
        } else if number < 0.0 {
            self.refuse(name, "too_small", "Number must be greater than or equal to 0".to_owned());
        } else if number.fract() != 0.0 {
            self.refuse(name, "invalid_type", "Expected integer, received float".to_owned());
        } else {
            return Some(number as u64);
        }
        None
    }

    /// A number that is not negative.
    pub(super) fn amount(&mut self, name: &str) -> Option<f64> {
        let value = self.value(name)?;
        match value.as_f64() {
            Some(number) if number >= 0.0 => return Some(number),
            Some(_) => self.refuse(name, "too_small", "Number must be greater than or equal to 0".to_owned()),
            None => self.wrong_type(name, "number", value),
        }
        None
    }

    /// One of the names of an enum, read by serde.
    pub(super) fn name_of<T: serde::de::DeserializeOwned>(&mut self, name: &str, names: &str) -> Option<T> {
        let value = self.value(name)?;
        if !value.is_string() {
            self.wrong_type(name, "string", value);
            return None;
        }
        let read = T::deserialize(value).ok();
        if read.is_none() {
            self.refuse(name, "invalid_enum_value", format!("Invalid enum value. Expected {names}"));
        }
        read
    }

    /// Any JSON of at most `max` bytes.
    pub(super) fn json(&mut self, name: &str, max: usize) -> Option<&'a Value> {
        let value = self.value(name)?;
        if value.to_string().len() > max {
            self.refuse(name, "too_big", format!("JSON must contain at most {max} byte(s)"));
            return None;
        }
        Some(value)
    }

    /// A nested object, read by `read`.
    pub(super) fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Form<'a>) -> Option<T>) -> Option<T> {
        let value = self.value(name)?;
        self.nested(name, value, read)
    }

    /// A list of at most `max` objects, each read by `read`. Absent reads as empty.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        max: usize,
        mut read: impl FnMut(&mut Form<'a>) -> Option<T>,
    ) -> Vec<T> {
        let Some(value) = self.value(name) else { return Vec::new() };
        let Some(items) = value.as_array() else {
            self.wrong_type(name, "array", value);
            return Vec::new();
        };
        if items.len() > max {
            self.refuse(name, "too_big", format!("Array must contain at most {max} element(s)"));
            return Vec::new();
        }
        let at = |index: usize| format!("{name}.{index}");
        items.iter().enumerate().filter_map(|(index, item)| self.nested(&at(index), item, &mut read)).collect()
    }

    fn nested<T>(&mut self, name: &str, value: &'a Value, read: impl FnOnce(&mut Form<'a>) -> Option<T>) -> Option<T> {
        let Some(object) = value.as_object() else {
            self.wrong_type(name, "object", value);
            return None;
        };
        let mut child = Form { object, prefix: format!("{}{name}.", self.prefix), errors: Vec::new() };
        let read = read(&mut child);
        self.errors.append(&mut child.errors);
        read
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::SessionId;
    use serde_json::json;

    fn found(body: Value, read: impl FnOnce(&mut Form<'_>)) -> Vec<(String, String)> {
        let mut form = Form::of(&body).expect("an object");
        read(&mut form);
        form.errors.into_iter().map(|error| (error.path, error.code)).collect()
    }

    #[test]
    fn the_root_must_be_an_object() {
        let Err(Refusal::InvalidRequest(errors)) = Form::of(&json!([])) else { panic!("a list passed") };
        assert_eq!((errors[0].path.as_str(), errors[0].code.as_str()), ("", "invalid_type"));
    }

    #[test]
    fn every_wrong_field_is_reported_with_its_path() {
        let body = json!({ "a": 1, "b": "xxx", "c": "", "d": "a\u{0}", "e": 1.5, "f": -1, "g": 101, "h": "no" });
        let errors = found(body, |form| {
            form.text("a", 0..=2);
            form.text("b", 0..=2);
            form.text("c", 1..=2);
            form.id::<SessionId>("d");
            form.integer("e", 100);
            form.integer("f", 100);
            form.integer("g", 100);
            form.name_of::<crate::protocol::TaskStatus>("h", "'completed'");
            let missing = form.text("i", 0..=2);
            form.required("i", missing);
        });
        let codes: Vec<_> = errors.iter().map(|(path, code)| format!("{path}:{code}")).collect();
        assert_eq!(
            codes.join(" "),
            "a:invalid_type b:too_big c:too_small d:invalid_string e:invalid_type f:too_small g:too_big \
             h:invalid_enum_value i:invalid_type"
        );
    }

    #[test]
    fn lists_use_bare_indices_and_null_reads_as_absent() {
        let errors = found(json!({ "attachments": [{ "size": 1 }, { "size": 9 }, 7], "x": null }), |form| {
            form.list("attachments", 10, |item| item.integer("size", 5));
            assert!(form.text("x", 1..=2).is_none());
        });
        assert_eq!(errors[0], ("attachments.1.size".to_owned(), "too_big".to_owned()));
        assert_eq!(errors[1], ("attachments.2".to_owned(), "invalid_type".to_owned()));
        assert_eq!(errors.len(), 2);
    }

    #[test]
    fn a_missing_field_is_reported_once() {
        let errors = found(json!({ "text": 7 }), |form| {
            let text = form.text("text", 0..=2);
            form.required("text", text);
        });
        assert_eq!(errors.len(), 1);
    }
}
