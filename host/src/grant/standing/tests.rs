//! What leave covers, and what it does not.

use super::*;
use crate::grant::ask::tests::{exec, http, own, secret};
use crate::grant::{Content, Want};
use proptest::prelude::*;

const SCOPES: [Scope; 4] = [Scope::Session, Scope::Tool, Scope::Domain, Scope::All];

fn wants() -> Wants {
    let want = |text: &str| Want { pattern: text.parse().expect(text), why: String::new(), memory: None };
    let asks = ["http https://*.example/v1/*", "exec git ...", "exec sh ...", "exec ls"].map(want).into();
    Wants { asks, secrets: [(secret("KEY"), vec![HostPattern::Any])].into(), files: vec![] }
}

fn grant(ask: &Ask, scope: Scope) -> Grant {
    Grant {
        id: "g1".to_owned(),
        agent: "echo".to_owned(),
        digest: "d1".to_owned(),
        capability: ask.capability(),
        cover: widen(ask, scope, &wants()),
        scope,
        session: (scope == Scope::Session).then(|| "s1".to_owned()),
        made_ms: 1_000,
        until_ms: None,
        uses_left: None,
        wants: wants(),
    }
}

const ECHO: Asker<'static> = Asker { agent: "echo", digest: "d1", session: "s1" };

#[test]
fn leave_is_for_one_agent_version_session_time_and_count() {
    let ask = http("GET", "https://a.example/v1/x");
    let given = grant(&ask, Scope::Session);
    assert!(given.allows(ECHO, &ask, 1_000));
    for (other, by) in [
        ("agent", Asker { agent: "fetch", ..ECHO }),
        ("version", Asker { digest: "d2", ..ECHO }),
        ("session", Asker { session: "s2", ..ECHO }),
    ] {
        assert!(!given.allows(by, &ask, 1_000), "another {other}");
    }
    assert!(grant(&ask, Scope::Tool).allows(Asker { session: "s2", ..ECHO }, &ask, 1_000));
    let lost = Grant { session: None, ..given.clone() };
    assert!(!lost.allows(ECHO, &ask, 1_000), "leave for a session that names none is for none");
    let timed = Grant { until_ms: Some(2_000), ..given.clone() };
    assert!(timed.allows(ECHO, &ask, 1_999) && !timed.allows(ECHO, &ask, 2_000));
    let counted = Grant { uses_left: Some(1), ..given };
    assert!(counted.allows(ECHO, &ask, 0));
    assert!(!Grant { uses_left: Some(0), ..counted }.allows(ECHO, &ask, 0));
}

#[test]
fn each_scope_covers_what_it_says() {
    use Scope::{All, Domain, Session, Tool};
    let asked = http("GET", "https://a.example/v1/x?q");
    for (scope, other, covers) in [
        (Tool, http("GET", "https://a.example/v1/x"), true),
        (Tool, http("GET", "https://a.example/v1/y"), false),
        (Tool, http("PUT", "https://a.example/v1/x"), false),
        (Session, http("GET", "https://a.example/else"), true),
        (Session, http("PUT", "https://a.example/v1/x"), false),
        (Session, http("GET", "https://a.example:81/v1/x"), false),
        (Domain, http("PUT", "https://a.example/else"), true),
        (Domain, http("GET", "http://a.example/v1/x"), false),
        (Domain, http("GET", "https://b.example/v1/x"), false),
        (All, http("PUT", "https://b.example/v1/y"), true),
        (All, http("GET", "https://b.example/else"), false),
        (All, exec("git log"), false),
    ] {
        assert_eq!(grant(&asked, scope).allows(ECHO, &other, 0), covers, "{scope:?} and {other:?}");
    }
    for (scope, other, covers) in [
        (Session, exec("git log"), true),
        (Domain, exec("git log"), true),
        (Tool, exec("git log -p"), false),
        (All, exec("git status"), true),
        (All, exec("ls -l"), true),
        (All, exec("git -c alias.x=!id x"), false),
        (All, exec("sh -c id"), false),
        (All, exec("cat x"), false),
    ] {
        assert_eq!(grant(&exec("git log"), scope).allows(ECHO, &other, 0), covers, "{scope:?} and {other:?}");
    }
    for (scope, other, covers) in [(Tool, "a.b", true), (Domain, "a.c", false), (All, "a.c", true)] {
        assert_eq!(grant(&own("a.b"), scope).allows(ECHO, &own(other), 0), covers, "{scope:?} and {other}");
    }
}

#[test]
fn a_shell_is_covered_by_leave_for_exactly_its_command_line() {
    let ask = exec("sh -c *");
    for scope in [Scope::Session, Scope::Tool, Scope::Domain] {
        let given = grant(&ask, scope);
        assert!(given.allows(ECHO, &ask, 0), "{scope:?}");
        assert!(!given.allows(ECHO, &exec("sh -c id"), 0), "{scope:?}: a star is a star");
    }
    assert!(
        !grant(&ask, Scope::All).allows(ECHO, &ask, 0),
        "what is wanted of shells is never covered by leave for all"
    );
}

#[test]
fn what_a_shell_reads_is_covered_as_little_as_its_arguments() {
    let with = |line: &str, input: &[u8]| {
        let Ask::Exec(run) = exec(line) else { panic!("not of a program") };
        Ask::Exec(ExecAsk { input: Content::of(input), ..run })
    };
    for (asked, other, covers) in [
        (with("sh", b"id"), with("sh", b"id"), true),
        (with("sh", b"id"), with("sh", b"rm -r ."), false),
        (with("sh", b"id"), exec("sh"), false),
        (exec("sh -s"), with("sh -s", b"id"), false),
        (exec("wc -l"), with("wc -l", b"id"), true),
    ] {
        assert_eq!(grant(&asked, Scope::Tool).allows(ECHO, &other, 0), covers, "{asked:?} and {other:?}");
        let words = cover_in_words(&other, Scope::Tool, &wants());
        assert!(
            words.contains("this input") || words.contains("without input") || words.contains("whatever"),
            "{words}"
        );
    }
}

#[test]
fn secrets_network_files_and_a_new_program_are_not_covered_with_the_rest() {
    let keyed = Ask::Http(HttpAsk::new("GET", "https://a.example/v1/x", [secret("KEY")].into()).expect("an ask"));
    for scope in [Scope::Session, Scope::Tool, Scope::Domain] {
        assert!(!grant(&http("GET", "https://a.example/v1/x"), scope).allows(ECHO, &keyed, 0), "{scope:?}");
        assert!(grant(&keyed, scope).allows(ECHO, &keyed, 0), "{scope:?}");
    }
    assert!(grant(&keyed, Scope::All).allows(ECHO, &keyed, 0));
    let Ask::Exec(plain) = exec("git log") else { panic!("not of a program") };
    let with_network = ExecAsk { network: true, ..plain.clone() };
    let with_files = ExecAsk { reads: vec!["/etc".into()], ..plain.clone() };
    let replaced = ExecAsk { digest: [9; 32], ..plain.clone() };
    for other in [with_network.clone(), with_files, replaced] {
        let asked = Ask::Exec(plain.clone());
        assert!(!grant(&asked, Scope::Tool).allows(ECHO, &Ask::Exec(other.clone()), 0), "{other:?}");
    }
    assert!(grant(&Ask::Exec(with_network), Scope::Tool).allows(ECHO, &Ask::Exec(plain), 0), "less than was given");
}

#[test]
fn a_new_version_keeps_leave_only_if_it_wants_no_more() {
    let given = grant(&http("GET", "https://a.example/v1/x"), Scope::All);
    assert_eq!(given.regrant(&wants()), Regrant::Keep);
    assert_eq!(given.regrant(&Wants::default()), Regrant::Keep);
    let mut more = wants();
    more.asks.push(Want {
        pattern: "http https://evil.example/*".parse().expect("a pattern"),
        why: "trust”) me".to_owned(),
        memory: None,
    });
    let Regrant::Ask { difference } = given.regrant(&more) else { panic!("kept") };
    assert_eq!(difference, "it now also wants http https://evil.example/* (“trust\") me”)");
    more.asks.extend(vec![more.asks[4].clone(); 100]);
    let Regrant::Ask { difference } = given.regrant(&more) else { panic!("kept") };
    assert!(difference.ends_with("and 81 things more"), "{difference}");
}

#[test]
fn what_leave_would_cover_is_said() {
    let words = |ask: &Ask, scope| cover_in_words(ask, scope, &wants());
    let asked = http("GET", "https://a.example:81/v1/x?q");
    assert_eq!(words(&asked, Scope::Session), "in this session: GET to any address at https://a.example:81");
    assert_eq!(
        words(&asked, Scope::Tool),
        "always: GET https://a.example:81/v1/x, whatever follows a `?`, whatever it sends"
    );
    assert_eq!(words(&asked, Scope::Domain), "always: any request to https://a.example:81");
    assert!(words(&asked, Scope::All).contains("https://*.example/v1/*; with its secrets KEY"));
    assert!(words(&exec("sh -c id"), Scope::Tool).contains("exactly this command line without input (a shell"));
    assert!(words(&exec("git log"), Scope::All).contains("none that runs others: exec git"));
    assert_eq!(words(&own("a.b"), Scope::Tool), "always: its own question `a.b`");
    let pattern = "http https://*/*".parse().expect("a pattern");
    let wide = Wants { asks: vec![Want { pattern, why: String::new(), memory: None }], ..Wants::default() };
    let words = cover_in_words(&asked, Scope::All, &wide);
    assert_eq!(words, "always: the requests that it wants: http https://*/* (that is any host)");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_was_asked_is_covered_and_kept(path in "[a-z*%]{0,5}", args in prop::collection::vec("[-a*\\\\ \"\n]{0,4}", 0..4)) {
        let url = format!("https://a.example/v1/{}", path.replace('%', "%2F"));
        let Ask::Exec(mut run) = exec("ls") else { panic!("not of a program") };
        run.args = args;
        for ask in [http("GET", &url), Ask::Exec(run), own("a.b")] {
            for scope in SCOPES {
                let given = grant(&ask, scope);
                prop_assert!(given.allows(ECHO, &ask, 0), "{:?} {:?}", scope, given);
                let kept = serde_json::to_string(&given).expect("JSON");
                prop_assert_eq!(serde_json::from_str::<Grant>(&kept).expect("a grant"), given);
            }
        }
    }
}
