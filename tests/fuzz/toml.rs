//! TOML as people write it, in a hurry.

use crate::rng::Rng;

/// Values that fit somewhere.
const VALUES: &[&str] = &[
    "\"echo\"",
    "\"0.1.0\"",
    "\"echo.wasm\"",
    "\"/abs/echo.wasm\"",
    "\"../up.wasm\"",
    "\"\"",
    "\"a\\nb\"",
    "\"\\u202e\"",
    "\"64MiB\"",
    "\"1 GiB\"",
    "\"500ms\"",
    "\"10s\"",
    "\"2 h\"",
    "\"99999999999999999999s\"",
    "\"18446744073709551615GiB\"",
    "\"5124095576030431h\"",
    "\"-1s\"",
    "\"soon\"",
    "0",
    "1",
    "1000",
    "8001",
    "-1",
    "9223372036854775807",
    "1.5",
    "inf",
    "nan",
    "true",
    "2026-05-05",
    "\"https://api.sophon.at\"",
    "\"http://127.0.0.1:8080\"",
    "\"http://example.com\"",
    "\"https://a:b@example.com\"",
    "\"https://example.com/path\"",
    "\"https://[::1]:99999\"",
    "\"http://[::1]\"",
    "\"https://é.example\"",
    "\"HTTP://localhost:0\"",
    "\"info\"",
    "\"a=b=c\"",
    "\"human\"",
    "\"json\"",
    "\"xml\"",
    "[\"agents\", \"plugins/echo\"]",
    "[]",
    "[1]",
    "{ messages = 40 }",
    "{ messages = 40, bytes = \"64KiB\" }",
    "{ messages = 4294967296 }",
    "{ messages = 1001, bytes = \"5MiB\" }",
    "{}",
    "'''\nraw'''",
    "\"\"\"\nmany\nlines\"\"\"",
];

/// A table's name, and the keys with values that fit.
pub(crate) type Table = (&'static str, &'static [(&'static str, &'static [&'static str])]);

/// A document of these tables: most keys, most values fitting.
pub(crate) fn document(rng: &mut Rng, tables: &[Table]) -> Vec<u8> {
    let mut text = String::new();
    for (table, keys) in tables {
        if !table.is_empty() {
            if rng.once_in(5) {
                continue;
            }
            let name = if rng.once_in(40) { format!("[{table}]") } else { (*table).to_owned() };
            text.push_str(&format!("[{name}]\n"));
        }
        for (key, values) in *keys {
            if rng.once_in(6) {
                continue;
            }
            let value = if rng.once_in(10) { rng.one(VALUES) } else { rng.one(values) };
            text.push_str(&format!("{key} = {value}\n"));
            if rng.once_in(80) {
                text.push_str(rng.one(&["# \u{202e}", "unknown = 1\n", "key = [\n", "a.b.c = {}\n", "\"\" = ''\n"]));
            }
        }
    }
    text.into_bytes()
}
