// The agents of the host in the same process: which version answers, what is wrong with a newer one, and which version
// answered which bubble. Pure.

import { cleanLabel, revealBidi } from "./text.js";

const NAME_LIMIT = 80;
const WHY_LIMIT = 600;
const OUTPUT_LIMIT = 64_000;
const STATES = new Set(["looking", "refused", "build_failed"]);

const number = (value) => (Number.isFinite(value) ? value : 0);

/** The list as the host tells it, in the shape that the page works with; null where no host is known. */
export function normalizeHost(raw) {
  if (!Array.isArray(raw?.agents)) return null;
  const problems = Array.isArray(raw.problems) ? raw.problems : [];
  return { change: number(raw.change), agents: raw.agents.map(normalizeAgent), problems: problems.map(normalizeProblem) };
}

function normalizeAgent(raw) {
  const candidate = raw?.candidate;
  return {
    name: cleanLabel(raw?.name, NAME_LIMIT), version: cleanLabel(raw?.version, NAME_LIMIT),
    id: cleanLabel(raw?.id, 20), since: number(raw?.since), isDefault: raw?.is_default === true,
    trial: raw?.trial ? { turns: number(raw.trial.turns), failures: number(raw.trial.failures) } : null,
    candidate: STATES.has(candidate?.state) ? {
      state: candidate.state, version: cleanLabel(candidate.version, NAME_LIMIT), why: cleanLabel(candidate.why, WHY_LIMIT),
      output: outputOf(candidate.output),
    } : null,
  };
}

function normalizeProblem(raw) {
  return { what: cleanLabel(raw?.what, 300), why: cleanLabel(raw?.why, WHY_LIMIT), output: outputOf(raw?.output) };
}

function outputOf(value) {
  const text = typeof value === "string" ? value.slice(-OUTPUT_LIMIT).trimEnd() : "";
  return text ? revealBidi(text) : null;
}

/** What is wrong, one row each: {key, words, output}. A version that is only being looked at is no trouble. */
export function troubles(host) {
  if (!host) return [];
  const ofAgents = host.agents.filter(({ candidate }) => candidate && candidate.state !== "looking");
  const rows = ofAgents.map(({ name, candidate }) => ({
    key: `agent ${name}`, words: `${name}: ${candidateWords(candidate)}`, output: candidate.output,
  }));
  const ofPlaces = host.problems.map(({ what, why, output }) => ({
    key: `place ${what}`, words: `No agent in ${what}: ${why}`, output,
  }));
  return [...rows, ...ofPlaces];
}

/** What a candidate is, and why it does not answer. */
export function candidateWords({ state, version, why }) {
  if (state === "build_failed") return `the build failed: ${why}`;
  const which = version ? `version ${version}` : "a new version";
  return state === "looking" ? `${which} is being looked at` : `${which} does not answer: ${why}`;
}

/** One agent in a line, for the settings. */
export function agentFacts({ isDefault, trial, candidate }) {
  const parts = [];
  if (isDefault) parts.push("answers where nobody was chosen");
  if (trial) parts.push(`on trial: ${trial.turns} ${trial.turns === 1 ? "turn" : "turns"}, ${trial.failures} failed`);
  if (candidate) parts.push(candidateWords(candidate));
  return parts.join("; ");
}

/** "echo 0.2.0 (3f2a9c…)" in its parts; null if it is no such text. */
export function parseVersion(text) {
  const label = cleanLabel(text, 200);
  const parts = /^(\S+) (.*) \(([0-9a-f]+)\)$/.exec(label);
  return parts && { label, agent: parts[1], version: parts[2], id: parts[3] };
}

/** The host's list of who answered what, laid over what is known; the same object if nothing is new. */
export function foldVersions(known = new Map(), list) {
  const read = (one) => [one?.interaction_id, parseVersion(one?.by)];
  const news = (Array.isArray(list) ? list : []).map(read)
    .filter(([id, version]) => typeof id === "string" && version && known.get(id)?.label !== version.label);
  return news.length === 0 ? known : new Map([...known, ...news]);
}

/**
 * Where an agent's answering version differs from that of its bubble before: message id to words. What answered is
 * not known of each bubble.
 */
export function moves(list, versions = new Map()) {
  const before = new Map();
  const found = new Map();
  for (const message of list) {
    const now = message.role === "agent" ? versions.get(message.interaction_id) : undefined;
    if (!now) continue;
    const last = before.get(now.agent);
    if (last && last.id !== now.id) found.set(message.message_id, moveWords(last, now));
    before.set(now.agent, now);
  }
  return found;
}

function moveWords(last, now) {
  if (last.version === now.version) return `${now.agent} moved to another build of version ${now.version} (${now.id})`;
  return `${now.agent} moved to version ${now.version}`;
}

/** The final answers of a chat whose version is not known yet, by interaction. */
export function unversioned(chat) {
  const ended = (chat?.list ?? []).filter((m) => m.role === "agent" && m.state === "final" && m.interaction_id);
  return ended.map((m) => m.interaction_id).filter((id) => !chat.versions?.has(id));
}
