//! What patterns cover, and that narrower ones cover nothing more.

use super::*;
use crate::grant::ask::tests::{exec, http, own};
use proptest::prelude::*;

fn pattern(text: &str) -> Pattern {
    text.parse().unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn what_is_no_pattern_is_told() {
    for (text, why) in [
        ("", "write `http"),
        ("ftp x", "write `http"),
        ("http example.com/*", "write such as"),
        ("http ftp://a/*", "its scheme"),
        ("http https://a.example", "goes a path"),
        ("http https://u@a.example/*", "no user"),
        ("http https://a.example/*?x", "no user, query"),
        ("http https://a.example:0/*", "its port"),
        ("http https://a.example:99999/*", "its port"),
        ("http https:///x", "not a host"),
        ("http https://*.10.0.0.1/*", "no names below"),
        ("http https://a.*.example/*", "not a host"),
        ("http https://*.*.example/*", "not a host"),
        ("http https://a.example/b/../*", "read as"),
        ("http https://a.example/%41*", "read as"),
        ("http https://a.example/ä", "read as"),
        ("http https://a.example/a%2f*", "read as"),
        ("http CONNECT https://a.example/*", "not for agents"),
        ("exec ./git", "not a program"),
        ("exec a/git", "begins with /"),
        ("exec /a/../git", "not a program"),
        ("exec \"git", "not closed"),
        ("own a b", "not an action"),
    ] {
        let message = text.parse::<Pattern>().expect_err(text);
        assert!(message.contains(why), "{text}: {message}");
    }
}

#[test]
fn requests_are_covered_by_every_part_of_their_address() {
    for (text, url, covers) in [
        ("http https://a.example/v1/*", "https://a.example/v1/x?y", true),
        ("http https://a.example/v1/*", "https://a.example/v1", false),
        ("http https://a.example/v1/*", "https://a.example/v1/../v2/x", false),
        ("http https://a.example/*", "http://a.example/", false),
        ("http https://a.example/*", "https://a.example:8443/", false),
        ("http https://a.example:8443/*", "https://a.example:8443/", true),
        ("http https://a.example:*/*", "https://a.example:8443/", true),
        ("http *://a.example/*", "http://a.example/", true),
        ("http *://a.example/*", "http://a.example:443/", false),
        ("http https://*.example.com/*", "https://b.example.com/", true),
        ("http https://*.example.com/*", "https://a.b.example.com/", false),
        ("http https://*.example.com/*", "https://example.com/", false),
        ("http https://*.example.com/*", "https://bexample.com/", false),
        ("http https://*.0.0.1/*", "https://127.0.0.1/", false),
        ("http https://*/*", "https://127.0.0.1/", true),
        ("http https://127.0.0.1/*", "https://2130706433/", true),
        ("http https://[::1]:80/*", "https://[0::1]:80/", true),
        ("http GET,PUT https://a.example/*", "https://a.example/", true),
        ("http PUT https://a.example/*", "https://a.example/", false),
        ("http https://BÜCHER.example/*", "https://xn--bcher-kva.example./x", true),
    ] {
        let Ok(pattern) = text.parse::<Pattern>() else {
            assert!(!covers, "{text}");
            continue;
        };
        assert_eq!(pattern.covers(&http("GET", url)), covers, "{text} and {url}");
    }
    assert!(!pattern("own *").covers(&http("GET", "https://a.example/")), "another capability");
}

#[test]
fn command_lines_are_covered_by_program_and_arguments() {
    for (text, line, covers) in [
        ("exec git", "git status", true),
        ("exec git", "git -c alias.x=!id x", false),
        ("exec git ...", "git -c alias.x=!id x", true),
        ("exec git ()", "git", true),
        ("exec git ()", "git status", false),
        ("exec git log ...", "git log", true),
        ("exec git log ...", "git log -p", true),
        ("exec git log", "git log -p", false),
        ("exec git log *", "git log -p", true),
        ("exec git log *", "git log", false),
        ("exec git", "/usr/bin/git status", false),
        ("exec /usr/bin/git", "git status", true),
        ("exec /usr/bin/git", "/tmp/git status", false),
        ("exec sh", "sh -c id", false),
        (r"exec ls \*", "ls x", false),
        (r"exec ls \*", "ls *", true),
        (r#"exec ls "...""#, "ls ...", true),
        (r#"exec ls "...""#, "ls x", false),
    ] {
        assert_eq!(pattern(text).covers(&exec(line)), covers, "{text} and {line}");
    }
    assert!(pattern("own calendar.*").covers(&own("calendar.delete")));
    assert!(!pattern("own calendar.*").covers(&own("calendar")));
}

#[test]
fn in_doubt_it_is_not_narrower() {
    for (one, other, is) in [
        ("http https://a.example/v1/x", "http https://a.example/v1/*", true),
        ("http GET https://a.example/*", "http https://a.example/*", true),
        ("http https://a.example/*", "http GET https://a.example/*", false),
        ("http GET https://a.example/*", "http GET,PUT https://a.example/*", true),
        ("http https://a.example/*", "http *://a.example/*", true),
        ("http *://a.example/*", "http https://a.example/*", false),
        ("http https://a.example:443/*", "http https://a.example/*", true),
        ("http *://a.example:443/*", "http *://a.example/*", false),
        ("http https://a.example/*", "http *://a.example:443/*", true),
        ("http https://a.example:*/*", "http https://a.example/*", false),
        ("http https://a.b.example/*", "http https://*.b.example/*", true),
        ("http https://*.b.example/*", "http https://*/*", true),
        ("http https://*/*", "http https://*.b.example/*", false),
        ("exec git log", "exec git log ...", true),
        ("exec git log -p", "exec git log ...", true),
        ("exec git ...", "exec git log ...", false),
        ("exec git log ...", "exec git log", false),
        ("exec git", "exec git ...", true),
        ("exec git ...", "exec git", false),
        ("exec git log", "exec git", false),
        ("exec /usr/bin/git", "exec git", false),
        ("own a.b", "own a.*", true),
        ("own a.b", "exec a.b", false),
    ] {
        assert_eq!(pattern(one).within(&pattern(other)), is, "{one} in {other}");
    }
}

fn patterns() -> impl Strategy<Value = String> {
    let http = "http (GET |PUT |GET,PUT |)(https|http|\\*)://(a\\.x|b\\.x|\\*\\.x|\\*)(:80|:443|:\\*|)/(a|b|\\*){0,2}";
    let exec = "exec (git|/usr/bin/git|sh)( -c| x| \\*){0,2}( \\.\\.\\.|)";
    prop_oneof![http, exec, "own [ab*]{1,3}"]
}

fn asks() -> impl Strategy<Value = Ask> {
    prop_oneof![
        ("GET|PUT", "https?://[ab]\\.x(:80|:443|:81|)/[ab]{0,2}").prop_map(|(method, url)| http(&method, &url)),
        "(git|/usr/bin/git|sh)( -c| x| y){0,3}".prop_map(|line| exec(&line)),
        "[ab]{1,3}".prop_map(|action| own(&action)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_reads_the_same(text in patterns()) {
        let read = pattern(&text);
        prop_assert_eq!(&pattern(&read.to_string()), &read);
        prop_assert!(read.within(&read));
    }

    #[test]
    fn the_narrower_covers_nothing_more(one in patterns(), other in patterns(), ask in asks()) {
        let (one, other) = (pattern(&one), pattern(&other));
        prop_assert!(!one.within(&other) || !one.covers(&ask) || other.covers(&ask));
    }

    #[test]
    fn one_command_line_is_written_and_read_exactly(args in prop::collection::vec(".{0,6}", 0..4), other in prop::collection::vec("[a*.]{0,3}", 0..4)) {
        let of = |args: &[String]| {
            let Ask::Exec(mut ask) = exec("git") else { panic!("not of a program") };
            ask.args = args.iter().map(|arg| arg.replace('\0', "")).collect();
            ask
        };
        for ask in [of(&args), of(&other)] {
            let exactly = Pattern::Exec(ExecPattern::exactly(&ask));
            prop_assert_eq!(&pattern(&exactly.to_string()), &exactly);
            prop_assert!(exactly.covers(&Ask::Exec(ask)) && exactly.is_one_command());
        }
        let exactly = Pattern::Exec(ExecPattern::exactly(&of(&args)));
        prop_assert_eq!(exactly.covers(&Ask::Exec(of(&other))), of(&args).args == other);
    }
}
