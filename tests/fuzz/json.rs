//! JSON as the cloud might send it, and as it must not.
//!
//! Written as text, so that doubled keys, halves of surrogates and numbers out of range come up, too.

use crate::rng::Rng;

const STRINGS: &[&str] = &[
    "",
    " ",
    "12",
    "0",
    "ses_1",
    "int_1",
    "msg_1",
    "inst_1",
    "a\\nb",
    "\\u0000",
    "\\ud83e\\udd80",
    "\\ud800",
    "\u{202e}x",
    "⚠️ é 🦀",
    "inst_1:s_live_0123456789",
    "inst_../x:s_live_0123456789",
    "\\r\\nX: y",
    "2026-05-05T12:34:56Z",
    "max",
];
const NUMBERS: &[&str] =
    &["0", "-1", "7", "1730345700", "1730345700000", "18446744073709551615", "18446744073709551616", "1e400", "-0.5"];

/// A string, now and then a long one.
fn string(rng: &mut Rng) -> String {
    let text = rng.one(STRINGS);
    match rng.below(400) {
        0 => format!("\"{}\"", "x".repeat(rng.below(300))),
        1 if rng.once_in(20) => format!("\"{}\"", "y".repeat(1_200_000)),
        _ => format!("\"{text}\""),
    }
}

/// Anything.
fn value(rng: &mut Rng, keys: &[&str], depth: usize) -> String {
    match rng.below(if depth == 0 { 5 } else { 8 }) {
        0 => rng.one(&["null", "true", "false"]).to_owned(),
        1 => rng.one(NUMBERS).to_owned(),
        2..=4 => string(rng),
        5 => {
            let items: Vec<_> = (0..rng.below(4)).map(|_| value(rng, keys, depth - 1)).collect();
            format!("[{}]", items.join(","))
        }
        _ => {
            let members: Vec<_> =
                (0..rng.below(5)).map(|_| format!("\"{}\":{}", rng.one(keys), value(rng, keys, depth - 1))).collect();
            format!("{{{}}}", members.join(","))
        }
    }
}

/// How a member is made.
enum Member {
    Id,
    One(&'static [&'static str]),
    Of(&'static [(&'static str, Member)]),
    List(&'static Member),
    Any,
}

/// An object with most of these members, most of them right, in any order.
fn object(rng: &mut Rng, members: &[(&str, Member)], keys: &[&str]) -> String {
    let mut written = Vec::new();
    for (name, member) in members {
        if rng.once_in(8) {
            continue;
        }
        let at = rng.below(written.len() + 1);
        written.insert(at, format!("\"{name}\":{}", made(rng, member, keys)));
        if rng.once_in(40) {
            written.push(format!("\"{name}\":{}", value(rng, keys, 2)));
        }
    }
    if rng.once_in(4) {
        written.push(format!("\"{}\":{}", rng.one(keys), value(rng, keys, 3)));
    }
    format!("{{{}}}", written.join(rng.one(&[",", ", ", ",\n "])))
}

fn made(rng: &mut Rng, member: &Member, keys: &[&str]) -> String {
    if rng.once_in(12) {
        return value(rng, keys, 2);
    }
    match member {
        Member::Id => format!("\"{}\"", rng.one(&["1", "42", "ses_1", "int_1", "msg_1", "x"])),
        Member::One(of) => rng.one(of).to_owned(),
        Member::Of(members) => object(rng, members, keys),
        Member::List(member) => {
            let items: Vec<_> = (0..rng.below(3)).map(|_| made(rng, member, keys)).collect();
            format!("[{}]", items.join(","))
        }
        Member::Any => value(rng, keys, 3),
    }
}

const TEXT: Member = Member::One(&["\"hi\"", "\" \"", "\"\"", "\"/use echo\"", "\"a\\nb\"", "\"\\u202e\""]);
const FILE: Member = Member::Of(&[
    ("key", Member::Id),
    ("mime", Member::One(&["\"text/plain\"", "\"\"", "7"])),
    ("size", Member::One(&["0", "17", "-1", "1e3", "18446744073709551615"])),
    ("name", TEXT),
]);
const MESSAGE: Member = Member::Of(&[
    ("id", Member::Id),
    ("message_id", Member::Id),
    ("text", TEXT),
    ("attachments", Member::List(&FILE)),
    ("reply_to", Member::Id),
    ("thought_level", Member::One(&["\"default\"", "\"extended\"", "\"max\"", "\"ultra\"", "null", "{}"])),
    ("locale", Member::One(&["\"de-AT\"", "null"])),
]);
const SESSION: Member = Member::Of(&[("id", Member::Id), ("title", TEXT)]);
const PAYLOAD: Member = Member::Of(&[
    ("session", SESSION),
    ("session_id", Member::Id),
    ("interaction_id", Member::Id),
    ("message", MESSAGE),
]);
const UPDATE: Member = Member::Of(&[
    ("update_id", Member::One(&["\"1\"", "\"99\"", "7", "-7", "1.5", "\"\"", "18446744073709551616"])),
    ("type", Member::One(&["\"session.message\"", "\"session.message\"", "\"session.cancelled\"", "\"device_added\""])),
    ("session_id", Member::Id),
    ("interaction_id", Member::Id),
    ("payload", PAYLOAD),
]);
const FRAME: &[(&str, Member)] = &[
    ("type", Member::One(&["\"update\"", "\"update\"", "\"update\"", "\"ready\"", "\"ping\"", "\"list_tools\""])),
    ("installation_id", Member::Id),
    ("update", UPDATE),
    ("req_id", Member::Any),
];

/// A frame of the socket.
pub(crate) fn frame(rng: &mut Rng, keys: &[&str]) -> Vec<u8> {
    object(rng, FRAME, keys).into_bytes()
}

const ERROR: Member = Member::Of(&[
    ("code", Member::One(&["\"rate_limited\"", "\"idempotency_conflict\"", "\"\"", "\"a\\u001b[2J\""])),
    ("message", TEXT),
    ("errors", Member::List(&Member::Of(&[("path", TEXT), ("code", TEXT), ("message", TEXT)]))),
    ("details", Member::Any),
    ("retry_after_ms", Member::One(&["0", "700", "18446744073709551615", "-1", "1.5", "null"])),
]);
const RESULT: Member = Member::Of(&[
    ("message_id", Member::Id),
    ("code", Member::One(&["\"ABC1234\"", "7"])),
    ("expires_at", Member::One(&["1730345700", "1730345700000", "\"soon\""])),
    ("poll_token", Member::Id),
    ("status", Member::One(&["\"pending\"", "\"paired\"", "\"claimed\"", "\"expired\""])),
    ("installation_id", Member::Id),
    ("token", Member::One(&["\"inst_1:s_live_0123456789\"", "\"inst_1:s_live_\\r\\nX: y\"", "\"x\""])),
    ("bot_token", Member::One(&["\"inst_1:s_live_0123456789\"", "null"])),
]);
const ENVELOPE: &[(&str, Member)] =
    &[("ok", Member::One(&["true", "true", "false", "\"true\""])), ("result", RESULT), ("error", ERROR)];

/// An answer of the REST side.
pub(crate) fn envelope(rng: &mut Rng, keys: &[&str]) -> Vec<u8> {
    object(rng, ENVELOPE, keys).into_bytes()
}
