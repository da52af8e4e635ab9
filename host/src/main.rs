//! The program `sophon-host`. All of it is in the library, so that tests and other programs can use it too.

use std::process::ExitCode;

fn main() -> ExitCode {
    sophon_host::cli::main()
}
