//! Turns that are over while a thread still runs their guest.

use crate::swap::write;
use anyhow::{Context as _, Result};
use sophon_host::capability::{Act, Chat, Stopped};
use sophon_tests::{Alone, agents};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use tokio::sync::mpsc::{UnboundedSender, unbounded_channel};

/// Computes so much that it does so on threads that step back, and writes meanwhile, without end.
const WRITES: &str = r#"
(data (i32.const 64) "on and on ")
(func (export "handle") (param i32) (result i32)
  (local $left i32)
  (loop $on
    (local.set $left (i32.const 20000000))
    (loop $more (br_if $more (local.tee $left (i32.sub (local.get $left) (i32.const 1)))))
    (call $say (i32.const 64) (i32.const 10))
    (call $say (i32.const 64) (i32.const 10))
    (br $on))
  unreachable)"#;

/// Tells what is written by a thread that steps back, and holds that up until it is let go.
struct Gate {
    acts: UnboundedSender<Act>,
    go: Mutex<mpsc::Receiver<()>>,
}

impl Chat for Gate {
    fn act(&self, act: Act) -> Pin<Box<dyn Future<Output = Result<(), Stopped>> + Send + '_>> {
        if std::thread::current().name() == Some("guests") {
            let _ = self.acts.send(act);
            // Once nobody is there to let it go, it goes.
            let _ = self.go.lock().unwrap_or_else(PoisonError::into_inner).recv();
        }
        Box::pin(async { Ok(()) })
    }
}

#[tokio::test]
async fn nothing_is_done_that_a_guest_calls_when_its_turn_is_over() -> Result<()> {
    let folder = tempfile::tempdir()?;
    write(folder.path(), "writes", "1", WRITES, "[limits]\ncpu = \"60s\"\n")?;
    let writes = agents(vec![folder.path().to_owned()]).get("writes").context("it is loaded")?.clone();
    let ((acts, mut told), (open, go)) = (unbounded_channel(), mpsc::channel());
    let turn = Alone::of(writes)?.turn("", Arc::new(Gate { acts, go: Mutex::new(go) }));
    let turn = tokio::spawn(turn);
    assert_eq!(told.recv().await, Some(Act::Text("on and on ".to_owned())));
    turn.abort();
    assert!(turn.await.is_err_and(|error| error.is_cancelled()));
    drop(open);
    // Nobody can tell anything any more when the guest is gone.
    assert_eq!(told.recv().await, None);
    Ok(())
}
