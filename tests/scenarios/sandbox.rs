//! What a guest cannot see or do.

use anyhow::Result;
use sophon_tests::World;

#[tokio::test]
async fn a_guest_sees_nothing_of_the_machine() -> Result<()> {
    let world = World::start().await?;
    let session = world.user.session().await?;
    world.user.ask(&session, "/use probe").await?;
    let answer = world.user.ask(&session, "surroundings").await?;
    assert_eq!(answer.text, "variables 0, arguments 0, files false, network false");
    Ok(())
}

#[tokio::test]
async fn a_guest_that_misbehaves_leaves_a_good_one_alone() -> Result<()> {
    let world = World::start().await?;
    let user = &world.user;
    let bad = user.session().await?;
    user.ask(&bad, "/use probe").await?;
    for deed in ["memory", "flood", "calls", "abandon"] {
        let misbehaving = user.say(&bad, deed).await?;
        let good = user.session().await?;
        assert_eq!(user.ask(&good, "all is well").await?.text, "all is well");
        assert!(user.answer(&misbehaving).await?.text.contains("⚠️ "), "{deed} was not stopped");
    }
    Ok(())
}
