//! A line divided into words as a shell divides it, without anything that only a shell can do.

/// The words of a line: divided at blanks, but within quotes and after a backslash.
///
/// # Errors
/// What cannot be run so, for the user.
pub(crate) fn split(line: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut word = None::<String>;
    let mut chars = line.trim().chars();
    while let Some(c) = chars.next() {
        match c {
            c if c.is_whitespace() => words.extend(word.take()),
            '\'' => quoted(&mut chars, '\'', word.get_or_insert_default())?,
            '"' => quoted(&mut chars, '"', word.get_or_insert_default())?,
            '\\' => word
                .get_or_insert_default()
                .push(chars.next().ok_or("After the `\\` at the end something is missing.")?),
            '|' | '>' | '<' | ';' | '&' | '`' => return Err(needs_a_shell(c)),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    Ok(words)
}

/// The rest of what is in quotes. Between double ones a backslash takes the meaning from a quote and from itself.
fn quoted(chars: &mut std::str::Chars<'_>, quote: char, word: &mut String) -> Result<(), String> {
    while let Some(c) = chars.next() {
        match c {
            c if c == quote => return Ok(()),
            '\\' if quote == '"' => match chars.next() {
                Some(c @ ('"' | '\\' | '$' | '`')) => word.push(c),
                Some(c) => word.extend(['\\', c]),
                None => break,
            },
            c => word.push(c),
        }
    }
    Err(format!("A quote is not closed: there is one {quote} too few."))
}

fn needs_a_shell(c: char) -> String {
    format!(
        "There is no shell here, which `{c}` would need. Put it in quotes if it is meant as it stands, or start a shell \
         yourself: `sh -c '…'`."
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_divided_as_a_shell_does() {
        for (line, words) in [
            ("", vec![]),
            ("  ls   -l\t/tmp\n", vec!["ls", "-l", "/tmp"]),
            ("a 'b c' \"d e\"", vec!["a", "b c", "d e"]),
            ("a'b'\"c\"d", vec!["abcd"]),
            ("'' \"\"", vec!["", ""]),
            (r#"a\ b \' "\"\\\$" "\n""#, vec!["a b", "'", "\"\\$", "\\n"]),
            (r"'a\'b", vec!["a\\b"]),
            ("echo $HOME *.rs", vec!["echo", "$HOME", "*.rs"]),
            ("sh -c 'ls | wc; id'", vec!["sh", "-c", "ls | wc; id"]),
        ] {
            assert_eq!(split(line).expect(line), words, "{line}");
        }
    }

    #[test]
    fn what_only_a_shell_can_do_is_refused_with_a_hint() {
        for line in ["ls | wc", "ls > file", "a; b", "a && b", "a `b`", "'open", "\"open", "\"open\\", "a\\"] {
            let why = split(line).expect_err(line);
            assert!(why.contains("shell") || why.contains("missing") || why.contains("too few"), "{why}");
        }
    }
}
