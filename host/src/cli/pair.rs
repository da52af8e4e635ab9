//! `sophon-host pair`: a code for the user, a token for the file.

use super::exit::Failure;
use super::output;
use crate::cloud::Pairing;
use crate::config::{Config, Environment};

/// Pairs with the configured cloud. The token is stored and never printed.
pub(super) async fn pair(config: Config, environment: &Environment) -> Result<(), Failure> {
    let pairing = Pairing::start(config.cloud.url.clone(), &environment.host_label).await?;
    output::say("Type this code into the Sophon app: Settings → Pair another agent. It is valid for two minutes.");
    output::data(&pairing.code());
    let token = pairing.wait().await?;
    config.cloud.token_file.write(&token)?;
    let file = config.cloud.token_file.0.display();
    output::say(&format!("Paired as {}. The token is in {file}; start with `sophon-host run`.", token.installation()));
    Ok(())
}
