//! What reaches very far: patterns that stand for nearly everything, and arguments that name whole trees of the machine.

use super::pattern::{Args, ExecPattern, HostPattern, Pattern, Program, is_shell_like};
use std::path::{Component, Path};

/// Folders below the root that hold a system, or the people who use it.
const TREES: [&str; 23] = [
    "bin", "boot", "dev", "etc", "home", "lib", "lib32", "lib64", "media", "mnt", "nix", "opt", "proc", "root", "run",
    "sbin", "srv", "sys", "usr", "var", "Users", "Library", "System",
];

impl Pattern {
    /// Why it is wide, where it is: for who gives leave for it.
    pub fn reach(&self) -> Option<&'static str> {
        match self {
            Self::Http(pattern) => (pattern.url.host == HostPattern::Any).then_some("any host"),
            Self::Exec(ExecPattern { program: Program::Any, .. }) => Some("any program"),
            Self::Exec(ExecPattern { program, args }) => {
                let is_open = *args != Args::Plain && !self.is_one_command();
                (is_open && is_shell_like(program)).then_some("anything, as its arguments say")
            }
            Self::Files(files) => is_tree(&files.path).then_some("a whole tree of the machine"),
            Self::Own(action) => action.covers("").then_some("whatever the agent asks of its own accord"),
        }
    }
}

/// How far patterns reach, behind what shows them: nothing where none is wide.
pub fn reach_in_words<'p>(patterns: impl IntoIterator<Item = &'p Pattern>) -> String {
    patterns.into_iter().find_map(Pattern::reach).map_or_else(String::new, |reach| format!(" (that is {reach})"))
}

/// Whether an argument names a whole tree of the machine, by itself or as the value of an option.
pub(super) fn is_wide(arg: &str) -> bool {
    let value = match arg.split_once('=') {
        Some((name, value)) if !name.contains('/') => value,
        _ => arg,
    };
    let value = value.trim_end_matches('*');
    let home = value.strip_prefix('~').is_some_and(|user| !user.trim_end_matches('/').contains('/'));
    let mut parts = Path::new(value).components().filter(|part| *part != Component::CurDir).peekable();
    let above = parts.peek() == Some(&Component::ParentDir) && parts.all(|part| part == Component::ParentDir);
    home || above || is_tree(Path::new(value))
}

/// The root, or a folder of those just below it; a person's own, too.
fn is_tree(path: &Path) -> bool {
    let mut parts = path.components().filter(|part| *part != Component::CurDir);
    let is_root = parts.next() == Some(Component::RootDir);
    let names: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    let names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
    is_root
        && match names[..] {
            [] => true,
            [top] => TREES.contains(&top),
            [homes, _] => ["home", "Users"].contains(&homes),
            _ => false,
        }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_that_name_whole_trees_are_wide() {
        let wide = "/ // /. /* /etc /etc/ /usr/* /home/me /home/* ~ ~/ ~/* ~root .. ../.. ./../* --path=/ --exclude=~ \
                    if=/dev DIR=/etc";
        for arg in wide.split(' ') {
            assert!(is_wide(arg), "{arg}");
        }
        let narrow = ". ./ * a /x /tmp /etc/passwd /home/me/notes ~/notes ../a -/ a/.. /a=/ s/=/ https://a.example/ \
                      of=/dev/null ...";
        for arg in narrow.split(' ').chain([""]) {
            assert!(!is_wide(arg), "{arg}");
        }
    }

    #[test]
    fn wide_patterns_say_what_they_reach() {
        for (text, reach) in [
            ("http https://*/*", Some("any host")),
            ("http GET *://*:*/a", Some("any host")),
            ("http https://*.a.example/*", None),
            ("exec *", Some("any program")),
            ("exec bash ...", Some("anything, as its arguments say")),
            ("exec bash -c *", Some("anything, as its arguments say")),
            ("exec bash", None),
            ("exec /bin/bash -c id", None),
            ("exec ls ...", None),
            ("files /", Some("a whole tree of the machine")),
            ("files write /home/me", Some("a whole tree of the machine")),
            ("files /srv/documents", None),
            ("own *", Some("whatever the agent asks of its own accord")),
            ("own mail.*", None),
        ] {
            let pattern: Pattern = text.parse().expect(text);
            assert_eq!(pattern.reach(), reach, "{text}");
        }
    }
}
