//! The client against a server that sends exactly the bytes in the test: a well-behaved server
//! cannot produce these faults.
#![allow(clippy::unwrap_used)]

use std::{
    collections::VecDeque,
    io::Write as _,
    sync::{Arc, Mutex},
    time::Duration,
};

use secrecy::SecretString;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpListener,
};

use super::*;
use crate::{
    catalog::api_version::ApiVersion,
    config::Api,
    error::{Kind, Result},
    time::{Clock, Timestamp},
};

const KEY: &str = "sk-secret-1";

/// Answers each connection with the next of its answers, and repeats the last one for ever. After
/// an answer without `connection: close` the connection stays open and silent.
struct Server {
    url: String,
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    async fn start(answers: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let mut answers: VecDeque<_> = answers.into_iter().collect();
        let seen = requests.clone();
        tokio::spawn(async move {
            let mut held = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await.unwrap());
                }
                seen.lock().unwrap().push(String::from_utf8(head).unwrap());
                let answer = answers.pop_front().unwrap();
                if answers.is_empty() {
                    answers.push_back(answer.clone());
                }
                let _ = stream.write_all(&answer).await;
                if !answer.windows(17).any(|line| line == b"connection: close") {
                    held.push(stream);
                }
            }
        });
        Self { url, requests }
    }

    fn count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }

    fn request(&self) -> String {
        self.requests.lock().unwrap()[0].to_lowercase()
    }
}

fn answer(status: u16, headers: &str, body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let length = body.len();
    let head = format!("HTTP/1.1 {status} X\r\ncontent-length: {length}\r\nconnection: close\r\n");
    let mut bytes = format!("{head}{headers}\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn settings(url: &str) -> Settings {
    let api = Api {
        base_url: url.parse().unwrap(),
        timeout: Duration::from_secs(20),
        connect_timeout: Duration::from_secs(5),
        max_response: 1 << 20,
        retries: 2,
        retry_time: Duration::from_secs(5),
        ..Api::default()
    };
    Settings { api, backoff: Duration::from_millis(1), pace: Duration::ZERO }
}

fn client_with(settings: &Settings) -> Result<Client> {
    let clock = Clock::new(|| Timestamp::from_millis(784_111_777_000));
    Client::new(settings, SecretString::from(KEY), clock)
}

async fn get_with(settings: &Settings) -> Result<Reply, Failure> {
    client_with(settings).unwrap().get("/v2/avatars?token=t0ken", &|_| ()).await
}

async fn get(answers: impl IntoIterator<Item = Vec<u8>>) -> (Result<Reply, Failure>, Server) {
    let server = Server::start(answers).await;
    (get_with(&settings(&server.url)).await, server)
}

async fn list(client: &Client, progress: OnProgress<'_>) -> Fetched {
    let known = Arc::default();
    fetch(ApiVersion::V2, Catalogue::Avatars, client, false, &known, progress).await
}

#[tokio::test]
async fn a_reply_carries_what_a_poll_records() {
    let headers = "x-request-id: r-1\r\ndeprecation: true\r\nsunset: Sat, 31 Oct 2026 23:59:59 GMT\r\ncontent-encoding: gzip\r\n";
    let (reply, server) = get([answer(200, headers, gzip(b"{}"))]).await;
    let reply = reply.unwrap();
    assert_eq!(reply.body, b"{}");
    assert_eq!(reply.trace.status, Some(200));
    assert_eq!(reply.trace.received_at.map(Timestamp::millis), Some(784_111_777_000));
    assert_eq!(reply.trace.request_id.as_deref(), Some("r-1"));
    assert_eq!(reply.trace.bytes, Some(2));
    let sha256 = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";
    assert_eq!(reply.trace.sha256.as_deref(), Some(sha256));
    let notice = "this endpoint is deprecated and ends on Sat, 31 Oct 2026 23:59:59 GMT";
    assert_eq!(reply.trace.notice.as_deref(), Some(notice));
    let request = server.request();
    assert!(request.starts_with("get /v2/avatars?token=t0ken http/1.1"));
    for line in ["x-api-key: sk-secret-1", "accept: application/json", "user-agent: heygen-sync/"] {
        assert!(request.contains(line), "{line}");
    }
    for encoding in ["gzip", "br", "zstd"] {
        assert!(request.contains(encoding), "{encoding}");
    }
}

#[tokio::test]
async fn each_status_has_its_kind_and_only_passing_ones_are_asked_again() {
    for (status, kind, requests) in [
        (401, Kind::Refused, 1),
        (402, Kind::Refused, 1),
        (403, Kind::Refused, 1),
        (429, Kind::Unavailable, 3),
        (500, Kind::Unavailable, 3),
        (502, Kind::Unavailable, 3),
        (503, Kind::Unavailable, 3),
        (504, Kind::Unavailable, 3),
        (201, Kind::NotACatalogue, 1),
        (301, Kind::NotACatalogue, 1),
        (400, Kind::NotACatalogue, 1),
        (404, Kind::NotACatalogue, 1),
        (410, Kind::NotACatalogue, 1),
        (501, Kind::NotACatalogue, 1),
    ] {
        let body = format!(r#"{{"error":{{"code":"c-1","message":"not {KEY}"}}}}"#);
        let (reply, server) = get([answer(status, "x-request-id: r-1\r\n", &body)]).await;
        let failure = reply.unwrap_err();
        assert_eq!(failure.error.kind, kind, "{status}");
        assert_eq!(server.count(), requests, "{status}");
        let message = &failure.error.message;
        assert!(message.contains(&format!("HTTP {status} (c-1: not ***)")), "{message}");
        let trace = failure.trace.as_ref().unwrap();
        assert_eq!((trace.status, trace.bytes), (Some(status), u64::try_from(body.len()).ok()));
        assert_eq!(trace.request_id.as_deref(), Some("r-1"));
        assert!(trace.sha256.is_some());
    }
}

#[tokio::test]
async fn a_refusal_names_the_apis_own_code_and_blames_the_key_only_for_401() {
    let message = async |status, body: &str| {
        let (reply, server) = get([answer(status, "", body)]).await;
        let client = client_with(&settings(&server.url)).unwrap();
        let probed =
            probe(ApiVersion::V2, Catalogue::Avatars, &client).await.unwrap_err().error.message;
        let message = reply.unwrap_err().error.message;
        assert_eq!(message, probed);
        message
    };
    let error =
        |code: &str, rest: &str| format!(r#"{{"error":{{"code":"{code}","message":"no"{rest}}}}}"#);
    assert!(message(401, &error("unauthorized", "")).await.contains("check the key"));
    let body = error("insufficient_api_key_scope", r#","param":"avatars:read""#);
    let scope = message(403, &body).await;
    assert!(scope.contains("lacks the scope avatars:read"), "{scope}");
    for (status, code) in [(402, "plan_upgrade_required"), (403, "phone_verification_required")] {
        let message = message(status, &error(code, "")).await;
        assert!(message.contains(&format!("({code}: no)")), "{message}");
        assert!(!message.contains("check the key"), "{message}");
    }
}

#[tokio::test]
async fn a_request_is_named_by_the_first_header_that_names_it() {
    for (headers, id) in [
        ("x-amzn-trace-id: Root=1\r\nx-amzn-request-id: a-1\r\n", "a-1"),
        ("x-amzn-trace-id: Root=1\r\n", "Root=1"),
        ("x-amzn-request-id: a-1\r\nx-request-id: r-1\r\n", "r-1"),
    ] {
        let (reply, _server) = get([answer(200, headers, "{}")]).await;
        assert_eq!(reply.unwrap().trace.request_id.as_deref(), Some(id));
    }
}

#[tokio::test]
async fn a_body_is_unpacked_by_whatever_name_its_coding_has() {
    let members = [gzip(b"{\"a\""), gzip(b":1}")].concat();
    for (coding, body) in [
        ("x-gzip", gzip(br#"{"a":1}"#)),
        ("GZip", members),
        ("gzip, X-GZIP", gzip(&gzip(br#"{"a":1}"#))),
        ("Identity", br#"{"a":1}"#.to_vec()),
    ] {
        let headers = format!("content-encoding: {coding}\r\n");
        let (reply, _server) = get([answer(200, &headers, body)]).await;
        assert_eq!(reply.unwrap().body, br#"{"a":1}"#, "{coding}");
    }
    let (reply, server) = get([answer(200, "content-encoding: compress\r\n", "{}")]).await;
    let failure = reply.unwrap_err();
    assert_eq!((failure.error.kind, server.count()), (Kind::NotACatalogue, 1));
    assert!(failure.error.message.contains("'compress'"), "{}", failure.error);
}

/// A self-signed certificate, and its key.
const CERTIFICATE: &str = "\
    MIIBkDCCATagAwIBAgIUTepzEYCNluV2qqqNReos3dwNq3swCgYIKoZIzj0EAwIwFDESMBAGA1UEAwwJdW50cnVzdG\
    VkMCAXDTI2MTEyODIzMjMzMVoYDzIxMjYxMTA0MjMyMzMxWjAUMRIwEAYDVQQDDAl1bnRydXN0ZWQwWTATBgcqhkjO\
    PQIBBggqhkjOPQMBBwNCAARtckp4tho4+nsNvCl8yGQ4ODGBBHyc+59y5MxrDCZWLhY/+RxzaVYYUTMOem98y7e+GI\
    /xYBOQuI0GxGWHHVRso2QwYjAdBgNVHQ4EFgQUu2xWsOk4POwl/wTkc6gVSROMxBowHwYDVR0jBBgwFoAUu2xWsOk4\
    POwl/wTkc6gVSROMxBowDwYDVR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUCIQ\
    Dn/R3eycCL3ZAC7iwuPuerPLd7ARz8CQ6XQc9VE7/oVAIgPttwBl85n5TWPTtya+rh+imfSTkNcEFwyk4CEbynhys=";
const CERTIFICATE_KEY: &str = "\
    MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgCB1Irk4G5OAfLeLrgv/R9PX4g1GMBlPVAn95HWq4O5\
    2hRANCAARtckp4tho4+nsNvCl8yGQ4ODGBBHyc+59y5MxrDCZWLhY/+RxzaVYYUTMOem98y7e+GI/xYBOQuI0GxGWH\
    HVRs";

#[tokio::test]
async fn a_certificate_that_is_not_trusted_is_one_message_with_the_remedy() {
    use base64::{Engine, prelude::BASE64_STANDARD};
    use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer};
    let certificate = CertificateDer::from(BASE64_STANDARD.decode(CERTIFICATE).unwrap());
    let key = PrivatePkcs8KeyDer::from(BASE64_STANDARD.decode(CERTIFICATE_KEY).unwrap());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate], key.into())
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    let connections = Arc::new(Mutex::new(0));
    let seen = connections.clone();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            *seen.lock().unwrap() += 1;
            let _ = acceptor.accept(stream).await;
        }
    });
    let failure = get_with(&settings(&url)).await.unwrap_err();
    assert_eq!(failure.error.kind, Kind::Unavailable);
    let message = failure.error.message;
    assert!(message.contains("is not trusted") && message.contains("SSL_CERT_FILE"), "{message}");
    assert!(!message.contains("gave up"), "{message}");
    assert_eq!(*connections.lock().unwrap(), 1);
}

#[tokio::test]
async fn one_bad_moment_is_survived() {
    let (reply, server) = get([answer(503, "", "<html>"), answer(200, "", "{}")]).await;
    assert_eq!(reply.unwrap().body, b"{}");
    assert_eq!(server.count(), 2);
}

#[tokio::test]
async fn giving_up_after_the_retries_is_said() {
    let (reply, _server) = get([answer(502, "", "<html>Bad gateway</html>")]).await;
    let message = reply.unwrap_err().error.message;
    assert!(
        message.ends_with("answered HTTP 502 (gave up after 3 attempts); try again later"),
        "{message}"
    );
}

#[tokio::test]
async fn a_wait_past_the_limit_is_not_begun() {
    for wait in ["600", "Sun, 06 Nov 1994 08:59:37 GMT"] {
        let (reply, server) = get([answer(429, &format!("retry-after: {wait}\r\n"), "")]).await;
        let failure = reply.unwrap_err();
        assert_eq!(failure.error.kind, Kind::Unavailable);
        assert_eq!(server.count(), 1);
        let message = failure.error.message;
        assert!(message.contains("a wait of 10m would exceed the 5s"), "{message}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed_and_the_key_goes_nowhere_else() {
    let other = Server::start([answer(200, "", "{}")]).await;
    let location = format!("location: {}/v2/avatars\r\n", other.url);
    let (reply, _server) = get([answer(302, &location, "")]).await;
    assert_eq!(reply.unwrap_err().error.kind, Kind::NotACatalogue);
    assert_eq!(other.count(), 0);
}

#[tokio::test]
async fn a_body_that_unpacks_past_the_cap_is_refused() {
    let bomb = gzip(&vec![b' '; (1 << 20) + 1]);
    let (reply, server) = get([answer(200, "content-encoding: gzip\r\n", &bomb)]).await;
    let failure = reply.unwrap_err();
    assert_eq!(failure.error.kind, Kind::NotACatalogue);
    assert!(failure.error.message.contains("api.max_response"), "{}", failure.error);
    assert_eq!(failure.trace.unwrap().bytes, None);
    assert_eq!(server.count(), 1);
}

#[tokio::test]
async fn a_body_as_large_as_the_cap_is_taken() {
    let (reply, _server) = get([answer(200, "", vec![b' '; 1 << 20])]).await;
    assert_eq!(reply.unwrap().trace.bytes, Some(1 << 20));
}

#[tokio::test]
async fn a_body_cut_off_is_asked_for_again() {
    let packed = gzip(br#"{"a":1}"#);
    let zip = "content-encoding: gzip\r\n";
    let half = |whole: &[u8]| whole[..whole.len() - 4].to_vec();
    let (plain, zipped) = (answer(200, "", r#"{"error":null}"#), answer(200, zip, &packed));
    let chunked =
        b"HTTP/1.1 200 X\r\nconnection: close\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}";
    let all_chunks = [chunked.as_slice(), b"\r\n0\r\n\r\n"].concat();
    for (cut, whole) in [
        (half(&plain), plain),
        (half(&zipped), zipped.clone()),
        (answer(200, zip, half(&packed)), zipped),
        (chunked.to_vec(), all_chunks),
    ] {
        let (reply, _server) = get([cut.clone(), whole]).await;
        assert!(reply.is_ok());
        let (reply, server) = get([cut]).await;
        let failure = reply.unwrap_err();
        assert_eq!(failure.error.kind, Kind::Unavailable, "{}", failure.error);
        assert_eq!(server.count(), 3);
        let trace = failure.trace.unwrap();
        assert_eq!((trace.status, trace.bytes, trace.sha256), (Some(200), None, None));
    }
}

#[tokio::test]
async fn a_body_that_is_not_what_its_encoding_says_is_no_catalogue() {
    for encoding in ["gzip", "br", "zstd"] {
        let headers = format!("content-encoding: {encoding}\r\n");
        let (reply, server) = get([answer(200, &headers, "not compressed at all")]).await;
        let failure = reply.unwrap_err();
        assert_eq!(failure.error.kind, Kind::NotACatalogue, "{encoding}: {}", failure.error);
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_not_repeated() {
    // No bytes at all, and a body that never ends.
    let endless = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec();
    for (answer, answered) in [(Vec::new(), false), (endless, true)] {
        let server = Server::start([answer]).await;
        let mut brief = settings(&server.url);
        brief.api.timeout = Duration::from_secs(2);
        let failure = get_with(&brief).await.unwrap_err();
        assert_eq!(failure.error.kind, Kind::Unavailable);
        let message = failure.error.message;
        assert!(message.contains("within 2s") && message.contains("api.timeout"), "{message}");
        assert_eq!(failure.trace.is_some(), answered);
        assert_eq!(server.count(), 1);
    }
}

#[tokio::test]
async fn a_refused_connection_is_tried_again_and_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let failure = get_with(&settings(&url)).await.unwrap_err();
    assert_eq!(failure.error.kind, Kind::Unavailable);
    assert!(failure.trace.is_none());
    let message = failure.error.message;
    assert!(message.contains("refused") && message.contains("after 3 attempts"), "{message}");
}

#[tokio::test]
async fn key_and_query_are_in_no_error_and_no_debug_text() {
    let echo = format!(r#"{{"error":"{KEY} https://x.test/?Signature=s1gn t0ken?t0ken"}}"#);
    let headers = format!("x-request-id: {KEY}\r\ndeprecation: 1\r\nsunset: {KEY}\r\n");
    for status in [200, 401, 404, 502] {
        let (reply, server) = get([answer(status, &headers, &echo)]).await;
        let text = match reply {
            Ok(reply) => format!("{reply:?}"),
            Err(failure) => format!("{failure:?} {}", failure.error),
        };
        let client = client_with(&settings(&server.url)).unwrap();
        let fetched = list(&client, &|_| ()).await;
        let text = format!(
            "{text} {client:?} {} {:?} {:?} {:?}",
            fetched.source, fetched.trace.request_id, fetched.trace.notice, fetched.answer
        );
        for secret in [KEY, "s1gn", "?t0ken", "token=t0ken"] {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
}

#[tokio::test]
async fn progress_tells_the_decoded_bytes() {
    let server = Server::start([answer(200, "", "[1,2]")]).await;
    let seen = Mutex::new(Vec::new());
    let client = client_with(&settings(&server.url)).unwrap();
    client.get("/x", &|progress| seen.lock().unwrap().push(progress)).await.unwrap();
    assert_eq!(seen.into_inner().unwrap().last(), Some(&Progress::Bytes(5)));
}

#[tokio::test]
async fn a_probe_reads_the_head_only_and_asks_once() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 999\r\n\r\n".to_vec();
    let server = Server::start([head, answer(401, "", ""), answer(503, "", "")]).await;
    let client = client_with(&settings(&server.url)).unwrap();
    assert_eq!(
        probe(ApiVersion::V2, Catalogue::Avatars, &client).await.map_err(|failure| failure.error),
        Ok(())
    );
    assert_eq!(
        probe(ApiVersion::V2, Catalogue::Avatars, &client).await.unwrap_err().error.kind,
        Kind::Refused
    );
    assert_eq!(
        probe(ApiVersion::V2, Catalogue::Avatars, &client).await.unwrap_err().error.kind,
        Kind::Unavailable
    );
    assert_eq!(server.count(), 3);
}

#[tokio::test]
async fn what_was_fetched_joins_the_notices_of_header_and_body() {
    let body = r#"{"error":null,"data":{"avatars":[],"talking_photos":[]},
        "warning":{"message":"use v3"}}"#;
    let server = Server::start([answer(200, "deprecation: true\r\n", body)]).await;
    let client = client_with(&settings(&format!("{}/mock/", server.url))).unwrap();
    let fetched = list(&client, &|_| ()).await;
    assert!(fetched.answer.is_ok());
    assert_eq!(fetched.source, format!("{}/mock/v2/avatars", server.url));
    assert_eq!(fetched.trace.status, Some(200));
    let warning = fetched.trace.notice.unwrap();
    assert!(warning.starts_with("this endpoint is deprecated; use v3"), "{warning}");
    assert!(server.request().starts_with("get /mock/v2/avatars http"));
}

#[tokio::test]
async fn what_failed_is_recorded_all_the_same() {
    let server = Server::start([answer(200, "x-request-id: r-9\r\n", "no JSON")]).await;
    let client = client_with(&settings(&server.url)).unwrap();
    let fetched = list(&client, &|_| ()).await;
    assert_eq!(fetched.answer.err().map(|error| error.kind), Some(Kind::NotACatalogue));
    assert_eq!((fetched.trace.status, fetched.trace.bytes), (Some(200), Some(7)));
    assert_eq!(fetched.trace.request_id.as_deref(), Some("r-9"));
}

#[test]
fn the_key_is_never_sent_in_the_clear_except_to_this_machine() {
    let kind = |url| client_with(&settings(url)).map(|_| ()).map_err(|error| error.kind);
    for url in ["https://api.heygen.com", "http://localhost:1", "http://127.0.0.9", "http://[::1]"]
    {
        assert_eq!(kind(url), Ok(()), "{url}");
    }
    for url in [
        "http://api.heygen.com",
        "http://localhost.example.com",
        "ftp://localhost",
        "https://me:word@api.heygen.com",
    ] {
        assert_eq!(kind(url), Err(Kind::Config), "{url}");
    }
}

#[test]
fn a_key_that_cannot_be_sent_is_a_configuration_error_that_does_not_show_it() {
    for key in ["", "sk-secret-1\nrest"] {
        let settings = settings("https://api.heygen.com");
        let error = Client::new(&settings, SecretString::from(key), Clock::system()).unwrap_err();
        assert_eq!(error.kind, Kind::Config);
        assert!(!error.message.contains("secret"));
    }
}

#[tokio::test]
async fn a_panic_while_a_list_is_read_is_a_failed_fetch() {
    let server = Server::start([answer(200, "", "{}")]).await;
    let client = client_with(&settings(&server.url)).unwrap();
    let fetched = list(&client, &|_| panic!("a bug")).await;
    assert_eq!(fetched.answer.err().unwrap().kind, Kind::Unforeseen);
    assert_eq!(fetched.source, format!("{}/v2/avatars", server.url));
}
