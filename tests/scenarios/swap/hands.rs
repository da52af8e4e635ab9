//! What people do by hand: back, pin, forget.

use super::{Workshop, answers};
use anyhow::{Error, Result};

#[tokio::test]
async fn somebody_goes_back_by_hand() -> Result<()> {
    let mut shop = Workshop::quiet().await?;
    let registry = shop.world.host().registry().clone();
    registry.look().await;
    assert!(registry.roll_back("vary", false).await.is_err_and(|why| why.contains("no version of `vary` is known")));
    shop.put("2", &answers("two"), "").await?;
    assert_eq!(registry.roll_back("vary", false).await, Ok("1".to_owned()));
    assert_eq!(shop.ask().await?, "one");
    registry.look().await;
    assert_eq!(shop.ask().await?, "one", "what somebody turned down is tried again");
    drop(registry);
    shop.restart().await?;
    assert_eq!(shop.ask().await?, "one");
    let registry = shop.world.host().registry().clone();
    registry.reload(None).await.map_err(Error::msg)?;
    assert_eq!(shop.ask().await?, "two");
    let unknown = registry.reload(Some("nobody")).await;
    assert_eq!(unknown, Err("there is no agent `nobody`; there are: vary".to_owned()));
    Ok(())
}

#[tokio::test]
async fn a_pinned_session_stays_with_its_version() -> Result<()> {
    let mut shop = Workshop::quiet().await?;
    let registry = shop.world.host().registry().clone();
    registry.look().await;
    let first = shop.report()?.answers.id;
    let shown = registry.pin(&shop.session, Some(("vary", None))).await.map_err(Error::msg)?;
    assert_eq!(shown, format!("1 ({})", &first[..12]));
    shop.put("2", &answers("two"), "").await?;
    shop.put("3", &answers("three"), "").await?;
    assert_eq!((shop.ask_in(&shop.session).await?.as_str(), shop.ask().await?.as_str()), ("one", "three"));
    drop(registry);
    shop.restart().await?;
    assert_eq!((shop.ask_in(&shop.session).await?.as_str(), shop.ask().await?.as_str()), ("one", "three"));
    let registry = shop.world.host().registry().clone();
    assert!(registry.pin(&shop.session, Some(("vary", Some("beef")))).await.is_err());
    registry.pin(&shop.session, None).await.map_err(Error::msg)?;
    assert_eq!(shop.ask_in(&shop.session).await?, "three");
    Ok(())
}
