//! Requests of agents from the real binary, with what its environment says of them.

use anyhow::{Context as _, Result};
use sophon_host::localcloud::Buckets;
use sophon_tests::{Dev, Page, Site, World, guest, guests, page, run};
use std::fs;
use std::net::TcpListener;
use std::path::Path;

/// The variable that has the secret KEY, and what it has.
const VARIABLE: &str = "KEY_OF_THE_TEST";
const VALUE: &str = "s3cr3t-value-of-a-variable";

/// Puts the probe into `data`, which has a secret and wants pages of this machine, of which a rule says this; gives the
/// words that begin a command.
fn install(world: &mut World, data: &Path, effect: &str) -> Result<Vec<String>> {
    world.hand_over(data)?;
    let folder = data.join("probe");
    fs::create_dir(&folder)?;
    fs::copy(guest("probe"), folder.join("probe.wasm"))?;
    let manifest = "[agent]\nname = \"probe\"\nversion = \"1\"\ncomponent = \"probe.wasm\"\n\
                    [[want.http]]\nurl = \"http://127.0.0.1:*/*\"\nwhy = \"\"\n\
                    [want.secret.KEY]\nhosts = [\"127.0.0.1\"]\n";
    fs::write(folder.join("agent.toml"), manifest)?;
    let config = data.join("host.toml");
    let text = format!(
        "[agents]\npaths = [{folder:?}]\n[cloud]\nurl = {:?}\n\
         [[policy]]\neffect = \"{effect}\"\nhttp = \"http://127.0.0.1:*/*\"\naddresses = [\"127.0.0.1/32\"]\n\
         [secret.KEY]\nhosts = [\"127.0.0.1\"]\nenv = \"{VARIABLE}\"\n",
        world.base_url()
    );
    fs::write(&config, text)?;
    Ok(vec!["--config".to_owned(), config.display().to_string()])
}

/// Starts the host; gives a session of its user.
async fn start(world: &World, data: &Path, config: &[String], environment: &[(&str, &str)]) -> Result<(Dev, String)> {
    let host = Dev::start(data, &[&config[0], &config[1], "run"], environment)?;
    Ok((host, world.user.session().await?))
}

#[tokio::test]
async fn a_request_goes_straight_to_its_site_whatever_proxy_the_environment_names() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let (data, site) = (tempfile::tempdir()?, Site::start(|_| page("text/plain", "straight")).await?);
    let config = install(&mut world, data.path(), "allow")?;
    // Nobody answers there: who connects is in its queue.
    let proxy = TcpListener::bind("127.0.0.1:0")?;
    proxy.set_nonblocking(true)?;
    let address = format!("http://{}", proxy.local_addr()?);
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let environment = names.map(|name| (name, address.as_str()));
    let (mut host, session) = start(&world, data.path(), &config, &environment).await?;
    let text = world.user.ask(&session, &format!("http get {}", site.url("/here"))).await?.text;
    assert!(text.ends_with("| straight"), "{text}");
    let text = world.user.ask(&session, &format!("wasi get {}", site.url("/there"))).await?.text;
    assert!(text.ends_with("| straight"), "{text}");
    let asked = site.asked();
    let lines: Vec<&str> = asked.iter().filter_map(|asked| asked.lines().next()).collect();
    assert_eq!(lines, ["GET /here HTTP/1.1", "GET /there HTTP/1.1"], "not as a proxy is asked");
    host.terminate().await?;
    let came = proxy.accept().map(|(_, from)| from);
    assert!(came.as_ref().is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock), "{came:?}");
    Ok(())
}

#[tokio::test]
async fn the_proxy_of_the_environment_is_used_where_the_configuration_says_so() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let (data, site) = (tempfile::tempdir()?, Site::start(|_| page("text/plain", "straight")).await?);
    let config = install(&mut world, data.path(), "allow")?;
    let text = fs::read_to_string(&config[1])?;
    fs::write(&config[1], format!("{text}[http]\nproxy = \"environment\"\n"))?;
    // A site that takes no tunnels stands for the proxy.
    let proxy = Site::start(|_| Page::Whole(b"HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n".to_vec())).await?;
    let address = format!("http://me:sesame@{}", proxy.addr);
    let (mut host, session) = start(&world, data.path(), &config, &[("HTTP_PROXY", &address)]).await?;
    let text = world.user.ask(&session, &format!("http get {}", site.url("/here"))).await?.text;
    let said = format!("by the proxy {}: it does not connect to {}, and says 403 Forbidden", proxy.addr, site.addr);
    assert!(text.contains(&said), "{text}");
    let asked = proxy.asked().pop().context("it was asked")?;
    assert!(asked.starts_with(&format!("CONNECT {} HTTP/1.1\r\n", site.addr)), "{asked}");
    assert!(site.asked().is_empty());
    let (_, words) = host.terminate().await?;
    assert!(!words.contains("sesame"), "{words}");
    Ok(())
}

#[tokio::test]
async fn a_secret_of_the_environment_goes_to_its_host_and_is_listed_with_its_variable() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let (data, site) = (tempfile::tempdir()?, Site::start(|_| page("text/plain", VALUE)).await?);
    let config = install(&mut world, data.path(), "allow")?;
    let list = async |environment: &[(&str, &str)]| -> Result<String> {
        let listed = run(data.path(), &[&config[0], &config[1], "secret", "list"], environment).await?;
        Ok(listed.stdout + &listed.stderr)
    };
    let with = [(VARIABLE, VALUE)];
    assert!(list(&with).await?.contains(&format!("KEY  in the variable {VARIABLE}, goes to 127.0.0.1\n")));
    for without in [&[][..], &[(VARIABLE, "short")]] {
        let told = list(without).await?;
        assert!(told.contains(&format!("KEY  missing: the variable {VARIABLE} has no value")), "{told}");
    }
    let (mut host, session) = start(&world, data.path(), &config, &with).await?;
    assert_eq!(world.user.ask(&session, "setting KEY").await?.text, "nothing true");
    let deed = format!("http get {} authorization Bearer {{{{secret:KEY}}}}", site.url("/"));
    let text = world.user.ask(&session, &deed).await?.text;
    assert!(text.ends_with("| [secret KEY]"), "{text}");
    let asked = site.asked().pop().context("a request")?;
    assert!(asked.contains(&format!("authorization: Bearer {VALUE}\r\n")), "{asked}");
    let (_, words) = host.terminate().await?;
    assert!(!words.contains(VALUE) && !list(&with).await?.contains(VALUE), "it was told: {words}");
    Ok(())
}

#[tokio::test]
async fn a_grant_that_another_process_takes_back_ends_the_request_that_goes_on_by_it() -> Result<()> {
    let mut world = World::paired(guests(), Buckets::unlimited()).await?;
    let half = || Page::Held(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf".to_vec());
    let (data, site) = (tempfile::tempdir()?, Site::start(move |_| half()).await?);
    let config = install(&mut world, data.path(), "ask")?;
    let (mut host, session) = start(&world, data.path(), &config, &[]).await?;
    let grants = async |words: &[&str]| {
        let arguments = [&[config[0].as_str(), &config[1], "grants"], words].concat();
        let ended = run(data.path(), &arguments, &[]).await?;
        anyhow::ensure!(ended.code == Some(0), "{words:?}: {}", ended.stderr);
        Ok(ended.stdout)
    };
    // There are no records before the host has begun.
    world.user.ask(&session, "long 1").await?;
    let added = grants(&["add", "probe", "http GET http://127.0.0.1:*/*"]).await?;
    let interaction = world.user.say(&session, &format!("http get {}", site.url("/"))).await?;
    site.news().await;
    grants(&["revoke", added.split_whitespace().next().context("its id")?]).await?;
    site.closed().await;
    let text = world.user.answer(&interaction).await?.text;
    assert!(text.contains("the grant that allowed it was taken back"), "{text}");
    assert!(!world.user.events().iter().any(|event| event.kind == "approval_requested"), "nobody was asked");
    host.terminate().await.map(drop)
}
