//! What is not wanted is denied with the lines that would name it.

use super::*;
use crate::grant::ask::tests::{exec, http, own, secret};
use crate::grant::{Effect, Glob, Rule, decide};

fn wants(patterns: &[&str]) -> Wants {
    let want =
        |text: &&str| Want { pattern: text.parse().expect(text), why: "because\u{202e}".to_owned(), memory: None };
    Wants { asks: patterns.iter().map(want).collect(), ..Wants::default() }
}

fn keyed(url: &str) -> Ask {
    Ask::Http(HttpAsk::new("GET", url, [secret("KEY")].into()).expect(url))
}

#[test]
fn what_is_not_named_is_denied_and_the_hint_would_name_it() {
    let none = Wants::default();
    for (ask, parts) in [
        (http("PUT", "https://a.example:81/x?y"), ["want.http", "url = \"https://a.example:81/*\"", "\"PUT\""]),
        (exec("git log"), ["want.exec", "program = \"git\"", "why"]),
        (exec("sh -c id"), ["want.exec", "program = \"sh\"", "args = [\"...\"]"]),
    ] {
        let denied = none.covers(&ask).expect_err("nothing is wanted");
        for part in parts {
            assert!(denied.hint.contains(part) || denied.rule.contains(part), "{part} is not in {denied:?}");
        }
    }
    assert_eq!(none.covers(&own("a.b")), Ok(()));
}

#[test]
fn secrets_go_only_where_they_are_wanted() {
    let mut wants = wants(&["http https://*/*"]);
    let denied = wants.covers(&keyed("https://a.example/")).expect_err("no such secret");
    assert!(denied.hint.contains("[want.secret.KEY]\nhosts = [\"a.example\"]"), "{denied:?}");
    wants.secrets.insert(secret("KEY"), vec!["*.b.example".parse().expect("a host")]);
    assert!(wants.covers(&keyed("https://a.example/")).is_err());
    assert_eq!(wants.covers(&keyed("https://a.b.example/")), Ok(()));
    assert!(is_tied(&["a.example".parse().expect("a host")], &Host::parse("A.example").expect("a host")));
}

#[test]
fn the_lines_of_a_hint_say_what_they_should() {
    for ask in [http("POST", "http://[::1]:81/x"), exec("git log"), exec("sh -c id"), exec("/opt/a\"b"), own("a.b")] {
        let lines: toml::Table = policy_lines("echo", &ask).parse().expect("TOML");
        let table = lines["policy"].as_array().expect("a list")[0].as_table().expect("a table").clone();
        assert_eq!((table["effect"].as_str(), table["agent"].as_str()), (Some("allow"), Some("echo")));
        let text = match &ask {
            Ask::Http(_) => format!("http {}", table["http"].as_str().expect("a pattern")),
            Ask::Exec(_) => {
                let further = if table.contains_key("args") { " ..." } else { "" };
                format!("exec {}{further}", serde_json::Value::from(table["exec"].as_str().expect("a program")))
            }
            Ask::Own(_) => format!("own {}", table["action"].as_str().expect("an action")),
        };
        let (agent, pattern, place) = (Glob::literal("echo"), text.parse().expect("a pattern"), String::new());
        let nets = table.get("addresses").and_then(toml::Value::as_array).into_iter().flatten();
        let addresses: Vec<IpNet> = nets.filter_map(toml::Value::as_str).map(|net| net.parse().expect(net)).collect();
        if let Ask::Http(ask) = &ask {
            // The egress check would refuse it otherwise.
            let Host::Ip(ip) = ask.host else { panic!("no address") };
            assert_eq!(crate::grant::address::check(ip, &addresses), Ok(()));
        }
        let rule = Rule { effect: Effect::Allow, agent, pattern, addresses, network: false, reads: vec![], place };
        assert_eq!(decide(&[rule], "echo", &ask).effect, Effect::Allow, "{text}");
    }
}

#[test]
fn only_what_is_more_is_told_as_more() {
    let before = wants(&["http GET https://a.example/v1/*", "exec git log ..."]);
    assert!(wants(&["http GET https://a.example/v1/x", "exec git log -p"]).beyond(&before).is_empty());
    assert!(wants(&[]).beyond(&before).is_empty());
    for more in ["http https://a.example/v1/*", "http GET https://b.example/", "exec git", "exec git ..."] {
        let told = wants(&[more]).beyond(&before);
        assert!(told.len() == 1 && told[0].starts_with(more) && !told[0].contains('\u{202e}'), "{told:?}");
    }
    assert!(wants(&["exec sh"]).beyond(&before)[0].contains("can run anything"));
    let mut more = before.clone();
    more.secrets.insert(secret("KEY"), vec!["a.example".parse().expect("a host")]);
    more.files.push(FileWant { path: "/srv/x".into(), write: false, why: String::new() });
    assert_eq!(more.beyond(&before), ["the secret KEY at a.example", "read /srv/x, which only a rule gives"]);
    let mut writes = more.clone();
    writes.files[0].write = true;
    assert_eq!(writes.beyond(&more), ["read and write /srv/x, which only a rule gives"]);
    assert!(more.beyond(&writes).is_empty());
    let work = FileWant { path: FileWant::WORK.into(), write: true, why: "notes".to_owned() };
    assert_eq!(work.in_words(), "its own work folder (“notes”)");
}

#[test]
fn wants_are_kept_as_they_were() {
    let mut wants = wants(&["http GET https://a.example/v1/*", "exec git \"a b\" ...", "own x"]);
    wants.secrets.insert(secret("KEY"), vec!["*.a.example".parse().expect("a host")]);
    let kept = serde_json::to_string(&wants).expect("JSON");
    assert_eq!(serde_json::from_str::<Wants>(&kept).expect("wants"), wants);
}

#[test]
fn what_could_be_wanted_is_told_without_a_look_at_the_machine() {
    for (pattern, asked, may) in [
        ("http https://a.example/*", "git", false),
        ("exec git", "git", true),
        ("exec git", "/usr/bin/git", false),
        ("exec git", "gitk", false),
        ("exec /usr/bin/git", "alias-of-git", true),
        ("exec *", "any", true),
    ] {
        let wants = wants(&[pattern]);
        assert_eq!(wants.may_run(asked), may, "{pattern} {asked}");
        let unseen = Ask::Exec(ExecAsk::unseen(asked));
        assert!(may || wants.covers(&unseen).is_err(), "{pattern} {asked}");
        assert_eq!(unseen.record(), asked);
    }
}
