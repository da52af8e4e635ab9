//! What the user's side reads, and the ends of its connections: lists, streams, page keys and cookies.

use super::line::{Close, Feed, Line, Pending};
use super::record::{Session, SessionState};
use super::{GRACE, Row, State, Subscription, USER_ID, value};
use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::{Noun, Refusal};
use crate::localcloud::secret::{self, Digest};
use crate::protocol::{InstallationId, InteractionId, MessageId, SessionId};
use serde_json::{Value, json};

/// One-time keys that wait for their use. The oldest is forgotten for one more.
const MAX_KEYS: usize = 16;
/// Cookies of pages. The oldest is forgotten for one more.
const MAX_COOKIES: usize = 32;
/// How long a page's cookie lives.
pub(super) const COOKIE_AGE: Millis = 30 * GRACE;

impl State {
    /// `GET /v1/me`.
    pub(crate) fn me(&self) -> Value {
        json!({
            "user": { "id": USER_ID, "display_name": "You" },
            "installations": self.live_lines().map(Line::view).collect::<Vec<_>>(),
            "sessions": self.sessions(None),
        })
    }

    /// The sessions in a state, or all, the one that was used last first.
    pub(crate) fn sessions(&self, state: Option<SessionState>) -> Vec<Value> {
        let live = self.threads.values().filter(|thread| thread.deleted_at.is_none()).map(|thread| &thread.session);
        let mut listed: Vec<_> = live.filter(|session| state.is_none_or(|state| session.state == state)).collect();
        listed.sort_by(|a, b| (b.last_activity_at, &b.session_id).cmp(&(a.last_activity_at, &a.session_id)));
        listed.into_iter().map(value).collect()
    }

    /// The last `limit` messages of a session before one of them, oldest first.
    ///
    /// # Errors
    /// When there is no such session, or `before` is not in it.
    pub(crate) fn messages(
        &self,
        id: &SessionId,
        before: Option<&MessageId>,
        limit: usize,
    ) -> Result<Vec<Value>, Refusal> {
        let thread = self.thread(id)?;
        let end = match before.map(|message| self.places.get(message)) {
            None => thread.messages.len(),
            Some(Some((session, place))) if session == id => *place,
            Some(_) => return Err(Refusal::NotFound(Noun::Message)),
        };
        let page = &thread.messages[end.saturating_sub(limit)..end];
        Ok(page.iter().map(|message| self.message_view(message)).collect())
    }

    /// Changes what the user calls an installation. `None` leaves a name as it is, `Some(None)` takes it away.
    ///
    /// # Errors
    /// When there is no such installation.
    pub(crate) fn rename_installation(
        &mut self,
        id: &InstallationId,
        name: Option<Option<String>>,
        emoji: Option<Option<String>>,
        now: Millis,
    ) -> Result<Value, Refusal> {
        let line = self.line(id)?;
        let (mut body, token, last_update) = (line.installation.clone(), line.token, line.last_update);
        body.custom_display_name = name.unwrap_or(body.custom_display_name);
        body.custom_emoji = emoji.unwrap_or(body.custom_emoji);
        self.persist.save(&[Row::Installation { body: body.clone(), token, last_update }])?;
        self.line_mut(id)?.installation = body;
        self.publish_line("installation_updated", id, now);
        Ok(self.line(id)?.view())
    }

    /// Starts an event stream.
    ///
    /// # Errors
    /// When too many pages are open.
    pub(crate) fn subscribe(&mut self, since: Option<&str>, now: Millis) -> Result<Subscription, Refusal> {
        self.stream.subscribe(since, USER_ID, now)
    }

    /// A bridge's socket is open, for who held this token when it dialled.
    ///
    /// # Errors
    /// When there is no such installation, or the token is its own no more.
    pub(crate) fn admit(&mut self, id: &InstallationId, token: &Digest, now: Millis) -> Result<Feed, Refusal> {
        let holds = self.line(id)?.token.is_some_and(|known| known.matches(token));
        if holds { self.connect(id, now) } else { Err(Refusal::InvalidToken) }
    }

    pub(super) fn connect(&mut self, id: &InstallationId, now: Millis) -> Result<Feed, Refusal> {
        self.sockets += 1;
        let serial = self.sockets;
        let feed = self.line_mut(id)?.connect(serial, now);
        self.publish_line("installation_updated", id, now);
        Ok(feed)
    }

    /// A bridge's socket is gone.
    pub(crate) fn disconnect(&mut self, id: &InstallationId, serial: u64, now: Millis) {
        if self.line_mut(id).is_ok_and(|line| line.disconnect(serial)) {
            self.publish_line("installation_updated", id, now);
        }
    }

    /// Cuts all sockets of bridges without a word; gives how many.
    pub(crate) fn cut(&mut self, now: Millis) -> usize {
        let online: Vec<_> = self.lines.iter_mut().filter(|line| line.is_online()).collect();
        let ids: Vec<InstallationId> = online.iter().map(|line| line.installation.installation_id.clone()).collect();
        online.into_iter().for_each(|line| line.close(Close::Cut));
        ids.iter().for_each(|id| self.publish_line("installation_updated", id, now));
        ids.len()
    }

    /// A bridge has taken all updates up to this one. An id that was never given out is ignored.
    ///
    /// # Errors
    /// When the file cannot be written. The update may come again then, which bridges must bear anyway.
    pub(crate) fn ack(&mut self, id: &InstallationId, up_to: u64) -> Result<(), Refusal> {
        if self.line_mut(id)?.ack(up_to) {
            self.persist.save(&[Row::Acked { installation: id.clone(), up_to }])?;
        }
        Ok(())
    }

    /// Writes an update into the file, with the rows that belong to it.
    pub(super) fn draft(
        &mut self,
        session: &Session,
        kind: &str,
        interaction: Option<&InteractionId>,
        payload: Value,
        mut rows: Vec<Row>,
        now: Millis,
    ) -> Result<Pending, Refusal> {
        let line = self.line_mut(&session.installation_id)?;
        let draft = line.draft(kind, session, interaction, payload, now)?;
        rows.extend(line.draft_rows(&draft));
        self.persist.save(&rows)?;
        Ok(draft)
    }

    /// Sends an update that is in the file.
    pub(super) fn deliver(&mut self, id: &InstallationId, draft: Pending, now: Millis) {
        let Ok(line) = self.line_mut(id) else { return };
        let was_online = line.is_online();
        let is_online = line.push(draft);
        if was_online && !is_online {
            self.publish_line("installation_updated", id, now);
        }
    }

    /// Writes and sends an update.
    pub(super) fn push(
        &mut self,
        session: &Session,
        kind: &str,
        interaction: Option<&InteractionId>,
        payload: Value,
        rows: Vec<Row>,
        now: Millis,
    ) -> Result<(), Refusal> {
        let draft = self.draft(session, kind, interaction, payload, rows, now)?;
        self.deliver(&session.installation_id, draft, now);
        Ok(())
    }

    /// A fresh one-time key for the page.
    pub(crate) fn mint_page_key(&mut self) -> String {
        let key = secret::base62(32);
        self.page_keys.push_back(Digest::of(&key));
        if self.page_keys.len() > MAX_KEYS {
            self.page_keys.pop_front();
        }
        key
    }

    /// Trades a one-time key for a cookie. None when the key is unknown or used.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(crate) fn redeem_page_key(&mut self, key: &str, now: Millis) -> Result<Option<String>, Refusal> {
        let digest = Digest::of(key);
        let Some(place) = self.page_keys.iter().position(|known| known.matches(&digest)) else { return Ok(None) };
        let cookie = secret::base62(40);
        let mut rows = vec![Row::Cookie(Digest::of(&cookie), now)];
        if self.cookies.len() >= MAX_COOKIES {
            rows.extend(self.cookies.front().map(|(digest, _)| Row::NoCookie(*digest)));
        }
        self.persist.save(&rows)?;
        self.page_keys.remove(place);
        if self.cookies.len() >= MAX_COOKIES {
            self.cookies.pop_front();
        }
        self.cookies.push_back((Digest::of(&cookie), now));
        Ok(Some(cookie))
    }

    /// Whether a cookie was given out and is not too old.
    pub(crate) fn is_cookie(&self, cookie: &str, now: Millis) -> bool {
        let digest = Digest::of(cookie);
        self.cookies.iter().any(|(known, at)| known.matches(&digest) && at + COOKIE_AGE > now)
    }
}
