//! A guest that keeps words, and carries them over from one version to the next.

/// Adds `+` and the schema that it comes from to what is kept. The other scope must not be there.
pub const MIGRATES: &str = r#"(func (export "migrate") (param $of i32) (param $from i32) (result i32)
    (local $len i32)
    (call $get (i32.sub (i32.const 1) (local.get $of)) (i32.const 1024) (i32.const 1) (i32.const 256))
    (if (i32.ne (i32.load8_u (i32.const 260)) (i32.const 4)) (then unreachable))
    (call $get (local.get $of) (i32.const 1024) (i32.const 1) (i32.const 256))
    (if (i32.or (i32.load8_u (i32.const 256)) (i32.eqz (i32.load8_u (i32.const 260)))) (then unreachable))
    (local.set $len (i32.load (i32.const 268)))
    (memory.copy (i32.const 2048) (i32.load (i32.const 264)) (local.get $len))
    (i32.store8 (i32.add (local.get $len) (i32.const 2048)) (i32.const 43))
    (i32.store8 (i32.add (local.get $len) (i32.const 2049)) (i32.add (local.get $from) (i32.const 48)))
    (call $set (local.get $of) (i32.const 1024) (i32.const 1)
      (i32.const 2048) (i32.add (local.get $len) (i32.const 2)) (i32.const 512))
    (i32.const 512))"#;

/// A version that does what its messages say (`keeps.wat` says what), and crashes at one of them. Versions are told apart
/// by one character.
pub fn keeps(version: char, crashes_at: u8, migrate: &str) -> String {
    let body = include_str!("keeps.wat").replace('#', &crashes_at.to_string());
    format!("{}\n{migrate}", body.replace("VERSION", &version.to_string()))
}
