//! Where the mirror may connect to: allowed hosts, and no address inside a network.
//!
//! Names are resolved here and the client connects to the checked addresses, so a name cannot have
//! one address when it is checked and another when it is used. A proxy would resolve names itself,
//! so none is used. Knows nothing of assets.

use std::{
    error::Error as StdError,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::Arc,
};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Position, Url};

use crate::store::queue::ALLOWED_HOSTS;

/// The contents of `mirror.allowed_hosts`: exact names, `*.suffix` for all names below it, and
/// addresses, which are allowed even if they are private.
#[derive(Clone, Debug)]
pub struct Guard(Arc<Vec<String>>);

/// An address that must not be connected to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden;

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the host's name resolves to an address inside a network")
    }
}

impl StdError for Forbidden {}

impl Guard {
    /// Creates a guard that allows `hosts`.
    pub fn new(hosts: &[String]) -> Self {
        let name = |host: &String| host.trim_end_matches('.').to_ascii_lowercase();
        Self(Arc::new(hosts.iter().map(name).collect()))
    }

    /// Checks whether the URL may be requested; the error is the reason, without the URL.
    pub fn check(&self, url: &Url) -> Result<(), String> {
        if !matches!(url.scheme(), "http" | "https") {
            return Err("its scheme is not http or https".into());
        }
        let allowed = match url.host() {
            Some(Host::Domain(name)) => self.allows_name(name),
            Some(Host::Ipv4(address)) => self.lists(address.into()),
            Some(Host::Ipv6(address)) => self.lists(address.into()),
            None => false,
        };
        let host = url.host_str().unwrap_or_default();
        match allowed {
            true => Ok(()),
            false => Err(format!("its host '{host}' is not among {}", self.allowed())),
        }
    }

    /// Returns the allowed hosts, as [`Guard::check`] names them.
    pub fn allowed(&self) -> String {
        format!("{ALLOWED_HOSTS} ({})", self.0.join(", "))
    }

    fn allows_name(&self, name: &str) -> bool {
        let name = name.trim_end_matches('.').to_ascii_lowercase();
        self.0.iter().any(|pattern| match pattern.strip_prefix('*') {
            Some(suffix) => name.len() > suffix.len() && name.ends_with(suffix),
            None => name == *pattern,
        })
    }

    fn lists(&self, address: IpAddr) -> bool {
        self.0.iter().any(|pattern| pattern.parse() == Ok(address))
    }

    fn allows(&self, address: IpAddr) -> bool {
        is_public(address) || self.lists(address)
    }

    /// Returns a resolver that asks `inner` and returns allowed addresses only.
    pub fn resolver(&self, inner: Arc<dyn Resolve>) -> impl Resolve + use<> {
        Guarded { guard: self.clone(), inner }
    }
}

/// Returns whether a link's path and query are sent as written. A parsed URL is normalised: `/./`
/// is removed, `'` in the query and `{` in the path are percent-encoded. The signature is of the
/// link as written, so that a normalised one would be another link.
pub fn is_sent_as_written(link: &str) -> bool {
    let Ok(url) = Url::parse(link) else { return false };
    let sent = &url[Position::BeforePath..Position::AfterQuery];
    let Some((_, rest)) = link.split_once("://") else { return false };
    let written = rest.find(['/', '?', '#']).map_or("", |at| &rest[at..]);
    let written = written.split('#').next().unwrap_or_default();
    match written.starts_with('/') {
        true => written == sent,
        // The path of a URL that ends with its host is `/`.
        false => sent.strip_prefix('/') == Some(written),
    }
}

struct Guarded {
    guard: Guard,
    inner: Arc<dyn Resolve>,
}

impl Resolve for Guarded {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.guard.clone();
        let found = self.inner.resolve(name);
        Box::pin(async move {
            let all: Vec<SocketAddr> =
                found.await?.filter(|address| guard.allows(address.ip())).collect();
            match all.is_empty() {
                true => Err(Forbidden.into()),
                false => Ok(Box::new(all.into_iter()) as Addrs),
            }
        })
    }
}

/// The system's own resolver.
#[derive(Debug)]
pub struct System;

impl Resolve for System {
    fn resolve(&self, name: Name) -> Resolving {
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

/// Returns whether an address belongs to the public internet.
fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

/// Returns whether it is public, by the registry of special-purpose addresses (RFC 6890 and later).
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_multicast()
        || address.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (18..20).contains(&b)))
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    let embedded = |high: u16, low: u16| {
        let [a, b] = high.to_be_bytes();
        let [c, d] = low.to_be_bytes();
        is_public_v4(Ipv4Addr::new(a, b, c, d))
    };
    match parts {
        // IPv4 addresses, written as IPv6.
        [0, 0, 0, 0, 0, 0xffff, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
            embedded(high, low)
        }
        [0x2002, high, low, ..] => embedded(high, low),
        // Tunnels, benchmarks and documentation.
        [0x2001, second, ..] if second < 0x0200 || second == 0x0db8 => false,
        [0x3fff, second, ..] if second < 0x1000 => false,
        [first, ..] => (0x2000..0x4000).contains(&first),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guard(hosts: &[&str]) -> Guard {
        Guard::new(&hosts.iter().map(|host| (*host).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn only_the_allowed_hosts_are_asked() {
        let guard = guard(&["*.heygen.ai", "CDN.example.", "127.0.0.1"]);
        let allowed = |url: &str| guard.check(&Url::parse(url).unwrap()).is_ok();
        assert!(allowed("https://files2.heygen.ai/a"));
        assert!(allowed("https://a.b.HeyGen.ai:8443/a"));
        assert!(allowed("http://cdn.example/"));
        assert!(allowed("http://127.0.0.1:8080/"));
        for other in [
            "https://heygen.ai/",
            "https://evilheygen.ai/",
            "https://files2.heygen.ai.evil.example/",
            "https://files2.heygen.ai@evil.example/",
            "https://sub.cdn.example/",
            "http://127.0.0.2/",
            "http://[::1]/",
            "http://2130706434/",
            "ftp://files2.heygen.ai/",
            "file:///etc/passwd",
            "data:image/png;base64,AA",
        ] {
            assert!(!allowed(other), "{other}");
        }
    }

    #[test]
    fn a_link_that_would_be_changed_on_its_way_is_known() {
        let signed = |written: &str| format!("https://Files2.HeyGen.ai{written}");
        for kept in [
            "/image/ab/original?Expires=1764000000&Signature=Ab-_~&Key-Pair-Id=K1",
            "/a%7eb/~c.webp?x=%27|^{}[]`\\&y=a+b%20c&&=",
            "/a'b|c(d)!$&*+,;=:@//e.webp?Policy=ey..J9__&Signature=a/./b",
            "/a.webp?Signature=1#part",
            ":443/a?Signature=1",
            "/?Signature=1",
            "?Signature=1",
            "",
        ] {
            assert!(is_sent_as_written(&signed(kept)), "{kept}");
        }
        for changed in [
            "/a.webp?name='b'&Signature=1",
            "/a.webp?name=\"b\"&Signature=1",
            "/a b.webp?Signature=1",
            "/a.webp?b c&Signature=1",
            "/a/./b.webp?Signature=1",
            "/a/../b.webp?Signature=1",
            "/a/%2e%2E/b.webp?Signature=1",
            "/{a}.webp?Signature=1",
            "/a\\b.webp?Signature=1",
            "/\u{e9}.webp?Signature=1",
            "/a.webp?Signature=1 ",
            "/a.web\tp?Signature=1",
            "\\a.webp?Signature=1",
        ] {
            assert!(!is_sent_as_written(&signed(changed)), "{changed}");
        }
    }

    #[test]
    fn addresses_inside_a_network_are_told_from_public_ones() {
        let public = |text: &str| is_public(text.parse().unwrap());
        for inside in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "198.18.0.1",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.2.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "fd12::1",
            "fec0::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
            "::127.0.0.1",
        ] {
            assert!(!public(inside), "{inside}");
        }
        for outside in ["1.1.1.1", "99.84.0.1", "172.32.0.1", "2606:4700::1", "::ffff:1.1.1.1"] {
            assert!(public(outside), "{outside}");
        }
        assert!(guard(&["127.0.0.1"]).allows("127.0.0.1".parse().unwrap()));
        assert!(!guard(&["localhost"]).allows("127.0.0.1".parse().unwrap()));
    }
}
