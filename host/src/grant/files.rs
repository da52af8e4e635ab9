//! Folders of files, which only rules give: nobody can be asked while a guest opens a file.

use super::rule::narrowest;
use super::want::quoted;
use super::{Effect, Pattern, Rule};
use std::fmt;
use std::path::{Component, PathBuf};
use std::str::FromStr;

/// A folder that an agent is to have, with all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesAsk {
    /// From the root, without steps upwards.
    pub path: PathBuf,
    /// Whether it would write there.
    pub write: bool,
}

/// Folders that a rule speaks of: this one and all below it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilesPattern {
    /// From the root, without steps upwards.
    pub path: PathBuf,
    /// Whether it speaks of writing, too.
    pub write: bool,
}

/// Why a folder is not given. The words are for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// What withholds it.
    pub rule: String,
    /// What would give it.
    pub hint: String,
}

impl FilesPattern {
    fn covers(&self, ask: &FilesAsk) -> bool {
        ask.path.starts_with(&self.path) && (self.write || !ask.write)
    }

    pub(super) fn within(&self, other: &Self) -> bool {
        self.path.starts_with(&other.path) && (other.write || !self.write)
    }
}

/// The rule that gives a folder to an agent. What speaks of a part of it must allow that part, too: what is given is given
/// with all below it.
///
/// # Errors
/// What withholds it, and what would give it.
pub fn give<'a>(rules: &'a [Rule], agent: &str, ask: &FilesAsk) -> Result<&'a Rule, Withheld> {
    let speaks = |rule: &Rule, ask: &FilesAsk| {
        rule.agent.covers(agent) && matches!(&rule.pattern, Pattern::Files(files) if files.covers(ask))
    };
    let below = rules.iter().filter(|rule| rule.agent.covers(agent)).filter_map(|rule| match &rule.pattern {
        Pattern::Files(files) if files.path != ask.path && files.path.starts_with(&ask.path) => Some(&files.path),
        _ => None,
    });
    for path in below {
        let part = FilesAsk { path: path.clone(), ..*ask };
        let verdict = narrowest(rules, |rule| speaks(rule, &part));
        if let (Effect::Ask | Effect::Deny, Some(rule)) = (verdict.effect, verdict.rule) {
            let hint = "what is given is given with all below it: want other folders, one by one".to_owned();
            return Err(Withheld { rule: format!("{}, which keeps {} back", rule.place, path.display()), hint });
        }
    }
    let verdict = narrowest(rules, |rule| speaks(rule, ask));
    let hint = |rule: &str| format!("{rule} would give it:\n{}", ask.lines(agent));
    match (verdict.effect, verdict.rule) {
        (Effect::Allow, Some(rule)) => Ok(rule),
        (Effect::Ask, Some(rule)) => {
            let why = format!("{}, which asks: nobody can be asked while a file is opened", rule.place);
            Err(Withheld { rule: why, hint: hint("a narrower rule") })
        }
        (_, Some(rule)) => Err(Withheld { rule: rule.place.clone(), hint: hint("a narrower rule") }),
        (_, None) => Err(Withheld {
            rule: "the policy, which has no rule for it".to_owned(),
            hint: hint("in sophon-host.toml this"),
        }),
    }
}

impl FilesAsk {
    /// The lines of the operator's configuration that would give it.
    fn lines(&self, agent: &str) -> String {
        let write = if self.write { "\nwrite = true" } else { "" };
        let path = quoted(&self.path.display().to_string());
        format!("[[policy]]\neffect = \"allow\"\nagent = {}\nfiles = {path}{write}", quoted(agent))
    }
}

impl fmt::Display for FilesAsk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let deed = if self.write { "read and write" } else { "read" };
        write!(f, "{deed} {}", crate::text::line(&self.path.display().to_string(), 1_000))
    }
}

impl fmt::Display for FilesPattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", if self.write { "write " } else { "" }, self.path.display())
    }
}

impl FromStr for FilesPattern {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (path, write) = text.strip_prefix("write ").map_or((text, false), |path| (path, true));
        let path = PathBuf::from(path);
        let plain = path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_)));
        if !path.is_absolute() || !plain {
            return Err(format!("`{}` is not a folder: write its whole path", crate::text::line(text, 200)));
        }
        Ok(Self { path: path.components().collect(), write })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::grant::Glob;

    fn rule((effect, agent, pattern): (Effect, &str, &str)) -> Rule {
        Rule {
            effect,
            agent: agent.parse::<Glob>().expect(agent),
            pattern: pattern.parse().expect(pattern),
            addresses: vec![],
            network: false,
            reads: vec![],
            place: format!("rule {agent} {pattern}"),
        }
    }

    fn given(rules: &[(Effect, &str, &str)], path: &str, write: bool) -> Result<String, Withheld> {
        let rules: Vec<Rule> = rules.iter().copied().map(rule).collect();
        give(&rules, "notes", &FilesAsk { path: path.into(), write }).map(|rule| rule.place.clone())
    }

    #[test]
    fn only_a_rule_that_allows_gives() {
        use Effect::{Allow, Ask, Deny};
        for (rules, path, write, is) in [
            (&[][..], "/srv", false, false),
            (&[(Allow, "*", "files /srv")], "/srv", false, true),
            (&[(Allow, "*", "files /srv")], "/srv/a/b", false, true),
            (&[(Allow, "*", "files /srv")], "/srvx", false, false),
            (&[(Allow, "*", "files /srv/a")], "/srv", false, false),
            (&[(Allow, "other", "files /srv")], "/srv", false, false),
            (&[(Allow, "*", "files /srv")], "/srv", true, false),
            (&[(Allow, "*", "files write /srv")], "/srv", true, true),
            (&[(Allow, "*", "files write /srv")], "/srv", false, true),
            (&[(Ask, "*", "files write /srv")], "/srv", false, false),
            (&[(Allow, "*", "exec cat"), (Allow, "*", "own *")], "/srv", false, false),
            // The same folder: the stricter holds, whatever of it the other allows.
            (&[(Allow, "*", "files /srv"), (Deny, "*", "files write /srv")], "/srv", false, false),
            (&[(Allow, "*", "files write /srv"), (Deny, "*", "files write /srv")], "/srv", true, false),
            // The narrowest holds, of folders and of agents.
            (&[(Deny, "*", "files write /"), (Allow, "*", "files /srv")], "/srv/a", false, true),
            (&[(Allow, "*", "files /"), (Deny, "*", "files write /srv")], "/srv/a", false, false),
            (&[(Deny, "*", "files write /srv"), (Allow, "notes", "files /srv")], "/srv", false, true),
            // What is kept back below keeps the whole back.
            (&[(Allow, "*", "files /srv"), (Deny, "*", "files write /srv/a")], "/srv", false, false),
            (&[(Allow, "*", "files /srv"), (Ask, "*", "files write /srv/a/b")], "/srv", false, false),
            (&[(Allow, "*", "files /srv"), (Deny, "x", "files write /srv/a")], "/srv", false, true),
            (&[(Allow, "*", "files /srv"), (Deny, "*", "files write /srv/a")], "/srv/b", false, true),
            (
                &[(Allow, "*", "files /s"), (Deny, "*", "files write /s/a"), (Allow, "notes", "files /s/a")],
                "/s",
                false,
                true,
            ),
        ] {
            assert_eq!(given(rules, path, write).is_ok(), is, "{rules:?} {path} {write}");
        }
    }

    #[test]
    fn what_is_withheld_is_told_with_the_lines_that_would_give_it() {
        let none = given(&[], "/srv/a \"b\"", true).expect_err("nothing gives it");
        let lines: toml::Table = none.hint.split_once('\n').expect("lines").1.parse().expect("TOML");
        let table = &lines["policy"].as_array().expect("a list")[0];
        assert_eq!((table["files"].as_str(), table["write"].as_bool()), (Some("/srv/a \"b\""), Some(true)));
        let denied = given(&[(Effect::Deny, "*", "files write /srv")], "/srv/a", false).expect_err("denied");
        assert_eq!(denied.rule, "rule * files write /srv");
        let below = [(Effect::Allow, "*", "files /srv"), (Effect::Deny, "*", "files write /srv/a")];
        assert!(given(&below, "/srv", false).expect_err("a part is denied").rule.contains("keeps /srv/a back"));
    }

    #[test]
    fn folders_are_read_as_they_are_written() {
        for text in ["files /srv/a b", "files write /srv", "files /"] {
            assert_eq!(text.parse::<Pattern>().expect(text).to_string(), text);
        }
        for bad in ["files srv", "files /a/../b", "files write", "files "] {
            assert!(bad.parse::<Pattern>().is_err(), "{bad}");
        }
    }
}
