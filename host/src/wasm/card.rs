//! `sophon:agent/task`: tool cards.

use super::bindings::sophon::agent::task;
use super::bindings::sophon::agent::types::Failure;
use super::guest::{Answer, Guest};
use crate::capability::{Act, CardId};
use serde_json::Value;
use wasmtime::component::Resource;

/// The longest arguments or result of a card, in bytes of JSON; the contract's number.
const MAX_JSON: usize = 100_000;
/// The longest kind, label and error, in bytes.
const MAX_KIND: usize = 64;
const MAX_LABEL: usize = 500;
const MAX_ERROR: usize = 4_096;

/// A card that a guest holds.
#[expect(unreachable_pub, reason = "the generated bindings name it again, publicly")]
pub struct Card {
    id: CardId,
    open: bool,
}

/// Reads JSON that came from a guest; what is too long is replaced by a note with its beginning. Measured as it will
/// be sent.
fn json(text: Option<String>) -> Result<Option<Value>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let value: Value = serde_json::from_str(&text).map_err(|error| Failure::Invalid(format!("not JSON: {error}")))?;
    let value = crate::text::upright(value);
    let size = value.to_string().len();
    if size <= MAX_JSON {
        return Ok(Some(value));
    }
    let note = format!("cut: {size} bytes are more than the {MAX_JSON} that a card shows");
    Ok(Some(serde_json::json!({ "note": note, "beginning": crate::text::clip(&value.to_string(), MAX_JSON / 4) })))
}

fn closed() -> Failure {
    Failure::Invalid("the card is closed already".to_owned())
}

impl Guest {
    /// The id of an open card; `close` marks it closed.
    fn card(&mut self, card: &Resource<Card>, close: bool) -> wasmtime::Result<Result<CardId, Failure>> {
        let card = self.table.get_mut(card)?;
        if !card.open {
            return Ok(Err(closed()));
        }
        card.open = !close;
        Ok(Ok(card.id))
    }
}

impl task::Host for Guest {}

impl task::HostCard for Guest {
    async fn open(&mut self, kind: String, label: String, args: Option<String>) -> Answer<Resource<Card>> {
        self.enter()?;
        let args = match json(args) {
            Ok(args) => args,
            Err(failure) => return Ok(Err(failure)),
        };
        let id = match self.tools.door().next_card() {
            Ok(id) => id,
            Err(refusal) => return self.refused(refusal),
        };
        let kind = crate::text::line(&kind, MAX_KIND);
        let label = crate::text::line(&label, MAX_LABEL);
        if let Err(failure) = self.act(Act::Open { card: id, kind, label, args }).await {
            return Ok(Err(failure));
        }
        Ok(Ok(self.table.push(Card { id, open: true })?))
    }

    async fn progress(
        &mut self,
        card: Resource<Card>,
        percent: Option<u8>,
        label: Option<String>,
        partial: Option<String>,
    ) -> Answer<()> {
        self.enter()?;
        let card = match self.card(&card, false)? {
            Ok(card) => card,
            Err(failure) => return Ok(Err(failure)),
        };
        if percent.is_some_and(|percent| percent > 100) {
            return Ok(Err(Failure::Invalid("a percentage is at most 100".to_owned())));
        }
        let partial = match json(partial) {
            Ok(partial) => partial,
            Err(failure) => return Ok(Err(failure)),
        };
        let label = label.map(|label| crate::text::line(&label, MAX_LABEL));
        Ok(self.act(Act::Progress { card, percent, label, partial }).await)
    }

    async fn complete(&mut self, card: Resource<Card>, result: Option<String>) -> Answer<()> {
        self.enter()?;
        let result = match json(result) {
            Ok(result) => result,
            Err(failure) => return Ok(Err(failure)),
        };
        match self.card(&card, true)? {
            Ok(card) => Ok(self.act(Act::Complete { card, result }).await),
            Err(failure) => Ok(Err(failure)),
        }
    }

    async fn fail(&mut self, card: Resource<Card>, error: String) -> Answer<()> {
        self.enter()?;
        match self.card(&card, true)? {
            Ok(card) => {
                let error = crate::text::terminal(&crate::text::clip(&error, MAX_ERROR));
                Ok(self.act(Act::Fail { card, error }).await)
            }
            Err(failure) => Ok(Err(failure)),
        }
    }

    async fn drop(&mut self, card: Resource<Card>) -> wasmtime::Result<()> {
        let card = self.table.delete(card)?;
        if card.open {
            // Nobody is left to tell that the turn was stopped; its end closes the card as well.
            let _ = self.act(Act::Cancel { card: card.id }).await;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_json_is_checked_and_bounded() {
        assert_eq!(json(None).expect("nothing"), None);
        assert!(matches!(json(Some("{".into())), Err(Failure::Invalid(_))));
        let long = serde_json::to_string(&"x".repeat(MAX_JSON)).expect("serializes");
        let cut = json(Some(long)).expect("cut").expect("a note");
        assert!(cut.to_string().len() < MAX_JSON && cut["note"].as_str().is_some_and(|note| note.contains("cut")));
        assert!(json(Some("[".repeat(90_000))).is_err(), "deep nesting must be refused, not overflow the stack");
    }
}
