//! Precedence, and what bad configuration gets.

use super::*;

fn environment() -> Environment {
    Environment { data_home: Some("/data".into()), ..Environment::default() }
}

fn merge(file: &str, flags: Overrides, environment: &Environment) -> Result<Config, ConfigError> {
    let file = toml::from_str(file).map_err(|error: toml::de::Error| ConfigError::Invalid {
        place: "sophon-host.toml".to_owned(),
        message: error.to_string(),
    })?;
    Config::merge(file, Path::new("/etc/sophon"), flags, environment)
}

#[test]
fn flags_override_the_environment_and_that_the_file() {
    let file = "data_dir = \"state\"\n[cloud]\nurl = \"https://file.example\"\n[agents]\npaths = [\"a\"]";
    let from_file = merge(file, Overrides::default(), &environment()).expect("valid");
    assert_eq!(from_file.data_dir, Path::new("/etc/sophon/state"));
    assert_eq!(from_file.agents.paths, [Path::new("/etc/sophon/a")]);
    assert_eq!(from_file.cloud.url.join("/v1"), "https://file.example/v1");

    let set = Environment { cloud_url: Some("https://env.example".into()), ..environment() };
    let from_environment = merge(file, Overrides::default(), &set).expect("valid");
    assert_eq!(from_environment.cloud.url.join(""), "https://env.example");

    let flags = Overrides { cloud_url: Some("https://flag.example".into()), ..Overrides::default() };
    assert_eq!(merge(file, flags, &set).expect("valid").cloud.url.join(""), "https://flag.example");
}

#[test]
fn the_annotated_examples_say_what_holds() {
    let shown = include_str!("../../../../examples/sophon-host.toml");
    let (said, unsaid) =
        (merge(shown, Overrides::default(), &environment()), merge("", Overrides::default(), &environment()));
    let (said, unsaid) = (said.expect("valid"), unsaid.expect("valid"));
    assert_eq!(said.cloud.url, unsaid.cloud.url);
    assert_eq!((said.turns, said.totals, said.log_level), (unsaid.turns, unsaid.totals, unsaid.log_level));
    assert_eq!((said.fsync, said.log_format), (unsaid.fsync, unsaid.log_format));
    assert_eq!(said.metrics_port, unsaid.metrics_port);
}

#[test]
fn unknown_keys_are_errors_that_name_the_key() {
    let error = merge("[cloud]\nulr = \"x\"", Overrides::default(), &environment()).expect_err("a wrong key");
    let message = error.to_string();
    for part in ["ulr", "line 2", "`url`", "`token_file`"] {
        assert!(message.contains(part), "{part} is not in: {message}");
    }
}

#[test]
fn the_token_never_goes_out_in_clear() {
    for (url, why) in [
        ("http://example.com", "in clear"),
        ("https://user:pw@example.com", "user or password"),
        ("https://example.com/v1", "path"),
        ("ftp://example.com", "https://"),
        ("example.com:443:1", "not an address"),
        ("", "not an address"),
    ] {
        let error = CloudUrl::parse(url).expect_err(url);
        assert!(error.contains(why), "{url}: {error}");
    }
    assert!(CloudUrl::parse("http://127.0.0.1:8080").is_ok());
}

#[test]
fn values_out_of_range_and_missing_places_are_told() {
    let error = merge("[turns]\nat_once = 0", Overrides::default(), &environment()).expect_err("zero turns");
    assert!(error.to_string().contains("turns.at_once"));
    for number in [0, 100_001] {
        let file = format!("[turns]\nopen_at_most = {number}");
        let error = merge(&file, Overrides::default(), &environment()).expect_err("out of range");
        assert!(error.to_string().contains("turns.open_at_most"));
    }
    let error = merge("[turns]\ngrace = \"2h\"", Overrides::default(), &environment()).expect_err("a long grace");
    assert!(error.to_string().contains("turns.grace"));
    assert!(matches!(merge("", Overrides::default(), &Environment::default()), Err(ConfigError::NoDataDir)));
}

#[test]
fn a_bad_token_in_the_environment_is_told_without_it() {
    let set = Environment { token: Some(crate::config::Secret::new("sesame".into())), ..environment() };
    let error = merge("", Overrides::default(), &set).expect_err("not a token");
    assert!(!error.to_string().contains("sesame"), "{error}");
}

#[test]
fn as_many_turns_run_as_fit_unless_set() {
    let at_once = |mappings, text| {
        let turns = merge(text, Overrides::default(), &Environment { mappings, ..environment() }).expect("valid").turns;
        (turns.at_once, turns.fit)
    };
    assert_eq!(at_once(None, ""), (8_000, 8_000));
    assert_eq!(at_once(Some(65_530), ""), (8_000, 8_000));
    assert_eq!(at_once(Some(16_000), ""), (2_000, 2_000));
    assert_eq!(at_once(Some(0), ""), (1, 1));
    assert_eq!(at_once(Some(16_000), "[turns]\nat_once = 3000"), (3_000, 2_000));
}
