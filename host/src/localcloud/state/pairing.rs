//! Pairing: a bridge gets a code, the user types it, the bridge fetches its token. Lives in memory only: a code
//! dies in two minutes anyway.

use super::installation::mint;
use super::line::Line;
use super::record::Installation;
use super::{MAX_EVER, MAX_INSTALLATIONS, Row, State};
use crate::localcloud::clock::Millis;
use crate::localcloud::refusal::{Noun, Refusal};
use crate::localcloud::secret::{self, Digest};
use crate::protocol::InstallationId;
use serde_json::Value;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::sync::Notify;

/// How long a code can be claimed.
const VALID: Millis = 120_000;
/// How long a pairing is remembered after its code has died, so that its bridge is told what became of it.
const REMEMBERED: Millis = 10 * 60 * 1000;
/// Pairings that are remembered. The oldest is forgotten for one more.
const MAX_PAIRINGS: usize = 64;

enum Stage {
    /// Nobody has typed the code.
    Open,
    /// The user has typed it; the token waits to be fetched.
    Claimed(InstallationId),
    /// The token was handed out.
    Fetched,
}

struct Pairing {
    code: String,
    poll_token: Digest,
    connector_type: String,
    host_label: Option<String>,
    expires_at: Millis,
    stage: Stage,
}

/// All pairings, oldest first.
#[derive(Default)]
pub(super) struct Pairings {
    list: VecDeque<Pairing>,
    /// Wakes those who wait for a code to be claimed.
    changed: Arc<Notify>,
}

/// What `pairing/start` gives.
pub(crate) struct Started {
    pub(crate) code: String,
    pub(crate) poll_token: String,
    pub(crate) expires_at: Millis,
}

/// How far a pairing is.
pub(crate) enum Polled {
    Pending,
    Expired,
    /// The token, for the first and last time.
    Paired {
        installation_id: InstallationId,
        token: String,
    },
}

impl State {
    /// Starts a pairing.
    pub(crate) fn start_pairing(&mut self, connector_type: String, host_label: Option<String>, now: Millis) -> Started {
        let list = &mut self.pairings.list;
        list.retain(|pairing| pairing.expires_at + REMEMBERED > now);
        if list.len() >= MAX_PAIRINGS {
            list.pop_front();
        }
        let code = loop {
            let code = secret::pairing_code();
            if list.iter().all(|pairing| pairing.code != code) {
                break code;
            }
        };
        let started =
            Started { code: code.clone(), poll_token: format!("p_{}", secret::base62(32)), expires_at: now + VALID };
        let (poll_token, expires_at) = (Digest::of(&started.poll_token), started.expires_at);
        list.push_back(Pairing { code, poll_token, connector_type, host_label, expires_at, stage: Stage::Open });
        started
    }

    /// The user types a code: the installation comes into being.
    ///
    /// # Errors
    /// When the code is unknown, dead or used, or there are 100 installations.
    pub(crate) fn claim(&mut self, code: &str, now: Millis) -> Result<Value, Refusal> {
        let code = code.trim().to_uppercase();
        let place = self.pairings.list.iter().position(|pairing| pairing.code == code);
        let place = place.ok_or(Refusal::NotFound(Noun::Pairing))?;
        let pairing = &self.pairings.list[place];
        if !matches!(pairing.stage, Stage::Open) {
            return Err(Refusal::PairingConsumed);
        }
        if pairing.expires_at <= now {
            return Err(Refusal::PairingExpired);
        }
        if self.live_lines().count() >= MAX_INSTALLATIONS || self.lines.len() >= MAX_EVER {
            return Err(Refusal::TooLarge("this cloud holds 100 installations: start with a new file"));
        }
        let installation = Installation {
            installation_id: secret::id("inst"),
            connector_type: pairing.connector_type.clone(),
            display_name: pairing.connector_type.clone(),
            custom_display_name: None,
            custom_emoji: None,
            host_label: pairing.host_label.clone(),
            created_at: now,
            approval_grants: Vec::new(),
            revoked_at: None,
        };
        let line = Line::new(installation, None, 0);
        self.persist.save(&[line.row()])?;
        let (id, view) = (line.installation.installation_id.clone(), line.view());
        self.lines.push(line);
        self.pairings.list[place].stage = Stage::Claimed(id.clone());
        self.pairings.changed.notify_waiters();
        self.publish_line("installation_created", &id, now);
        Ok(view)
    }

    /// What became of the pairing with this poll token.
    ///
    /// # Errors
    /// When it is unknown, or its token was handed out already.
    pub(crate) fn poll_token(&mut self, poll_token: &str, now: Millis) -> Result<Polled, Refusal> {
        let digest = Digest::of(poll_token);
        let place = self.pairings.list.iter().position(|pairing| pairing.poll_token.matches(&digest));
        self.poll(place.ok_or(Refusal::NotFound(Noun::Pairing))?, now)
    }

    /// What became of the pairing with this code: the dialect of the field.
    ///
    /// # Errors
    /// As [`State::poll_token`].
    pub(crate) fn poll_code(&mut self, code: &str, now: Millis) -> Result<Polled, Refusal> {
        let place = self.pairings.list.iter().position(|pairing| pairing.code == code);
        self.poll(place.ok_or(Refusal::NotFound(Noun::Pairing))?, now)
    }

    fn poll(&mut self, place: usize, now: Millis) -> Result<Polled, Refusal> {
        let pairing = &self.pairings.list[place];
        let installation_id = match &pairing.stage {
            Stage::Fetched => return Err(Refusal::PairingConsumed),
            Stage::Open if pairing.expires_at <= now => return Ok(Polled::Expired),
            Stage::Open => return Ok(Polled::Pending),
            Stage::Claimed(id) => id.clone(),
        };
        // Minted only now, so that no token lies about in clear while nobody asks for it.
        let token = mint(&installation_id);
        let line = self.line(&installation_id)?;
        let (body, last_update, digest) = (line.installation.clone(), line.last_update, Digest::of(&token));
        self.persist.save(&[Row::Installation { body, token: Some(digest), last_update }])?;
        self.line_mut(&installation_id)?.token = Some(digest);
        self.pairings.list[place].stage = Stage::Fetched;
        Ok(Polled::Paired { installation_id, token })
    }

    /// What to wait on for the next claim.
    pub(crate) fn claims(&self) -> Arc<Notify> {
        Arc::clone(&self.pairings.changed)
    }
}
