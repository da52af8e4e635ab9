//! What tells asks apart.

use super::*;
use proptest::prelude::*;

pub(in crate::grant) fn http(method: &str, url: &str) -> Ask {
    Ask::Http(HttpAsk::new(method, url, BTreeSet::new()).expect(url))
}

pub(in crate::grant) fn secret(name: &str) -> SecretName {
    SecretName::try_from(name.to_owned()).expect("a name")
}

pub(in crate::grant) fn exec(line: &str) -> Ask {
    let mut words = line.split(' ').map(str::to_owned);
    let name = words.next().expect("a program");
    let program = if name.starts_with('/') { name.clone() } else { format!("/usr/bin/{name}") };
    let name = (!name.starts_with('/')).then_some(name);
    let (program, args) = (PathBuf::from(program), words.collect());
    let (cwd, reads) = (String::new(), vec![]);
    let (confined, lack) = (true, None);
    Ask::Exec(ExecAsk { name, program, digest: [1; 32], args, cwd, network: false, reads, confined, lack, input: None })
}

pub(in crate::grant) fn own(action: &str) -> Ask {
    let (title, reason) = ("Delete?".to_owned(), "It is old.".to_owned());
    Ask::Own(OwnAsk { action: action.to_owned(), title, reason, command: None, severity: Severity::Low })
}

fn changed(ask: &Ask, change: impl FnOnce(&mut ExecAsk)) -> Ask {
    let Ask::Exec(mut exec) = ask.clone() else { panic!("not of a program") };
    change(&mut exec);
    Ask::Exec(exec)
}

#[test]
fn every_difference_that_matters_is_one() {
    let run = exec("git log x");
    let with = |names: &[&str]| {
        let secrets = names.iter().map(|name| secret(name)).collect();
        Ask::Http(HttpAsk::new("GET", "https://a.example/x", secrets).expect("an ask"))
    };
    let carrying = |bytes: &[u8]| {
        let body = Content::of(bytes);
        Ask::Http(HttpAsk { body, ..HttpAsk::new("PUT", "https://a.example/x", BTreeSet::new()).expect("an ask") })
    };
    let asks = [
        carrying(b"a"),
        carrying(b"b"),
        http("GET", "https://a.example/x"),
        http("GET", "http://a.example/x"),
        http("GET", "https://a.example:444/x"),
        http("GET", "https://a.example/x?"),
        http("GET", "https://a.example/x?y"),
        http("GET", "https://a.example/xy"),
        http("PUT", "https://a.example/x"),
        with(&["A"]),
        with(&["A", "B"]),
        with(&["AB"]),
        exec("git log"),
        exec("git lo gx"),
        exec("/usr/bin/git log x"),
        changed(&run, |ask| ask.digest = [2; 32]),
        changed(&run, |ask| ask.network = true),
        changed(&run, |ask| ask.cwd = "x".to_owned()),
        changed(&run, |ask| ask.reads = vec!["/etc".into()]),
        changed(&run, |ask| ask.input = Content::of(b"a")),
        changed(&run, |ask| ask.input = Content::of(b"b")),
        run,
        own("a"),
        own("b"),
    ];
    let prints: BTreeSet<Fingerprint> = asks.iter().map(Ask::fingerprint).collect();
    assert_eq!(prints.len(), asks.len());
}

#[test]
fn reasons_and_spellings_make_no_difference() {
    let Ask::Own(asked) = own("a") else { panic!("not its own") };
    let other = Ask::Own(OwnAsk { reason: "Because!".to_owned(), ..asked.clone() });
    assert_eq!(Ask::Own(asked).fingerprint(), other.fingerprint());
    let (one, other) = (http("get", "https://A.example./b/../x"), http("GET", "https://a.example:443/%78#part"));
    assert_eq!(one.fingerprint(), other.fingerprint());
    assert_eq!(one.fingerprint().to_string().len(), 64);
}

#[test]
fn what_an_operating_system_would_misread_is_refused() {
    let check = |change: fn(&mut ExecAsk)| {
        let Ask::Exec(ask) = changed(&exec("git log"), change) else { panic!("not of a program") };
        ask.checked()
    };
    assert!(check(|_| {}).is_ok());
    for (change, why) in [
        ((|ask| ask.args.push("a\0b".to_owned())) as fn(&mut ExecAsk), "NUL"),
        (|ask| ask.name = Some("a/b".to_owned()), "slash"),
        (|ask| ask.program = "git".into(), "absolute"),
        (|ask| ask.args = vec![String::new(); 600], "512"),
        (|ask| ask.args = vec!["x".repeat(70_000)], "65536"),
    ] {
        let message = check(change).expect_err(why);
        assert!(message.contains(why), "{message}");
    }
    for bad in ["", "a b", "a\n", "ä", &"a".repeat(129)] {
        assert!(action(bad).is_err(), "{bad:?}");
    }
    for bad in ["", "A-B", "{{x}}", &"A".repeat(65)] {
        assert!(SecretName::try_from(bad.to_owned()).is_err(), "{bad:?}");
    }
}

proptest! {
    #[test]
    fn no_two_lists_of_arguments_are_the_same(one in prop::collection::vec("[ab]{0,3}", 0..4), other in prop::collection::vec("[ab]{0,3}", 0..4)) {
        let of = |args: &Vec<String>| changed(&exec("git"), |ask| ask.args = args.clone()).fingerprint();
        prop_assert_eq!(of(&one) == of(&other), one == other);
    }
}
