//! What a bridge does with tool cards: show, update, finish. `task_id` is its own idempotency key.

use super::record::{Card, CardChange, Task, TaskState};
use super::repeat::{Key, idempotent};
use super::{MAX_TASKS, Row, State, value};
use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::Refusal;
use crate::localcloud::secret::Digest;
use crate::protocol::{InstallationId, InteractionId, MessageId, SessionId};
use serde_json::{Value, json};

/// The card's kind where a route that upserts does not say one.
const UNNAMED_KIND: &str = "tool";

impl State {
    /// `createTask`: shows a card. The same body again is a repeat. A card that an update or an end brought before
    /// keeps its status, and gets what this one says.
    ///
    /// # Errors
    /// [`Refusal`], by session, interaction, room, and as a conflict when the card was created by another body.
    pub(crate) fn create_task(
        &mut self,
        by: &InstallationId,
        card: Card,
        change: CardChange,
        body: Digest,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let result = json!({ "task_id": card.task_id });
        let old = self.task_of(by, &card)?.cloned();
        if let Some(first) = old.as_ref().and_then(|task| task.created_by) {
            return if first.matches(&body) { Ok(idempotent(result)) } else { Err(Refusal::IdempotencyConflict) };
        }
        let mut task = self.begun(old.clone(), card, now)?;
        task.created_by = Some(body);
        task.apply(change);
        let event = if old.is_some() { task.status.event() } else { "task_created" };
        self.put_task(old, task, event, Vec::new(), now)?;
        Ok(result)
    }

    /// `updateTask`: progress. A key tells events apart; without one, an update that changes nothing is a repeat.
    ///
    /// # Errors
    /// [`Refusal`], by session, interaction, key and room, and when the card is finished.
    pub(crate) fn update_task(
        &mut self,
        by: &InstallationId,
        card: Card,
        change: CardChange,
        key: Option<Key>,
        now: Millis,
    ) -> Result<Value, Refusal> {
        if let Some(result) = self.repeats.find(key.as_ref(), now)? {
            return Ok(result);
        }
        let result = json!({ "task_id": card.task_id });
        let old = self.task_of(by, &card)?.cloned();
        let mut task = self.begun(old.clone(), card, now)?;
        let before = value(&task);
        task.apply(change);
        let rows: Vec<_> = Self::answer_row(key, &result, now).into_iter().collect();
        if old.is_some() && value(&task) == before {
            self.persist.save(&rows)?;
            let is_event = key.is_some();
            let result = self.remember(key, result, now);
            return Ok(if is_event { result } else { idempotent(result) });
        }
        if task.status != TaskState::Running {
            return Err(Refusal::TaskFinished);
        }
        let event = if old.is_some() { "task_progress" } else { "task_created" };
        self.put_task(old, task, event, rows, now)?;
        Ok(self.remember(key, result, now))
    }

    /// `finishTask`: closes a card. The same body again is a repeat.
    ///
    /// # Errors
    /// [`Refusal`], by session, interaction and room, and as a conflict when another body finished the card.
    pub(crate) fn finish_task(
        &mut self,
        by: &InstallationId,
        card: Card,
        change: CardChange,
        body: Digest,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let result = json!({ "task_id": card.task_id });
        let old = self.task_of(by, &card)?.cloned();
        if let Some(first) = old.as_ref().and_then(|task| task.finished_by) {
            return if first.matches(&body) { Ok(idempotent(result)) } else { Err(Refusal::IdempotencyConflict) };
        }
        let mut task = self.begun(old.clone(), card, now)?;
        task.apply(change);
        task.finished_by = Some(body);
        let event = task.status.event();
        self.put_task(old, task, event, Vec::new(), now)?;
        Ok(result)
    }

    fn task_of(&self, by: &InstallationId, card: &Card) -> Result<Option<&Task>, Refusal> {
        self.thread_of(by, &card.session_id)?;
        let interaction = self.interaction(&card.session_id, &card.interaction_id)?;
        Ok(interaction.tasks.iter().find(|task| task.task_id == card.task_id))
    }

    /// The card that is there, or a new one, which may begin only while the agent may speak up.
    fn begun(&self, old: Option<Task>, card: Card, now: Millis) -> Result<Task, Refusal> {
        if let Some(task) = old {
            return Ok(task);
        }
        self.open_interaction(&card.session_id, &card.interaction_id, now)?;
        Ok(self.new_task(card, now))
    }

    /// A card at the end of what the interaction's newest bubble says so far.
    fn new_task(&self, card: Card, now: Millis) -> Task {
        let (message_id, offset) = self.end_of_said(&card.session_id, &card.interaction_id);
        Task {
            offset,
            message_id,
            task_id: card.task_id,
            session_id: card.session_id,
            interaction_id: card.interaction_id,
            kind: UNNAMED_KIND.to_owned(),
            status: TaskState::Running,
            status_label: None,
            args: None,
            progress_percent: None,
            partial_result: None,
            result: None,
            error: None,
            created_at: now,
            created_by: None,
            finished_by: None,
        }
    }

    /// The interaction's newest bubble, and the length of what it says so far, in UTF-16 code units.
    pub(super) fn end_of_said(&self, session: &SessionId, of: &InteractionId) -> (Option<MessageId>, usize) {
        let newest_first = self.threads.get(session).into_iter().flat_map(|thread| thread.messages.iter().rev());
        let bubble = newest_first.into_iter().find(|message| message.is_answer_in(of));
        let offset = bubble.map_or(0, |message| message.text.encode_utf16().count());
        (bubble.map(|message| message.message_id.clone()), offset)
    }

    fn put_task(
        &mut self,
        old: Option<Task>,
        task: Task,
        event: &str,
        mut rows: Vec<Row>,
        now: Millis,
    ) -> Result<(), Refusal> {
        let count = self.interactions.get(&task.interaction_id).map_or(0, |interaction| interaction.tasks.len());
        if old.is_none() && count >= MAX_TASKS {
            return Err(Refusal::TooLarge("the interaction has 1000 tasks"));
        }
        let (weight, before) = (task.weight(), old.as_ref().map_or(0, Task::weight));
        self.room_for(weight.saturating_sub(before))?;
        rows.push(Row::Task(task.clone()));
        self.persist.save(&rows)?;
        self.weigh(&task.session_id, weight, before);
        let view = value(&task);
        if let Some(interaction) = self.interactions.get_mut(&task.interaction_id) {
            match interaction.tasks.iter_mut().find(|other| other.task_id == task.task_id) {
                Some(place) => *place = task,
                None => interaction.tasks.push(task),
            }
        }
        self.stream.publish(event, view, now);
        Ok(())
    }

    /// The cards that were made before their interaction had a bubble, as they will be in `bubble`.
    pub(super) fn tasks_without_bubble(&self, interaction: Option<&InteractionId>, bubble: &MessageId) -> Vec<Task> {
        let tasks = interaction.and_then(|id| self.interactions.get(id)).map(|interaction| &interaction.tasks);
        let without = tasks.into_iter().flatten().filter(|task| task.message_id.is_none());
        without.map(|task| Task { message_id: Some(bubble.clone()), ..task.clone() }).collect()
    }

    /// Gives a bubble the cards that had none.
    pub(super) fn adopt_tasks(&mut self, interaction: Option<&InteractionId>, bubble: &MessageId) {
        let tasks = interaction.and_then(|id| self.interactions.get_mut(id)).map(|interaction| &mut interaction.tasks);
        for task in tasks.into_iter().flatten().filter(|task| task.message_id.is_none()) {
            task.message_id = Some(bubble.clone());
        }
    }
}

impl Task {
    fn apply(&mut self, change: CardChange) {
        self.kind = change.kind.unwrap_or_else(|| std::mem::take(&mut self.kind));
        self.status = change.status.unwrap_or(self.status);
        self.status_label = change.status_label.or(self.status_label.take());
        self.args = change.args.or(self.args.take());
        self.progress_percent = change.progress_percent.or(self.progress_percent);
        self.partial_result = change.partial_result.or(self.partial_result.take());
        self.result = change.result.or(self.result.take());
        self.error = change.error.or(self.error.take());
    }

    /// Bytes of what the bridge said about it.
    pub(super) fn weight(&self) -> usize {
        let json = [&self.args, &self.partial_result, &self.result];
        json.into_iter().flatten().map(|value| value.to_string().len()).sum::<usize>()
            + [&self.status_label, &self.error].into_iter().flatten().map(String::len).sum::<usize>()
            + self.kind.len()
    }
}
