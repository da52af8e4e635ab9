//! The chat page: its files, the door to it, and the small page that claims a pairing code.

use crate::localcloud::body::Params;
use crate::localcloud::clock;
use crate::localcloud::cloud::Cloud;
use crate::localcloud::gate;
use crate::localcloud::refusal::{Noun, Refusal};
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, Request, State};
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, Method, StatusCode, header};
use std::sync::Arc;

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
/// How long the browser keeps the cookie, in seconds: as long as the cloud does.
const COOKIE_SECONDS: u32 = 30 * 24 * 60 * 60;

macro_rules! files {
    ($($name:literal $kind:ident)*) => {
        &[$(($name, $kind, include_bytes!(concat!("../page/", $name)).as_slice())),*]
    };
}

/// Name below `/assets/`, content type, content.
const FILES: &[(&str, &str, &[u8])] = files! {
    "agents.js" JS
    "api.js" JS
    "app.js" JS
    "approvals.js" JS
    "bubble.js" JS
    "chat.css" CSS
    "chat.js" JS
    "composer.js" JS
    "dialogs.js" JS
    "dom.js" JS
    "events.js" JS
    "format.js" JS
    "grants.js" JS
    "messages.js" JS
    "outcome.js" JS
    "poll.js" JS
    "render.js" JS
    "settings.css" CSS
    "settings.js" JS
    "sheet.css" CSS
    "sheet.js" JS
    "sidebar.js" JS
    "state.js" JS
    "strip.css" CSS
    "strip.js" JS
    "style.css" CSS
    "sync.js" JS
    "task.js" JS
    "text.js" JS
    "view.js" JS
    "vendor/markdown-it.min.js" JS
    "vendor/purify.min.js" JS
};
const INDEX: &[u8] = include_bytes!("../page/index.html");

/// `/`: the page for who holds its cookie, and the cookie for who holds a one-time key.
pub(super) async fn index(State(cloud): State<Arc<Cloud>>, params: Params, request: Request) -> Response {
    match params.get("key") {
        // A HEAD of a link preview must not use the key up.
        Some(key) if request.method() == Method::GET => enter(&cloud, key, request.headers()),
        _ if holds_cookie(&cloud, request.headers()) => ([(header::CONTENT_TYPE, HTML)], INDEX).into_response(),
        _ => closed(StatusCode::UNAUTHORIZED, "This page needs its key"),
    }
}

fn holds_cookie(cloud: &Cloud, headers: &HeaderMap) -> bool {
    gate::check_cookie(cloud, headers, &Method::GET).is_ok()
}

fn enter(cloud: &Cloud, key: &str, headers: &HeaderMap) -> Response {
    let redeemed = cloud.state().redeem_page_key(key, clock::now());
    match redeemed {
        Err(refusal) => refusal.into_response(),
        // Who opens the same address once more is in already.
        Ok(None) if holds_cookie(cloud, headers) => (StatusCode::SEE_OTHER, [(header::LOCATION, "/")]).into_response(),
        Ok(None) => closed(StatusCode::FORBIDDEN, "This address is used up"),
        Ok(Some(cookie)) => {
            let cookie =
                format!("{}={cookie}; HttpOnly; SameSite=Strict; Path=/; Max-Age={COOKIE_SECONDS}", cloud.cookie);
            (StatusCode::SEE_OTHER, [(header::LOCATION, "/"), (header::SET_COOKIE, cookie.as_str())]).into_response()
        }
    }
}

fn closed(status: StatusCode, title: &'static str) -> Response {
    let text = "Each address of the chat page works once. Open the newest one that <code>sophon-host dev</code> has \
                printed, or run it again.";
    note(status, title, &format!("<p>{text}</p>"))
}

/// `text` as HTML.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;").replace('\'', "&#39;")
}

/// A page of a few words. `body` is HTML.
fn note(status: StatusCode, title: &'static str, body: &str) -> Response {
    let page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>{title}</title><h1>{title}</h1>{body}</html>"
    );
    (status, [(header::CONTENT_TYPE, HTML)], page).into_response()
}

/// `/assets/*`. The files are no secret, so no cookie is asked for.
pub(super) async fn asset(name: Result<Path<String>, PathRejection>) -> Result<Response, Refusal> {
    let found = name.ok().and_then(|Path(name)| FILES.iter().find(|(known, ..)| *known == name));
    let (_, kind, content) = found.ok_or(Refusal::NotFound(Noun::Route))?;
    // Asked for again each time: the program may be a newer one under the same address.
    let headers = [(header::CONTENT_TYPE, *kind), (header::CACHE_CONTROL, "no-cache")];
    Ok((headers, *content).into_response())
}

/// `GET /v1/pairing/redeem`: asks whether to pair. Reading it changes nothing.
pub(super) async fn redeem_form(State(cloud): State<Arc<Cloud>>, params: Params, request: Request) -> Response {
    if !holds_cookie(&cloud, request.headers()) {
        return closed(StatusCode::UNAUTHORIZED, "This page needs its key");
    }
    let Some(code) = code_of(&params) else { return unknown_code() };
    let code = escape(&code);
    let form = format!(
        "<p>A program on this machine wants to be your agent. Its code is <strong>{code}</strong>. Pair it only if \
         you have just started it.</p><form method=\"post\" action=\"/v1/pairing/redeem?code={code}\"><button>Pair \
         </button></form>"
    );
    note(StatusCode::OK, "Pair an agent", &form)
}

/// `POST /v1/pairing/redeem`: claims the code.
pub(super) async fn redeem(State(cloud): State<Arc<Cloud>>, params: Params, request: Request) -> Response {
    match gate::check_cookie(&cloud, request.headers(), &Method::POST) {
        Err(Refusal::InvalidToken) => return closed(StatusCode::UNAUTHORIZED, "This page needs its key"),
        Err(refusal) => return refusal.into_response(),
        Ok(()) => {}
    }
    let Some(code) = code_of(&params) else { return unknown_code() };
    let claimed = cloud.state().claim(&code, clock::now());
    match claimed {
        Ok(_) => note(StatusCode::OK, "Paired", "<p>The agent is paired. <a href=\"/\">Go to the chat.</a></p>"),
        Err(refusal) => not_paired(&refusal),
    }
}

fn not_paired(refusal: &Refusal) -> Response {
    let (status, _) = refusal.code();
    note(status, "Not paired", &format!("<p>It did not work: {}.</p>", escape(&refusal.told())))
}

/// The code, if it can be one.
fn code_of(params: &Params) -> Option<String> {
    let code = params.get("code")?.trim().to_uppercase();
    (code.len() == 7 && code.bytes().all(|b| b.is_ascii_alphanumeric())).then_some(code)
}

fn unknown_code() -> Response {
    note(StatusCode::NOT_FOUND, "No such code", "<p>A pairing code has seven letters and digits.</p>")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names in quotes that follow `mark` in a file.
    fn named<'a>(content: &'a str, mark: &'a str) -> impl Iterator<Item = &'a str> {
        content.split(mark).skip(1).filter_map(|rest| rest.split(['"', '\'']).next())
    }

    #[tokio::test]
    async fn what_the_disk_says_and_markup_do_not_reach_the_page() {
        let error = rusqlite::Error::InvalidParameterName("/home/me/<b>cloud.db</b>".to_owned());
        for (refusal, words) in [
            (Refusal::Storage(error), "the cloud&#39;s file cannot be written"),
            (Refusal::TooLarge("<script>"), "&lt;script&gt;"),
        ] {
            let body = not_paired(&refusal).into_body();
            let page = axum::body::to_bytes(body, 10_000).await.expect("a page");
            let page = String::from_utf8_lossy(&page);
            assert!(page.contains(words), "{page}");
            assert!(!page.contains("<b>") && !page.contains("<script>") && !page.contains("/home"), "{page}");
        }
    }

    #[test]
    fn every_file_that_the_page_asks_for_is_served() {
        let known = |name: &str| FILES.iter().any(|(known, ..)| *known == name);
        let index = std::str::from_utf8(INDEX).expect("text");
        let mut asked: Vec<&str> = named(index, "\"/assets/").collect();
        for (_, kind, content) in FILES.iter().filter(|(name, ..)| !name.starts_with("vendor/")) {
            let content = std::str::from_utf8(content).expect("text");
            if *kind == JS {
                asked.extend(named(content, "from \"./").chain(named(content, "from './")));
            }
        }
        assert!(asked.len() > 3, "{asked:?}");
        for name in asked {
            assert!(known(name), "{name} is not in the table");
        }
    }
}
