//! The standard's functions, each counted as a call to the host, as those of the contract are.
//!
//! The library behind them bounds a guest by its handles only. What each handle may hold is bounded here: a turn may have
//! so many bytes of heads, and the bytes of bodies go through [`super::streams`].

use super::streams::{Incoming, Outgoing};
use crate::capability::http::Web;
use crate::wasm::breach::Misuse;
use crate::wasm::calls::Calls;
use http::HeaderMap;
use std::sync::Arc;
use wasmtime::Result as Called;
use wasmtime::component::Resource;
use wasmtime_wasi::p2::{DynInputStream, DynOutputStream, DynPollable};
use wasmtime_wasi_http::p2::bindings::http::outgoing_handler;
use wasmtime_wasi_http::p2::bindings::http::types::{
    self, ErrorCode, FutureIncomingResponse, FutureTrailers, IncomingBody, IncomingRequest, IncomingResponse, IoError,
    Method, OutgoingBody, OutgoingRequest, OutgoingResponse, RequestOptions, ResponseOutparam, Scheme, StatusCode,
};
use wasmtime_wasi_http::p2::{HeaderError, HeaderResult, HttpError, HttpResult};
use wasmtime_wasi_http::{FieldMap, WasiHttpCtxView};

/// What a header takes besides its letters.
const HEADER: usize = 72;

/// What one call of a guest works with.
pub(super) struct View<'a> {
    pub(super) http: WasiHttpCtxView<'a>,
    pub(super) calls: Calls,
    pub(super) web: Arc<Web>,
    pub(super) heads_left: &'a mut u64,
}

impl View<'_> {
    /// Counts bytes of heads that the host is to keep. A guest that goes on asking for more is ended: the standard has
    /// no words for this.
    fn keep(&mut self, bytes: usize) -> Called<()> {
        let too_much = || Misuse("its requests and answers by wasi:http had more than 16 MiB of heads".to_owned());
        *self.heads_left = self.heads_left.checked_sub(bytes as u64).ok_or_else(too_much)?;
        Ok(())
    }
}

fn size(map: &HeaderMap) -> usize {
    map.iter().map(|(name, value)| name.as_str().len() + value.len() + HEADER).sum()
}

/// Functions that only have to be counted, and those of the same resource that are more.
macro_rules! counted {
    ($(
        $of:ident of $resource:ty {
            $(fn $name:ident($($arg:ident: $kind:ty),*) -> $out:ty;)*
        }
        $(+ { $($own:tt)* })?
    )*) => { $(
        impl types::$of for View<'_> {
            $(fn $name(&mut self, $($arg: $kind),*) -> Called<$out> {
                self.calls.enter()?;
                types::$of::$name(&mut self.http, $($arg),*)
            })*

            fn drop(&mut self, what: Resource<$resource>) -> Called<()> {
                types::$of::drop(&mut self.http, what)
            }

            $($($own)*)?
        }
    )* };
}

counted! {
    HostFields of FieldMap {
        fn new() -> Resource<FieldMap>;
        fn get(fields: Resource<FieldMap>, name: String) -> Vec<Vec<u8>>;
        fn has(fields: Resource<FieldMap>, name: String) -> bool;
        fn entries(fields: Resource<FieldMap>) -> Vec<(String, Vec<u8>)>;
    } + {
        fn from_list(&mut self, entries: Vec<(String, Vec<u8>)>) -> HeaderResult<Resource<FieldMap>> {
            self.calls.enter().map_err(HeaderError::trap)?;
            let bytes = entries.iter().map(|(name, value)| name.len() + value.len() + HEADER).sum();
            self.keep(bytes).map_err(HeaderError::trap)?;
            self.http.from_list(entries)
        }

        fn set(&mut self, fields: Resource<FieldMap>, name: String, values: Vec<Vec<u8>>) -> HeaderResult<()> {
            self.calls.enter().map_err(HeaderError::trap)?;
            let bytes = values.iter().map(|value| value.len() + HEADER).sum::<usize>() + name.len();
            self.keep(bytes).map_err(HeaderError::trap)?;
            self.http.set(fields, name, values)
        }

        fn append(&mut self, fields: Resource<FieldMap>, name: String, value: Vec<u8>) -> HeaderResult<()> {
            self.calls.enter().map_err(HeaderError::trap)?;
            self.keep(name.len() + value.len() + HEADER).map_err(HeaderError::trap)?;
            self.http.append(fields, name, value)
        }

        fn delete(&mut self, fields: Resource<FieldMap>, name: String) -> HeaderResult<()> {
            self.calls.enter().map_err(HeaderError::trap)?;
            types::HostFields::delete(&mut self.http, fields, name)
        }

        /// The copy is shared until either is changed; it is counted as if it were not.
        fn clone(&mut self, fields: Resource<FieldMap>) -> Called<Resource<FieldMap>> {
            self.calls.enter()?;
            let bytes = size(self.http.table.get(&fields)?);
            self.keep(bytes)?;
            types::HostFields::clone(&mut self.http, fields)
        }
    }

    HostOutgoingRequest of OutgoingRequest {
        fn new(headers: Resource<FieldMap>) -> Resource<OutgoingRequest>;
        fn body(request: Resource<OutgoingRequest>) -> Result<Resource<OutgoingBody>, ()>;
        fn method(request: Resource<OutgoingRequest>) -> Method;
        fn path_with_query(request: Resource<OutgoingRequest>) -> Option<String>;
        fn scheme(request: Resource<OutgoingRequest>) -> Option<Scheme>;
        fn authority(request: Resource<OutgoingRequest>) -> Option<String>;
        fn headers(request: Resource<OutgoingRequest>) -> Resource<FieldMap>;
    } + {
        fn set_method(&mut self, request: Resource<OutgoingRequest>, method: Method) -> Called<Result<(), ()>> {
            self.calls.enter()?;
            self.keep(if let Method::Other(name) = &method { name.len() } else { 0 })?;
            self.http.set_method(request, method)
        }

        fn set_path_with_query(
            &mut self,
            request: Resource<OutgoingRequest>,
            path: Option<String>,
        ) -> Called<Result<(), ()>> {
            self.calls.enter()?;
            self.keep(path.as_ref().map_or(0, String::len))?;
            self.http.set_path_with_query(request, path)
        }

        fn set_scheme(
            &mut self,
            request: Resource<OutgoingRequest>,
            scheme: Option<Scheme>,
        ) -> Called<Result<(), ()>> {
            self.calls.enter()?;
            self.keep(if let Some(Scheme::Other(name)) = &scheme { name.len() } else { 0 })?;
            self.http.set_scheme(request, scheme)
        }

        fn set_authority(
            &mut self,
            request: Resource<OutgoingRequest>,
            authority: Option<String>,
        ) -> Called<Result<(), ()>> {
            self.calls.enter()?;
            self.keep(authority.as_ref().map_or(0, String::len))?;
            self.http.set_authority(request, authority)
        }
    }

    HostRequestOptions of RequestOptions {
        fn new() -> Resource<RequestOptions>;
        fn connect_timeout(options: Resource<RequestOptions>) -> Option<types::Duration>;
        fn set_connect_timeout(options: Resource<RequestOptions>, time: Option<types::Duration>) -> Result<(), ()>;
        fn first_byte_timeout(options: Resource<RequestOptions>) -> Option<types::Duration>;
        fn set_first_byte_timeout(options: Resource<RequestOptions>, time: Option<types::Duration>) -> Result<(), ()>;
        fn between_bytes_timeout(options: Resource<RequestOptions>) -> Option<types::Duration>;
        fn set_between_bytes_timeout(options: Resource<RequestOptions>, time: Option<types::Duration>) -> Result<(), ()>;
    }

    HostOutgoingBody of OutgoingBody {
    } + {
        fn write(&mut self, body: Resource<OutgoingBody>) -> Called<Result<Resource<DynOutputStream>, ()>> {
            self.calls.enter()?;
            let Some(stream) = self.http.table.get_mut(&body)?.take_output_stream() else { return Ok(Err(())) };
            let stream = Outgoing { stream, calls: self.calls.clone(), web: self.web.clone() };
            let stream: DynOutputStream = Box::new(stream);
            Ok(Ok(self.http.table.push_child(stream, &body)?))
        }

        fn finish(&mut self, body: Resource<OutgoingBody>, trailers: Option<Resource<FieldMap>>) -> HttpResult<()> {
            self.calls.enter().map_err(HttpError::trap)?;
            types::HostOutgoingBody::finish(&mut self.http, body, trailers)
        }
    }

    HostFutureIncomingResponse of FutureIncomingResponse {
        fn subscribe(answer: Resource<FutureIncomingResponse>) -> Resource<DynPollable>;
    } + {
        fn get(
            &mut self,
            answer: Resource<FutureIncomingResponse>,
        ) -> Called<Option<Result<Result<Resource<IncomingResponse>, ErrorCode>, ()>>> {
            self.calls.enter()?;
            let got = types::HostFutureIncomingResponse::get(&mut self.http, answer)?;
            if let Some(Ok(Ok(response))) = &got {
                let bytes = size(&self.http.table.get(response)?.headers);
                self.keep(bytes)?;
            }
            Ok(got)
        }
    }

    HostIncomingResponse of IncomingResponse {
        fn status(response: Resource<IncomingResponse>) -> StatusCode;
        fn headers(response: Resource<IncomingResponse>) -> Resource<FieldMap>;
        fn consume(response: Resource<IncomingResponse>) -> Result<Resource<IncomingBody>, ()>;
    }

    HostIncomingBody of IncomingBody {
        fn finish(body: Resource<IncomingBody>) -> Resource<FutureTrailers>;
    } + {
        fn stream(&mut self, body: Resource<IncomingBody>) -> Called<Result<Resource<DynInputStream>, ()>> {
            self.calls.enter()?;
            let Some(stream) = self.http.table.get_mut(&body)?.take_stream() else { return Ok(Err(())) };
            let stream: DynInputStream = Box::new(Incoming { stream, calls: self.calls.clone() });
            Ok(Ok(self.http.table.push_child(stream, &body)?))
        }
    }

    HostFutureTrailers of FutureTrailers {
        fn subscribe(trailers: Resource<FutureTrailers>) -> Resource<DynPollable>;
        fn get(
            trailers: Resource<FutureTrailers>
        ) -> Option<Result<Result<Option<Resource<FieldMap>>, ErrorCode>, ()>>;
    }

    HostIncomingRequest of IncomingRequest {
        fn method(request: Resource<IncomingRequest>) -> Method;
        fn path_with_query(request: Resource<IncomingRequest>) -> Option<String>;
        fn scheme(request: Resource<IncomingRequest>) -> Option<Scheme>;
        fn authority(request: Resource<IncomingRequest>) -> Option<String>;
        fn headers(request: Resource<IncomingRequest>) -> Resource<FieldMap>;
        fn consume(request: Resource<IncomingRequest>) -> Result<Resource<IncomingBody>, ()>;
    }

    HostOutgoingResponse of OutgoingResponse {
        fn new(headers: Resource<FieldMap>) -> Resource<OutgoingResponse>;
        fn body(response: Resource<OutgoingResponse>) -> Result<Resource<OutgoingBody>, ()>;
        fn status_code(response: Resource<OutgoingResponse>) -> StatusCode;
        fn set_status_code(response: Resource<OutgoingResponse>, status: StatusCode) -> Result<(), ()>;
        fn headers(response: Resource<OutgoingResponse>) -> Resource<FieldMap>;
    }

    HostResponseOutparam of ResponseOutparam {
        fn set(outparam: Resource<ResponseOutparam>, response: Result<Resource<OutgoingResponse>, ErrorCode>) -> ();
    } + {
        fn send_informational(
            &mut self,
            outparam: Resource<ResponseOutparam>,
            status: u16,
            headers: Resource<FieldMap>,
        ) -> HttpResult<()> {
            self.calls.enter().map_err(HttpError::trap)?;
            self.http.send_informational(outparam, status, headers)
        }
    }
}

impl types::Host for View<'_> {
    fn convert_error_code(&mut self, error: HttpError) -> Called<ErrorCode> {
        self.http.convert_error_code(error)
    }

    fn convert_header_error(&mut self, error: HeaderError) -> Called<types::HeaderError> {
        self.http.convert_header_error(error)
    }

    fn http_error_code(&mut self, error: Resource<IoError>) -> Called<Option<ErrorCode>> {
        self.calls.enter()?;
        self.http.http_error_code(error)
    }
}

impl outgoing_handler::Host for View<'_> {
    fn handle(
        &mut self,
        request: Resource<OutgoingRequest>,
        options: Option<Resource<RequestOptions>>,
    ) -> HttpResult<Resource<FutureIncomingResponse>> {
        self.calls.enter().map_err(HttpError::trap)?;
        let asked = self.http.table.get_mut(&request)?;
        // The standard says that none is an empty one; the library takes it for a mistake, and says so in the log.
        asked.path_with_query.get_or_insert_with(|| "/".to_owned());
        if asked.authority.is_none() {
            self.http.table.delete(request)?;
            return Err(ErrorCode::HttpRequestUriInvalid.into());
        }
        self.http.handle(request, options)
    }
}
