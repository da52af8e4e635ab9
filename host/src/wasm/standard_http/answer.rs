//! An answer as the standard's library reads it: the next piece is asked for when the guest asks.

use super::{Kept, codes};
use crate::capability::http::{Fault, Response};
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use http_body_util::BodyExt as _;
use hyper::body::{Body, Frame};
use std::pin::Pin;
use std::task::{Context, Poll};
use wasmtime_wasi_http::{Error, WasiBody};

/// The largest piece that is asked for at once.
const PIECE: usize = 64 << 10;

/// The head of an answer, with the rest of it as a body.
pub(super) fn of(response: Response) -> http::Response<WasiBody> {
    let mut answer = http::Response::new(());
    *answer.status_mut() = http::StatusCode::from_u16(response.status()).unwrap_or_default();
    for (name, value) in response.headers() {
        // They came as headers; one that is none after a secret was cut out is left out.
        let header = (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_bytes(value));
        if let (Ok(name), Ok(value)) = header {
            answer.headers_mut().append(name, value);
        }
    }
    answer.map(|()| Pieces::Idle(Box::new(response)).boxed_unsync())
}

/// The body of an answer.
enum Pieces {
    Idle(Box<Response>),
    Reading(Kept<(Box<Response>, Result<Bytes, Fault>)>),
    Over,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        let mut reading = match std::mem::replace(&mut *self, Self::Over) {
            Self::Over => return Poll::Ready(None),
            Self::Reading(reading) => reading,
            Self::Idle(mut response) => Box::pin(async move {
                let piece = response.read(PIECE).await;
                (response, piece)
            }),
        };
        let Poll::Ready((response, piece)) = reading.as_mut().poll(context) else {
            *self = Self::Reading(reading);
            return Poll::Pending;
        };
        match piece {
            Ok(piece) if piece.is_empty() => Poll::Ready(None),
            Ok(piece) => {
                *self = Self::Idle(response);
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Err(fault) => Poll::Ready(Some(Err(codes::error(&fault)))),
        }
    }
}
