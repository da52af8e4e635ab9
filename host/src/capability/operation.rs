//! What takes long and was started: it runs beside its guest, in a task that ends with it.

use super::Refusal;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio_util::task::AbortOnDropHandle;

/// Something under way. Dropped, it is given up.
pub struct Operation<T>(Stage<T>);

enum Stage<T> {
    Running(AbortOnDropHandle<Result<T, Refusal>>),
    Done(Result<T, Refusal>),
}

impl<T: Send + 'static> Operation<T> {
    /// Starts something. In a box: who takes a task's result has room for all of the task on its stack, and that is a
    /// guest's, which keeps what it once took.
    pub(super) fn start(name: &'static str, work: impl Future<Output = Result<T, Refusal>> + Send + 'static) -> Self {
        Self(Stage::Running(AbortOnDropHandle::new(crate::tasks::spawn(name, Box::pin(work)))))
    }

    /// Whether its result can be taken without waiting.
    pub fn is_ready(&self) -> bool {
        match &self.0 {
            Stage::Running(task) => task.is_finished(),
            Stage::Done(_) => true,
        }
    }

    /// Waits until its result can be taken.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if let Stage::Running(task) = &mut self.0 {
            let Poll::Ready(done) = Pin::new(task).poll(context) else { return Poll::Pending };
            // Only a fault of the host ends a task otherwise.
            let failed = |_| Refusal::Unavailable("the host failed at it; its log says why".to_owned());
            self.0 = Stage::Done(done.map_err(failed).flatten());
        }
        Poll::Ready(())
    }

    /// Gives it up.
    pub fn cancel(&mut self) {
        self.0 = Stage::Done(Err(Refusal::Invalid("the operation was given up".to_owned())));
    }

    /// Its result, when it is there.
    ///
    /// # Errors
    /// What it failed with.
    pub async fn finish(mut self) -> Result<T, Refusal> {
        std::future::poll_fn(|context| self.poll_ready(context)).await;
        match self.0 {
            Stage::Done(done) => done,
            Stage::Running(_) => Err(Refusal::Unavailable("it is not done".to_owned())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::sync::oneshot;

    #[tokio::test]
    async fn it_runs_beside_its_guest_and_ends_with_it() {
        let (sender, receiver) = oneshot::channel::<u32>();
        let mut one = Operation::start("one", async { receiver.await.map_err(|_| Refusal::Cancelled) });
        assert!(!one.is_ready());
        sender.send(7).expect("somebody waits");
        std::future::poll_fn(|context| one.poll_ready(context)).await;
        assert!(one.is_ready());
        assert_eq!(one.finish().await, Ok(7));

        let (mut sender, receiver) = oneshot::channel::<u32>();
        let other = Operation::start("other", async { receiver.await.map_err(|_| Refusal::Cancelled) });
        drop(other);
        sender.closed().await;
    }

    #[tokio::test]
    async fn what_was_given_up_is_ready_and_says_so() {
        let mut forever = Operation::<()>::start("forever", std::future::pending());
        forever.cancel();
        assert!(forever.is_ready());
        assert!(matches!(forever.finish().await, Err(Refusal::Invalid(_))));
    }
}
