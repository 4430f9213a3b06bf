//! JSON that must be an object: serde also accepts a list of the field values for a struct.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::{Json, RequestExt};
use serde::de::DeserializeOwned;

/// Returns whether `json` can only be an object.
pub fn is_object(json: &[u8]) -> bool {
    json.trim_ascii_start().first() == Some(&b'{')
}

/// The JSON object in the body of a request.
#[derive(Debug)]
pub struct Object<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Object<T> {
    type Rejection = Response;

    async fn from_request(request: Request, state: &S) -> Result<Self, Response> {
        let (parts, body) = request.with_limited_body().into_parts();
        let bytes =
            Bytes::from_request(Request::new(body), state).await.map_err(IntoResponse::into_response)?;
        if !is_object(&bytes) {
            return Err((StatusCode::BAD_REQUEST, "the body is not an object").into_response());
        }
        let request = Request::from_parts(parts, Body::from(bytes));
        let Json(value) = Json::from_request(request, state).await.map_err(IntoResponse::into_response)?;
        Ok(Self(value))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::header::CONTENT_TYPE;
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    struct Why {
        reason: String,
    }

    async fn read(kind: &str, body: &'static str) -> Result<String, StatusCode> {
        let request = Request::builder().header(CONTENT_TYPE, kind).body(Body::from(body)).unwrap();
        Object::<Why>::from_request(request, &()).await.map(|why| why.0.reason).map_err(|no| no.status())
    }

    #[tokio::test]
    async fn accepts_only_json_objects() {
        const KIND: &str = "application/json";
        assert_eq!(read(KIND, " {\"reason\":\"x\"}").await.unwrap(), "x");
        // serde accepts a list.
        assert_eq!(serde_json::from_str::<Why>("[\"x\"]").unwrap().reason, "x");
        for bad in ["[\"x\"]", "\n[\"x\"]", "\"x\"", "", "null"] {
            assert_eq!(read(KIND, bad).await, Err(StatusCode::BAD_REQUEST), "{bad}");
        }
        // The content type must be JSON, and the fields must match.
        assert_eq!(read("text/plain", "{\"reason\":\"x\"}").await, Err(StatusCode::UNSUPPORTED_MEDIA_TYPE));
        for bad in ["{}", "{\"reason\":1}", "{\"reason\":\"x\",\"reason\":\"x\"}"] {
            assert_eq!(read(KIND, bad).await, Err(StatusCode::UNPROCESSABLE_ENTITY), "{bad}");
        }
    }
}
