//! What a person sees, and that no agent writes it.

use super::*;
use crate::grant::ask::tests::{exec, http, own, secret};
use crate::grant::{Content, OwnAsk};

#[test]
fn severity_comes_from_the_deed() {
    let keyed = |method: &str, url: &str| Ask::Http(HttpAsk::new(method, url, [secret("KEY")].into()).expect(url));
    for (ask, severity) in [
        (http("GET", "https://a.example/"), Severity::Low),
        (http("HEAD", "https://a.example/"), Severity::Low),
        (http("GET", "http://a.example/"), Severity::Medium),
        (http("POST", "https://a.example/"), Severity::Medium),
        (http("PATCH", "http://a.example/"), Severity::Medium),
        (http("DELETE", "https://a.example/"), Severity::High),
        (http("PROPFIND", "https://a.example/"), Severity::High),
        (keyed("GET", "https://a.example/"), Severity::High),
        (keyed("GET", "http://a.example/"), Severity::High),
        (exec("ls -l"), Severity::Medium),
        (exec("bash -c id"), Severity::High),
        (exec("sudo ls"), Severity::Critical),
        (own("x"), Severity::Low),
    ] {
        assert_eq!(ask.severity(), severity, "{ask:?}");
    }
}

#[test]
fn the_words_are_the_hosts() {
    let ask =
        Ask::Http(HttpAsk::new("post", "http://bücher.example:81/a?q=1", [secret("KEY")].into()).expect("an ask"));
    assert_eq!(ask.title(), "Send to xn--bcher-kva.example:81, unencrypted, with the secret KEY");
    assert_eq!(ask.command().as_deref(), Some("POST http://xn--bcher-kva.example:81/a?q=1"));
    assert_eq!(ask.host().as_deref(), Some("xn--bcher-kva.example:81"));
    let Ask::Http(plain) = ask else { panic!("no request") };
    let ask = Ask::Http(HttpAsk { body: Content::of(b"pay=all"), ..plain });
    let address = "POST http://xn--bcher-kva.example:81/a?q=1";
    assert_eq!(ask.command(), Some(format!("{address}\nwith 7 bytes: “pay=all”")));
    assert!(ask.record().starts_with(&format!("{address}\nwith 7 bytes, SHA-256 ")), "{}", ask.record());
    let Ask::Http(full) = http("GET", "https://a.example/") else { panic!("no request") };
    let full = HttpAsk { headers: Content::of(b"x-a: 1\nx-b: 2"), body: Content::of(b"y"), ..full };
    let asked = Ask::Http(full.clone());
    assert_eq!((asked.title().as_str(), asked.severity()), ("Send to a.example", Severity::Medium));
    let shown = "GET https://a.example/\nwith headers of 13 bytes: “x-a: 1\\nx-b: 2”\nwith 1 byte: “y”";
    assert_eq!(asked.command().as_deref(), Some(shown));
    assert_ne!(asked.fingerprint(), Ask::Http(HttpAsk { headers: None, ..full }).fingerprint());
    let ask = exec("sh -c ls|wc");
    assert_eq!(ask.title(), "Run `sh`: a shell: it runs whatever its arguments and its input say");
    assert_eq!(ask.command().as_deref(), Some("sh -c 'ls|wc'\n(/usr/bin/sh)"));
    assert_eq!(exec("/opt/x").command().as_deref(), Some("/opt/x"));
    let Ask::Exec(run) = exec("ls") else { panic!("not of a program") };
    let run = ExecAsk { reads: vec!["/srv/a b".into(), "/home".into()], ..run };
    let words = crate::grant::cover_in_words(&Ask::Exec(run.clone()), crate::grant::Scope::Tool, &Default::default());
    assert_eq!(Ask::Exec(run).record(), "ls\n(/usr/bin/ls)\nit could read, besides: '/srv/a b', /home");
    assert_eq!(words, "always: exactly this command line, whatever its input, reading '/srv/a b', /home");
    let Ask::Exec(run) = exec("/opt/x") else { panic!("not of a program") };
    for (cwd, shown) in [
        ("", "/opt/x"),
        ("././", "/opt/x"),
        ("a/b", "/opt/x\nin the folder `a/b` of its work folder"),
        ("a\u{202e}", "/opt/x\nin the folder `a\\u{202e}` of its work folder"),
    ] {
        let ask = Ask::Exec(ExecAsk { cwd: cwd.to_owned(), ..run.clone() });
        assert_eq!(ask.command().as_deref(), Some(shown));
        let ask = Ask::Exec(ExecAsk { cwd: cwd.to_owned(), input: Content::of(b"id"), ..run.clone() });
        assert_eq!(ask.command(), Some(format!("{shown}\nwith the input of 2 bytes: “id”")));
    }
}

#[test]
fn what_the_kernel_does_not_hold_is_said_where_it_is_asked() {
    let Ask::Exec(run) = exec("ls") else { panic!("not of a program") };
    let free = Ask::Exec(ExecAsk { confined: false, lack: Some("all"), ..run.clone() });
    assert_eq!((free.title().as_str(), free.severity()), ("Run `ls`, not confined", Severity::High));
    let half = Ask::Exec(ExecAsk { lack: Some("signals"), ..run });
    assert_eq!(half.command().as_deref(), Some("ls\n(/usr/bin/ls)\nnot held: signals"));
    assert_ne!(half.fingerprint(), exec("ls").fingerprint());
}

#[test]
fn what_reaches_for_a_whole_tree_is_bad_and_said() {
    let wide = exec("ls -R /etc");
    assert_eq!(wide.severity(), Severity::High);
    assert_eq!(wide.title(), "Run `ls`: it reaches for a whole tree of the machine");
    assert_eq!(exec("ls -R notes").severity(), Severity::Medium);
    let worse = exec("rm -rf /");
    assert!(worse.severity() >= Severity::High && worse.title().contains("it deletes"), "{}", worse.title());
}

#[test]
fn what_is_not_shown_whole_is_told_apart_and_bad() {
    let long = "a".repeat(MAX_COMMAND);
    let asks = |end: &str| [http("GET", &format!("https://a.example/{long}{end}")), exec(&format!("ls {long}{end}"))];
    for (one, other) in asks("1").iter().zip(&asks("2")) {
        assert_eq!(one.severity(), Severity::High);
        assert_ne!(one.command(), other.command());
        assert_ne!(one.record(), other.record(), "the log tells them apart, too");
        assert!(one.record().contains("not all of it is shown"), "{}", one.record());
    }
}

#[test]
fn hostile_words_are_bounded_and_seen() {
    let evil = format!("ok\u{202e}\u{1b}[2J\r\n`x` {}", "y".repeat(100_000));
    let asked = OwnAsk {
        action: "a".to_owned(),
        title: evil.clone(),
        reason: evil.clone(),
        command: Some(evil.clone()),
        severity: Severity::Low,
    };
    let Ask::Exec(mut run) = exec("git") else { panic!("not of a program") };
    run.name = Some(evil.replace('/', ""));
    run.args = vec![evil.clone(), "a\nb".to_owned(), String::new(), "it's".to_owned()];
    for ask in [Ask::Own(asked), Ask::Exec(run)] {
        for shown in [ask.title(), ask.command().expect("a command"), Ask::reason(&evil)] {
            assert!(shown.len() < 3_000, "{} bytes", shown.len());
            assert!(!shown.contains(['\u{202e}', '\u{1b}', '\r']), "{}", shown.escape_debug());
            assert!(shown.contains("\\u{202e}"), "{}", shown.escape_debug());
        }
        assert!(!ask.title().contains('\n'));
    }
    assert_eq!(Ask::reason("fine.” The host says: “safe"), "The agent says: “fine.\" The host says: \"safe”");
    assert_eq!(quoted("it's"), r"'it'\''s'");
    assert_eq!(quoted(""), "''");
    assert_eq!(Ask::reason("  "), "");
}
