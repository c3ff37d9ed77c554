//! The client of S3, configured by environment variables. Values that the client would accept
//! unchecked and panic on later are refused here.

use std::{io, time::Duration};

use object_store::{
    ClientConfigKey, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder, AmazonS3ConfigKey as Key},
};
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use url::Url;

use crate::config::is_loopback_url;

/// Creates the client of a bucket; `aws` contains the variables `AWS_…`. Nothing is requested yet.
///
/// # Errors
/// What is wrong with the bucket's name or a variable. A value is not repeated: it may be a secret.
pub fn client(
    bucket: &str,
    aws: impl Iterator<Item = (String, String)>,
) -> Result<AmazonS3, String> {
    if !is_name(bucket) {
        return Err(
            "a bucket's name has letters, digits, dots, hyphens and underscores only".into()
        );
    }
    let mut builder = AmazonS3Builder::new();
    let mut plain = false;
    for (name, value) in aws {
        let value = value.trim();
        if let Ok(key) = name.to_ascii_lowercase().parse::<Key>()
            && !value.is_empty()
        {
            plain |= check(&key, value).map_err(|why| format!("{name} {why}"))?;
            builder = builder.with_config(key, value);
        }
    }
    let retry = RetryConfig {
        max_retries: 3,
        retry_timeout: Duration::from_secs(60),
        ..RetryConfig::default()
    };
    let built = builder.with_bucket_name(bucket).with_allow_http(plain).with_retry(retry).build();
    built.map_err(|fault| fault.to_string())
}

/// Returns whether `value` is a plain http end point; `Err` is why `key` cannot have it.
fn check(key: &Key, value: &str) -> Result<bool, &'static str> {
    if !value.chars().all(|c| (' '..='~').contains(&c)) {
        return Err("has line breaks, control characters or non-ASCII letters: remove them");
    }
    match key {
        Key::Region | Key::DefaultRegion if !is_name(value) => {
            Err("must be the name of a region, such as us-east-1")
        }
        Key::Endpoint | Key::S3Endpoint => match Url::parse(value) {
            Ok(url) if url.scheme() == "https" && is_bare(&url) => Ok(false),
            Ok(url) if url.scheme() == "http" && is_bare(&url) => match is_loopback_url(value) {
                true => Ok(true),
                false => Err("must begin with https:// (plain http is for loopback only)"),
            },
            _ => Err("must be a URL with its scheme and nothing after its path, such as \
                      https://s3.example.org"),
        },
        Key::MetadataEndpoint
        | Key::ContainerCredentialsFullUri
        | Key::Client(ClientConfigKey::ProxyUrl)
            if !Url::parse(value).is_ok_and(|url| url.has_host()) =>
        {
            Err("must be a URL with its scheme, such as http://169.254.170.2")
        }
        Key::ContainerCredentialsRelativeUri if !value.starts_with('/') => {
            Err("must be a path that begins with /")
        }
        _ => Ok(false),
    }
}

fn is_bare(url: &Url) -> bool {
    url.has_host() && url.query().is_none() && url.fragment().is_none()
}

/// Returns whether `text` can be part of a host's name.
fn is_name(text: &str) -> bool {
    let usual = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    !text.is_empty() && text.chars().all(usual)
}

/// The size of one part of a large upload, in bytes.
const PART: usize = 8 << 20;

/// Uploads a spooled body in parts.
pub(super) async fn put_parts(
    spooled: tokio::fs::File,
    upload: &mut dyn object_store::MultipartUpload,
) -> object_store::Result<()> {
    let generic =
        |source: io::Error| object_store::Error::Generic { store: "S3", source: source.into() };
    let mut spooled = spooled;
    spooled.rewind().await.map_err(generic)?;
    loop {
        let mut part = Vec::with_capacity(PART);
        (&mut spooled).take(PART as u64).read_to_end(&mut part).await.map_err(generic)?;
        if part.is_empty() {
            return Ok(());
        }
        upload.put_part(part.into()).await?;
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::{
        error::{Kind, Result},
        mirror::Blobs,
    };

    fn s3(place: &str, aws: &[(&str, &str)]) -> Result<Blobs> {
        let usual = [("AWS_ACCESS_KEY_ID", "id\n"), ("AWS_SECRET_ACCESS_KEY", "key\n")];
        let all = usual.iter().chain(aws).map(|(name, value)| ((*name).into(), (*value).into()));
        Blobs::new(&format!("s3://{place}"), Path::new(""), all)
    }

    /// Returns whether the store answers a request; the client used to panic on its look-ups.
    async fn answers(blobs: &Blobs) -> bool {
        tokio::time::timeout(Duration::from_millis(200), blobs.size("f"))
            .await
            .is_ok_and(|it| it.is_ok())
    }

    #[tokio::test]
    async fn what_the_client_would_panic_on_is_refused_before() {
        for (place, name, value) in [
            ("b", "AWS_ENDPOINT_URL", "127.0.0.1:9000"),
            ("b", "AWS_ENDPOINT", "minio"),
            ("b", "AWS_ENDPOINT_URL_S3", "minio:9000/x"),
            ("b", "AWS_ENDPOINT_URL", "https://[::1"),
            ("b", "AWS_ENDPOINT_URL", "https://h/?x"),
            ("b", "AWS_ENDPOINT_URL_S3", "http://example.org"),
            ("b", "AWS_SESSION_TOKEN", "a\nb"),
            ("b", "AWS_SESSION_TOKEN", "\u{e9}"),
            ("b", "AWS_REGION", "us east 1"),
            ("b", "AWS_REGION", "a/b"),
            ("b", "AWS_METADATA_ENDPOINT", "foo"),
            ("b", "AWS_PROXY_URL", "foo:bar"),
            ("b", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "x"),
            ("b", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "foo"),
            ("b c/p", "AWS_REGION", "us-east-1"),
            ("b%zz", "AWS_REGION", "us-east-1"),
        ] {
            match s3(place, &[(name, value)]) {
                Err(error) => {
                    assert_eq!(error.kind, Kind::Config, "{value:?}: {error}");
                    assert!(!error.message.contains(value), "{error}");
                }
                Ok(_) => panic!("{place} {name}={value:?} is taken"),
            }
        }
        assert!(s3("b", &[("AWS_ENDPOINT_URL", ""), ("AWS_REGION", "us-east-1")]).is_ok());
        let end_point = ("AWS_ENDPOINT_URL", " http://127.0.0.1:9/x/ \n");
        let token = ("AWS_SESSION_TOKEN", "token\r\n");
        let blobs = s3(
            "b_1.x-y/p q/%zz",
            &[end_point, token, ("AWS_PROFILE", "\u{e9}"), ("AWS_REGION", " ")],
        )
        .unwrap();
        assert!(!answers(&blobs).await, "nobody is there, and nothing panics");
    }
}
