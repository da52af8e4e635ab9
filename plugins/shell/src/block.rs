//! A program's output as a block of code: text that cannot leave the block, and not too much of it.

/// The most of an output that is shown, in bytes.
const MAX: usize = 64 << 10;
/// Opens and closes the block: what it holds has no such run of back-ticks.
const FENCE: &str = "````";

/// The block. It begins with the first output.
#[derive(Default)]
pub(crate) struct Block {
    stdout: Text,
    stderr: Text,
    shown: usize,
    cut: bool,
    /// Back-ticks in a row at the end of what was shown, and whether it ends a line.
    ticks: usize,
    line_begins: bool,
}

/// The text of one stream, whose bytes come in pieces of any size.
#[derive(Default)]
struct Text {
    /// A character that is not complete.
    rest: Vec<u8>,
    /// Within a sequence that steers a terminal.
    escape: Escape,
}

#[derive(Default, PartialEq)]
enum Escape {
    #[default]
    No,
    Begun,
    Inside,
}

impl Block {
    /// What to write for some standard output.
    pub(crate) fn stdout(&mut self, bytes: &[u8]) -> String {
        let text = self.stdout.read(bytes);
        self.add(&text)
    }

    /// What to write for some standard error.
    pub(crate) fn stderr(&mut self, bytes: &[u8]) -> String {
        let text = self.stderr.read(bytes);
        self.add(&text)
    }

    fn add(&mut self, text: &str) -> String {
        let mut out = String::new();
        if self.shown == 0 && !text.is_empty() {
            out = format!("{FENCE}\n");
        }
        for c in text.chars() {
            if self.shown >= MAX {
                self.cut = true;
                break;
            }
            self.ticks = if c == '`' { self.ticks + 1 } else { 0 };
            out.push(if self.ticks >= FENCE.len() { '\'' } else { c });
            self.shown += c.len_utf8();
            self.line_begins = c == '\n';
        }
        out
    }

    /// What to write at the end.
    pub(crate) fn end(&self) -> String {
        let line = if self.line_begins { "" } else { "\n" };
        match (self.shown, self.cut) {
            (0, _) => String::new(),
            (_, false) => format!("{line}{FENCE}\n\n"),
            (_, true) => format!("{line}{FENCE}\n\nThere is more than the {} KiB shown. ", MAX >> 10),
        }
    }
}

impl Text {
    fn read(&mut self, bytes: &[u8]) -> String {
        self.rest.extend_from_slice(bytes);
        let whole = match std::str::from_utf8(&self.rest) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.rest.len(),
        };
        let text = String::from_utf8_lossy(&self.rest[..whole]).into_owned();
        // Something that is broken in the middle hides an incomplete end; that is shown as broken, too.
        self.rest.drain(..whole);
        text.chars().filter(|c| self.shows(*c)).collect()
    }

    /// Whether a character is shown: colours and other orders to a terminal are not.
    fn shows(&mut self, c: char) -> bool {
        match (&self.escape, c) {
            (_, '\u{1b}') => self.escape = Escape::Begun,
            (Escape::Begun, '[') => self.escape = Escape::Inside,
            (Escape::Begun, _) => self.escape = Escape::No,
            (Escape::Inside, '\u{40}'..='\u{7e}') => self.escape = Escape::No,
            (Escape::Inside, _) => {}
            (Escape::No, '\n' | '\t') => return true,
            (Escape::No, c) => return !c.is_control(),
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_stays_in_its_block() {
        let mut block = Block::default();
        assert_eq!(block.end(), "");
        assert_eq!(block.stdout("é".as_bytes().split_at(1).0), "");
        assert_eq!(block.stdout("é\n``".as_bytes().split_at(1).1), "````\né\n``");
        assert_eq!(block.stderr(b"``\n"), "`'\n", "a fence from two pieces");
        assert_eq!(block.stdout(b"\x1b[31mred\x1b[0m\r\n\x07"), "red\n");
        assert_eq!(block.end(), "````\n\n");
    }

    #[test]
    fn too_much_is_cut_and_told() {
        let mut block = Block::default();
        let text = block.stdout(&vec![b'x'; MAX + 1]);
        assert_eq!((text.len(), block.stdout(b"more")), (MAX + 5, String::new()));
        assert!(block.end().contains("more than the 64 KiB"), "{}", block.end());
    }
}
