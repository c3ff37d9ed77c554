//! Access control, and the security headers of every response.
//!
//! The server listens on loopback only, unless a token or a proxy controls access. The `Host` header is
//! checked against DNS rebinding: a site whose name resolves to this machine can read nothing here.

use std::net::{IpAddr, SocketAddr};

use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, header};
use base64::{Engine, engine::general_purpose::STANDARD};
use secrecy::{ExposeSecret, SecretString};
use sha2::{Digest, Sha256};

use crate::error::{Error, Result};

/// The rules of access.
#[derive(Debug, Clone)]
pub struct Access {
    /// The password that a browser must send, with any user name, and the bearer token of the API.
    pub token: Option<SecretString>,
    /// Whether a proxy controls access.
    pub behind_proxy: bool,
    /// The accepted host names, in addition to those of this machine.
    pub hosts: Vec<String>,
}

/// Why a request is refused.
#[derive(Debug, PartialEq, Eq, Clone, Copy)]
pub enum Refusal {
    /// The method is neither GET nor HEAD.
    Method,
    /// The host name is not accepted.
    Host,
    /// The token is missing or wrong.
    Token,
}

impl Access {
    /// Fails if it does not suffice for listening at `address` (exit code 78).
    pub fn suffices(&self, address: SocketAddr) -> Result<()> {
        if address.ip().is_loopback() || self.token.is_some() || self.behind_proxy {
            return Ok(());
        }
        Err(Error::config(format!(
            "serve.listen: {address} can be reached from other machines; set a token \
             (serve.token_file or serve.token_env), or serve.behind_proxy = true if a proxy \
             controls access"
        )))
    }

    /// Ignores the proxy on a loopback address: a browser on this machine can bypass it, so host names are
    /// checked as without a proxy.
    pub fn listens_at(&mut self, address: SocketAddr) {
        self.behind_proxy &= !address.ip().is_loopback();
    }

    /// Returns why the request is refused, if it is. `open` paths need no token.
    pub fn admits(&self, method: &Method, headers: &HeaderMap, open: bool) -> Option<Refusal> {
        if !matches!(*method, Method::GET | Method::HEAD) {
            return Some(Refusal::Method);
        }
        if !self.knows_host(headers) {
            return Some(Refusal::Host);
        }
        (!open && !self.knows_token(headers)).then_some(Refusal::Token)
    }

    /// Returns whether the host name is one of this machine or a configured one. Any name is accepted if
    /// none is configured and a token or a proxy controls access.
    fn knows_host(&self, headers: &HeaderMap) -> bool {
        let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
        let Some(host) = host.map(without_port) else { return false };
        let listed = self.hosts.iter().any(|known| known.eq_ignore_ascii_case(host));
        let protected = self.hosts.is_empty() && (self.token.is_some() || self.behind_proxy);
        listed || protected || is_own_name(host)
    }

    fn knows_token(&self, headers: &HeaderMap) -> bool {
        let Some(token) = &self.token else { return true };
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, given)) = given.and_then(|value| value.split_once(' ')) else {
            return false;
        };
        let is = |name: &str| scheme.eq_ignore_ascii_case(name);
        let token = token.expose_secret().as_bytes();
        if is("bearer") {
            return same(given.trim().as_bytes(), token);
        }
        let decoded = STANDARD.decode(given.trim()).ok().filter(|_| is("basic"));
        let Some(colon) = decoded.as_ref().and_then(|pair| pair.iter().position(|b| *b == b':'))
        else {
            return false;
        };
        let password = decoded.as_deref().map(|pair| &pair[colon + 1..]).unwrap_or_default();
        same(password, token)
    }
}

/// Compares in constant time, by all bytes of the hashes.
fn same(a: &[u8], b: &[u8]) -> bool {
    let (a, b) = (Sha256::digest(a), Sha256::digest(b));
    a.iter().zip(b.iter()).fold(0, |differ, (x, y)| differ | (x ^ y)) == 0
}

fn without_port(host: &str) -> &str {
    match host.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((address, _)) => address,
        None => host.rsplit_once(':').map_or(host, |(name, _)| name),
    }
}

fn is_own_name(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// The security headers of every response.
pub const HEADERS: [(HeaderName, HeaderValue); 6] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; \
             frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
    (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
    (
        HeaderName::from_static("cross-origin-opener-policy"),
        HeaderValue::from_static("same-origin"),
    ),
    (
        HeaderName::from_static("cross-origin-resource-policy"),
        HeaderValue::from_static("same-origin"),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(host: &str, authorization: Option<&str>) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        if let Some(value) = authorization {
            headers.insert(header::AUTHORIZATION, value.parse().unwrap());
        }
        headers
    }

    fn access(token: Option<&str>, hosts: &[&str]) -> Access {
        let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
        Access { token: token.map(Into::into), behind_proxy: false, hosts }
    }

    #[test]
    fn another_sites_name_is_refused() {
        let admits =
            |access: &Access, host| access.admits(&Method::GET, &headers(host, None), false);
        let open = access(None, &["gallery.example.org"]);
        for host in
            ["localhost", "localhost:8087", "127.0.0.1:8087", "[::1]:8087", "Gallery.example.org"]
        {
            assert_eq!(admits(&open, host), None, "{host}");
        }
        for host in ["evil.example", "localhost.evil.example:8087", "192.0.2.1", ""] {
            assert_eq!(admits(&open, host), Some(Refusal::Host), "{host}");
        }
        assert_eq!(open.admits(&Method::GET, &HeaderMap::new(), true), Some(Refusal::Host));
        assert_eq!(
            open.admits(&Method::POST, &headers("localhost", None), true),
            Some(Refusal::Method)
        );
    }

    #[test]
    fn a_token_is_asked_for_as_the_password_of_any_user() {
        let access = access(Some("sesame:x"), &[]);
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let admits = |value: Option<&str>| access.admits(&Method::GET, &headers("h", value), false);
        assert_eq!(admits(Some(&basic("anyone:sesame:x"))), None);
        assert_eq!(admits(Some(&basic(":sesame:x"))), None);
        assert_eq!(admits(Some("bearer sesame:x")), None);
        for wrong in
            [None, Some("Basic !"), Some("Bearer x"), Some(&basic("sesame:x")), Some(&basic("a:"))]
        {
            assert_eq!(admits(wrong), Some(Refusal::Token), "{wrong:?}");
        }
    }

    #[test]
    fn on_a_loopback_address_a_proxy_does_not_protect() {
        let own: SocketAddr = "127.0.0.1:8087".parse().unwrap();
        let all: SocketAddr = "0.0.0.0:8087".parse().unwrap();
        let admits = |address: SocketAddr, hosts: &[&str]| {
            let mut access = Access { behind_proxy: true, ..access(None, hosts) };
            access.listens_at(address);
            access.admits(&Method::GET, &headers("evil.example", None), false)
        };
        assert_eq!(admits(own, &[]), Some(Refusal::Host));
        assert_eq!(admits(own, &["evil.example"]), None);
        assert_eq!(admits(all, &[]), None);
    }

    #[test]
    fn listening_for_others_needs_a_token_or_a_proxy() {
        let all: SocketAddr = "0.0.0.0:8087".parse().unwrap();
        let own: SocketAddr = "127.0.0.1:8087".parse().unwrap();
        assert!(access(None, &[]).suffices(own).is_ok());
        assert_eq!(access(None, &[]).suffices(all).unwrap_err().kind.exit_code(), 78);
        assert!(access(Some("t"), &[]).suffices(all).is_ok());
        assert!(Access { behind_proxy: true, ..access(None, &[]) }.suffices(all).is_ok());
    }
}
