//! What bad rules get, and what good ones say.

use super::*;
use crate::grant::{Ask, HttpAsk, decide};

fn read(text: &str) -> Result<PolicyConfig, String> {
    let tables: PolicyTables = toml::from_str(text).map_err(|error| error.to_string())?;
    tables.checked("sophon-host.toml").map_err(|error| error.to_string())
}

#[test]
fn what_does_not_fit_is_told() {
    for (text, part) in [
        ("[[policy]]\nhttp = \"https://a.example/*\"", "missing field `effect`"),
        ("[[policy]]\neffect = \"permit\"\naction = \"*\"", "line 2"),
        ("[[policy]]\neffect = \"allow\"", "one of `http`"),
        ("\n[[policy]]\neffect = \"allow\"\nexec = \"a\"\naction = \"b\"", "line 2"),
        ("[[policy]]\neffect = \"allow\"\nexce = \"a\"", "unknown field `exce`"),
        ("[[policy]]\neffect = \"allow\"\naction = \"a b\"", "not an action"),
        ("[[policy]]\neffect = \"allow\"\nexec = \"a\"\nmethods = [\"GET\"]", "`methods` has no meaning"),
        ("[[policy]]\neffect = \"allow\"\naction = \"a\"\nnetwork = false", "`network` has no meaning"),
        ("[[policy]]\neffect = \"allow\"\nhttp = \"https://a.example/*\"\nread = [\"/x\"]", "`read` has no meaning"),
        (
            "[[policy]]\neffect = \"allow\"\nhttp = \"https://a.example/*\"\naddresses = [\"10.0.0.0/33\"]",
            "not a network",
        ),
        ("[[policy]]\neffect = \"allow\"\nexec = \"a\"\nread = [\"../x\"]", "whole path"),
        ("[[policy]]\neffect = \"allow\"\nfiles = \"srv\"", "whole path"),
        ("[[policy]]\neffect = \"allow\"\nfiles = \"/srv/**\"", "leave the stars out"),
        ("[[policy]]\neffect = \"deny\"\nfiles = \"/srv\"\nwrite = true", "only in a rule that allows"),
        ("[[policy]]\neffect = \"allow\"\nexec = \"a\"\nwrite = true", "`write` has no meaning"),
        ("[[policy]]\neffect = \"allow\"\nfiles = \"/srv\"\nread = [\"/x\"]", "`read` has no meaning"),
        ("[agent.Echo]", "not an agent's name"),
        ("[agent.echo.cofnig]", "unknown field `cofnig`"),
        ("[agent.echo.config]\nkey = 1", "line 2"),
        (&format!("[agent.echo.config]\nkey = \"{}\"", "x".repeat(70_000)), "at most 65536"),
        ("[secret.KEY]\nhosts = []", "the hosts"),
        ("[secret.KEY]\nhosts = [\"a.example\"]\nvalue = \"sesame\"", "unknown field `value`"),
        ("[secret.KEY]\nhosts = [\"a.example\"]\nenv = \"A B\"", "not a variable"),
        (&"[[policy]]\neffect = \"deny\"\naction = \"*\"\n".repeat(1_001), "more than 1000"),
    ] {
        let message = read(text).expect_err(text);
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn rules_are_read_with_their_place() {
    let policy = read(
        "[[policy]]\neffect = \"deny\"\nexec = \"git\"\n\
         [[policy]]\neffect = \"allow\"\nagent = \"ec*\"\nexec = \"git\"\nread = [\"/srv\"]\nnetwork = true\n\
         [[policy]]\neffect = \"allow\"\nhttp = \"http://10.0.0.1/*\"\naddresses = [\"10.0.0.1\"]\nmethods = [\"get\"]\n\
         [[policy]]\neffect = \"ask\"\naction = \"calendar.*\"\n\
         [[policy]]\neffect = \"allow\"\nfiles = \"/srv/a b/\"\n[[policy]]\neffect = \"deny\"\nfiles = \"/srv\"\n\
         [agent.echo.config]\nmodel = \"m\"\n[secret.KEY]\nhosts = [\"a.example\"]\nenv = \"KEY\"",
    )
    .expect("a policy");
    let patterns: Vec<String> = policy.rules.iter().map(|rule| rule.pattern.to_string()).collect();
    assert_eq!(patterns[..4], ["exec git ...", "exec git", "http GET http://10.0.0.1/*", "own calendar.*"]);
    assert_eq!(patterns[4..], ["files /srv/a b", "files write /srv"]);
    let ask = Ask::Http(HttpAsk::new("GET", "http://10.0.0.1/x", [].into()).expect("an ask"));
    let rule = decide(&policy.rules, "fetch", &ask).rule.expect("a rule");
    assert_eq!(rule.place, "sophon-host.toml, [[policy]] no. 3");
    assert_eq!(rule.addresses[0].to_string(), "10.0.0.1/32");
    assert_eq!(policy.values.values().next().and_then(|values| values.get("model")).map(String::as_str), Some("m"));
    assert_eq!(policy.secrets.values().next().and_then(|secret| secret.env.as_deref()), Some("KEY"));
}
