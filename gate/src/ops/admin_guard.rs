//! Access control of the private address: no browser page, and, where clients other than the machine's own programs
//! reach its loopback, only requests with the token.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::header::{AUTHORIZATION, HOST, ORIGIN, WWW_AUTHENTICATE};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::json;
use service_runtime::home::{self, HomeError};
use subtle::ConstantTimeEq;

const TOKEN_FILE: &str = "admin.token";
/// Paths for monitoring, which disclose nothing about persons.
const OPEN_PATHS: [&str; 3] = ["/health", "/ready", "/metrics"];

/// Returns whether the token is required now.
pub type TokenRequirement = Box<dyn Fn() -> bool + Send + Sync>;

/// Reads the token of a home, if a readable one exists.
pub fn read_token(home: &Path) -> Option<String> {
    let text = std::fs::read_to_string(home.join(TOKEN_FILE)).ok()?;
    let token = text.trim();
    let good = token.len() == 64 && token.bytes().all(|byte| byte.is_ascii_hexdigit());
    good.then(|| token.to_owned())
}

/// Middleware of the private address.
pub struct AdminGuard {
    token: String,
    file: PathBuf,
    needed: TokenRequirement,
}

impl AdminGuard {
    /// Uses the token of `home`, created if missing.
    pub fn new(home: &Path, needed: TokenRequirement) -> Result<Self, HomeError> {
        let token = if let Some(token) = read_token(home) {
            token
        } else {
            let fresh = hex::encode(rand::random::<[u8; 32]>());
            home::write(home, TOKEN_FILE, &fresh, true)?;
            fresh
        };
        Ok(Self { token, file: home.join(TOKEN_FILE), needed })
    }

    /// Adds the guard to `routes`.
    pub fn guard_routes(self, routes: Router) -> Router {
        routes.layer(from_fn_with_state(Arc::new(self), check_request))
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(AUTHORIZATION).map_or(&b""[..], |value| value.as_bytes());
        let (scheme, given) = given.split_at_checked(7).unwrap_or_default();
        scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(given.ct_eq(self.token.as_bytes()))
    }
}

async fn check_request(State(private): State<Arc<AdminGuard>>, request: Request, next: Next) -> Response {
    let (uri, headers) = (request.uri(), request.headers());
    // Monitoring may use a host name.
    if OPEN_PATHS.contains(&uri.path()) {
        return next.run(request).await;
    }
    if headers.contains_key(ORIGIN) || !is_addressed_by_ip(uri, headers) {
        let why = "nothing here is for browsers: ask by address or as localhost, without Origin";
        return (StatusCode::FORBIDDEN, Json(json!({ "error": why }))).into_response();
    }
    if (private.needed)() && !private.has_token(headers) {
        let why = format!(
            "users of the tunnel reach this address too: send Authorization: Bearer with the token in {}",
            private.file.display()
        );
        let challenge = [(WWW_AUTHENTICATE, "Bearer")];
        return (StatusCode::UNAUTHORIZED, challenge, Json(json!({ "error": why }))).into_response();
    }
    next.run(request).await
}

/// Whether the request targets an IP address or localhost. A host name may be rebound to this address by DNS.
fn is_addressed_by_ip(uri: &Uri, headers: &HeaderMap) -> bool {
    let is_address = |authority: &Authority| {
        let host = authority.host().trim_start_matches('[').trim_end_matches(']');
        host.eq_ignore_ascii_case("localhost") || host.parse::<IpAddr>().is_ok()
    };
    let hosts = headers.get_all(HOST).iter();
    uri.authority().is_none_or(is_address)
        && hosts.map(HeaderValue::as_bytes).all(|host| {
            host.is_empty() || Authority::try_from(host).is_ok_and(|authority| is_address(&authority))
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;
    use std::sync::atomic::{AtomicBool, Ordering};

    use axum::body::Body;
    use axum::routing::get;
    use http_body_util::BodyExt as _;
    use tower::ServiceExt as _;

    use super::*;

    struct AdminHarness {
        home: tempfile::TempDir,
        needed: Arc<AtomicBool>,
        routes: Router,
    }

    impl AdminHarness {
        fn new() -> Self {
            let (home, needed) = (tempfile::tempdir().unwrap(), Arc::new(AtomicBool::new(false)));
            let asked = Arc::clone(&needed);
            let private =
                AdminGuard::new(home.path(), Box::new(move || asked.load(Ordering::SeqCst))).unwrap();
            let paths = ["/health", "/ready", "/metrics", "/sessions", "/lockdown"];
            let routes = paths.iter().fold(Router::new(), |all, path| all.route(path, get(|| async {})));
            Self { home, needed, routes: private.guard_routes(routes) }
        }

        async fn asked(&self, uri: &str, headers: &[(&str, &str)]) -> (u16, String) {
            let builder = Request::builder().uri(uri);
            let request =
                headers.iter().fold(builder, |request, (name, value)| request.header(*name, *value));
            let answer = self.routes.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
            let status = answer.status().as_u16();
            let body = answer.into_body().collect().await.unwrap().to_bytes();
            (status, String::from_utf8(body.to_vec()).unwrap())
        }

        async fn status(&self, uri: &str, headers: &[(&str, &str)]) -> u16 {
            self.asked(uri, headers).await.0
        }
    }

    #[tokio::test]
    async fn requires_token_on_all_but_open_paths() {
        let harness = AdminHarness::new();
        let token = read_token(harness.home.path()).unwrap();
        assert_eq!(harness.status("/sessions", &[]).await, 200);
        harness.needed.store(true, Ordering::SeqCst);
        for open in OPEN_PATHS {
            assert_eq!(harness.status(open, &[]).await, 200, "{open}");
        }
        for path in ["/sessions", "/lockdown", "/sessions?x=/health", "//health", "/health/../sessions", "/x"]
        {
            let (status, answer) = harness.asked(path, &[]).await;
            assert_eq!(status, 401, "{path}");
            assert!(answer.contains("admin.token"), "{answer}");
        }
        for (value, status) in [
            (format!("Bearer {token}"), 200),
            (format!("bearer {token}"), 200),
            (format!("Bearer {token}0"), 401),
            (format!("Bearer {}", &token[1..]), 401),
            (format!("Basic {token}"), 401),
            (format!("Bearer {}", "0".repeat(64)), 401),
            (token.clone(), 401),
            ("Bearer ".to_owned(), 401),
            ("Bearer".to_owned(), 401),
            (String::new(), 401),
        ] {
            assert_eq!(harness.status("/sessions", &[("authorization", &value)]).await, status, "{value}");
        }
    }

    #[tokio::test]
    async fn refuses_browsers_with_and_without_token() {
        let harness = AdminHarness::new();
        let bearer = format!("Bearer {}", read_token(harness.home.path()).unwrap());
        for needed in [false, true] {
            harness.needed.store(needed, Ordering::SeqCst);
            for good in
                ["", "127.0.0.1:9585", "127.0.0.1", "[::1]:9585", "localhost:9585", "LocalHost", "10.1.2.3"]
            {
                let headers = [("host", good), ("authorization", &bearer)];
                assert_eq!(harness.status("/sessions", &headers).await, 200, "{good}");
            }
            for bad in
                ["evil.example", "evil.example:9585", "127.0.0.1.evil.example", "localhost.evil", "a b", "1"]
            {
                let headers = [("host", bad), ("authorization", &bearer)];
                assert_eq!(harness.status("/sessions", &headers).await, 403, "{bad}");
                let two = [("host", "127.0.0.1"), ("host", bad)];
                assert_eq!(harness.status("/sessions", &two).await, 403, "{bad}");
                assert_eq!(harness.status("/metrics", &two).await, 200, "{bad}");
            }
            let origin = [("host", "127.0.0.1"), ("origin", "null"), ("authorization", &bearer)];
            assert_eq!(harness.status("/sessions", &origin).await, 403);
            // As over HTTP/2, or to a proxy.
            let named = [("authorization", bearer.as_str())];
            assert_eq!(harness.status("http://evil.example/sessions", &named).await, 403);
            assert_eq!(harness.status("http://127.0.0.1:9585/sessions", &named).await, 200);
        }
    }

    #[test]
    fn creates_token_once_readable_by_the_owner_only() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(read_token(home.path()), None);
        let made = |home: &Path| AdminGuard::new(home, Box::new(|| true)).unwrap().token;
        let first = made(home.path());
        assert_eq!(made(home.path()), first);
        let file = home.path().join(TOKEN_FILE);
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        // A guessable token is not accepted.
        for odd in ["", "\n", "secret"] {
            std::fs::write(&file, odd).unwrap();
            assert_eq!(read_token(home.path()), None);
            let again = made(home.path());
            assert!(again.len() == 64 && again != first);
        }
    }
}
