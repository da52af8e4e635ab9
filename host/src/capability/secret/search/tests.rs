//! Secrets in every form, in every split.

use super::*;
use proptest::prelude::*;

const VALUE: &str = "s3cr3t+Key/With%40 \\and\"more";

fn search(values: &[&str]) -> Arc<Search> {
    let names: Vec<SecretName> =
        (0..values.len()).map(|at| SecretName::try_from(format!("KEY{at}")).expect("a name")).collect();
    Arc::new(Search::new(names.iter().zip(values.iter().copied())))
}

fn encoded(value: &[u8], before: &[u8], url_safe: bool) -> String {
    let all = [before, value, b"tail"].concat();
    let mut bits = all.iter().flat_map(|byte| (0..8).rev().map(move |at| byte >> at & 1)).collect::<Vec<_>>();
    bits.resize(bits.len().div_ceil(6) * 6, 0);
    let letters = match url_safe {
        true => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_",
        false => b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/",
    };
    bits.chunks(6).map(|six| char::from(letters[six.iter().fold(0, |n, bit| n << 1 | usize::from(*bit))])).collect()
}

fn hex(value: &str) -> String {
    value.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn percent(value: &str, keep: impl Fn(u8) -> bool) -> String {
    value.bytes().map(|b| if keep(b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

/// All the forms that are promised.
fn forms(value: &str) -> Vec<String> {
    let mut all = vec![
        value.to_owned(),
        hex(value),
        hex(value).to_uppercase(),
        percent(value, |_| false),
        percent(value, |_| false).to_lowercase(),
        percent(value, |byte| byte.is_ascii_alphanumeric()),
        percent(value, |byte| byte.is_ascii_alphanumeric() || byte == b' ').replace(' ', "+"),
        serde_json::to_string(value).expect("JSON").trim_matches('"').to_owned(),
        value.bytes().map(|byte| format!("\\u{byte:04x}")).collect(),
    ];
    for before in [&b""[..], b"x", b"yz", b"user:", b"ab", b"abc"] {
        let plain = encoded(value.as_bytes(), before, false);
        all.extend(["\n", "\r\n", "\\n", "\\r\\n"].map(|end| wrapped(&plain, end)));
        all.extend([plain, encoded(value.as_bytes(), before, true)]);
    }
    all
}

/// In lines of five letters.
fn wrapped(text: &str, end: &str) -> String {
    let lines: Vec<String> = text.as_bytes().chunks(5).map(|line| String::from_utf8_lossy(line).into_owned()).collect();
    lines.join(end)
}

#[test]
fn each_form_of_a_secret_is_cut_out() {
    for value in [VALUE, "12345678", "aaaaaaaaaaaa", "sk-live_AbC123/+=", "ünïcödé!"] {
        let search = search(&[value]);
        for form in forms(value) {
            let (clean, found) = search.bytes(format!("<{form}>").as_bytes());
            let clean = String::from_utf8_lossy(&clean).into_owned();
            assert!(clean.contains("[secret KEY0]") && found.len() == 1, "{value} as {form} gives {clean}");
            let inner: String = form.chars().skip(4).take(form.chars().count() - 8).collect();
            assert!(!clean.contains(value) && (inner.is_empty() || !clean.contains(&inner)), "{form} gives {clean}");
        }
    }
}

#[test]
fn what_is_no_secret_stays_as_it_is() {
    let search = search(&[VALUE, "12345678"]);
    for text in
        ["", "1234567", "%", "%3", "\\", "\\u00", "%31%32%33", "s3cr3t+Key/With%40 \\and\"mor", "31323334353637"]
    {
        assert_eq!(search.text(text), text);
    }
    assert_eq!(Arc::new(Search::default()).text("anything"), "anything");
    assert_eq!(search.text("x12345678y"), "x[secret KEY1]y");
}

#[test]
fn what_cannot_be_the_beginning_of_a_secret_is_not_held_back() {
    let mut stream = search(&["12345678"]).stream();
    assert_eq!(stream.push(b"data: hello\n\n"), b"data: hello\n\n");
    assert_eq!(stream.push(b"data: 1234"), b"data: ");
    assert_eq!(stream.push(b"!"), b"1234!");
    assert_eq!((stream.finish(), stream.found().len()), (vec![], 0));
}

/// Bytes with secrets, in some form, among them.
fn haystack() -> impl Strategy<Value = Vec<u8>> {
    let values = ["s3cr3t%41+\\key", "aaaaaaaab", "abababab"];
    let some: Vec<String> = values.iter().flat_map(|value| forms(value)).collect();
    let piece = prop_oneof![
        prop::sample::select(some.clone()).prop_map(String::into_bytes),
        prop::sample::select(some).prop_map(|form| form.as_bytes()[..form.len() / 2].to_vec()),
        prop::collection::vec(any::<u8>(), 0..6),
        "[a%\\\\u0-9b6]{0,9}".prop_map(String::into_bytes),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_split_gives_the_same(bytes in haystack(), cuts in prop::collection::vec(0_usize..200, 0..8)) {
        let search = search(&["s3cr3t%41+\\key", "aaaaaaaab", "abababab"]);
        let (whole, found) = search.bytes(&bytes);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let (mut stream, mut clean, mut from) = (search.stream(), Vec::new(), 0);
        for cut in cuts.into_iter().chain([bytes.len()]) {
            clean.extend(stream.push(&bytes[from..cut]));
            from = cut;
        }
        clean.extend(stream.finish());
        prop_assert_eq!((&clean, stream.found()), (&whole, &found));
        for value in ["s3cr3t%41+\\key", "aaaaaaaab", "abababab"] {
            prop_assert!(!clean.windows(value.len()).any(|window| window == value.as_bytes()));
        }
        let mut stream = search.stream();
        let mut bytewise: Vec<u8> = bytes.iter().flat_map(|byte| stream.push(&[*byte])).collect();
        bytewise.extend(stream.finish());
        prop_assert_eq!(bytewise, whole);
    }
}
