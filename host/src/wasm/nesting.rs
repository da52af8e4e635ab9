//! How deep components lie in each other. The compiler keeps something for each pair of them, so a file of a megabyte
//! with a hundred thousand levels would take all the memory that there is.

use wasmparser::{Parser, Payload};

/// The deepest that is compiled. What tools make of several languages and adapters has four or five levels.
const MAX_DEPTH: u32 = 50;

/// Refuses what is nested too deep. Reads the file once, and keeps nothing. What cannot be read is left to the compiler,
/// whose words for it are better.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload {
            Ok(Payload::ModuleSection { .. } | Payload::ComponentSection { .. }) => depth += 1,
            Ok(Payload::End(_)) => depth = depth.saturating_sub(1),
            Ok(_) => {}
            Err(_) => return Ok(()),
        }
        if depth > MAX_DEPTH {
            return Err(format!("components lie more than {MAX_DEPTH} deep in each other"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(depth: usize) -> Vec<u8> {
        let text = "(component ".repeat(depth) + &")".repeat(depth);
        wat::parse_str(text).expect("WAT")
    }

    #[test]
    fn what_is_nested_too_deep_is_refused() {
        assert_eq!((check(&nested(1)), check(&nested(51))), (Ok(()), Ok(())));
        assert!(check(&nested(52)).is_err_and(|why| why.contains("50 deep")));
        assert_eq!(check(b"no component"), Ok(()));
    }
}
