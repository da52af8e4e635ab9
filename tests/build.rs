//! Compiles the guests that the scenarios run, into a target folder of their own: a nested cargo must not wait for
//! the lock of the one that runs this script.

use std::path::{Path, PathBuf};
use std::process::Command;

const GUESTS: [&str; 5] = ["echo", "fetch", "hostile", "probe", "shell"];

fn main() {
    let manifest = PathBuf::from(std::env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let root = manifest.parent().expect("tests/ is in the workspace");
    let plugins =
        GUESTS.iter().flat_map(|guest| [format!("plugins/{guest}/src"), format!("plugins/{guest}/agent.toml")]);
    let plugins = plugins.filter(|source| root.join(source).exists());
    for source in ["wit", "sdk-guest/rust", "tests/guests"].map(str::to_owned).into_iter().chain(plugins) {
        println!("cargo::rerun-if-changed={}", root.join(source).display());
    }
    check_expectations(&root.join("tests/guests/hostile"));
    let out = PathBuf::from(std::env::var_os("OUT_DIR").expect("cargo sets it"));
    let guests = out.ancestors().nth(4).expect("the target folder").join("guests");
    let cargo = std::env::var_os("CARGO").expect("cargo sets it");
    let mut build = Command::new(cargo);
    build.args(["build", "--profile", "agent", "--target", "wasm32-wasip2", "--target-dir"]).arg(&guests);
    build.current_dir(root).env_remove("RUSTFLAGS").env_remove("CARGO_ENCODED_RUSTFLAGS");
    // Wrappers such as clippy's are for the host's code.
    build.env_remove("RUSTC_WORKSPACE_WRAPPER").env_remove("RUSTC_WRAPPER");
    build.args(GUESTS.iter().flat_map(|guest| ["-p", guest]));
    let status = build.status().expect("cargo can be run");
    assert!(status.success(), "the guests do not compile");
    let built = guests.join("wasm32-wasip2/agent");
    for guest in GUESTS {
        let file = built.join(format!("{guest}.wasm"));
        assert!(Path::exists(&file), "{} was not built", file.display());
    }
    println!("cargo::rustc-env=GUESTS={}", built.display());
}

/// A hostile guest without an expectation, or an expectation without a guest, does not build. Those that are made are named
/// in their maker's source; deeds of the guest in Rust are checked by itself.
fn check_expectations(folder: &Path) {
    let table = std::fs::read_to_string(folder.join("expected.tsv")).expect("expected.tsv can be read");
    let rows = table.lines().filter_map(|line| line.split_once("\twat\t"));
    let mut expected: Vec<String> = rows.map(|(name, _)| format!("{name}.wat")).collect();
    let files = std::fs::read_dir(folder).expect("the folder can be read").map(|entry| entry.expect("an entry"));
    let names = files.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut guests: Vec<String> = names.filter(|name| name.ends_with(".wat") && name != "shell.wat").collect();
    expected.sort();
    guests.sort();
    assert_eq!(guests, expected, "the hostile guests and expected.tsv do not agree");
    let maker = folder.join("../../hostile/made.rs");
    println!("cargo::rerun-if-changed={}", maker.display());
    let maker = std::fs::read_to_string(maker).expect("made.rs can be read");
    let mut made: Vec<&str> = maker.split('"').filter(|text| text.starts_with("made-")).collect();
    let mut expected: Vec<&str> = table.lines().filter_map(|line| Some(line.split_once("\tmade\t")?.0)).collect();
    made.sort_unstable();
    expected.sort_unstable();
    assert_eq!(made, expected, "tests/hostile/made.rs and expected.tsv do not agree");
}
