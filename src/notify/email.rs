//! Sends a message as an e-mail: plain text and HTML, both from one template, over SMTP.

use std::{error::Error as StdError, time::Duration};

use askama::Template;
use lettre::{
    AsyncSmtpTransport, AsyncTransport, Message, Tokio1Executor,
    message::{
        Mailbox, MultiPart,
        header::{HeaderName, HeaderValue},
    },
    transport::smtp::{Error as SmtpError, extension::ClientId},
};
use serde_json::Value as Json;

use super::words::short;
use crate::{
    config::Mail,
    error::{Error, Result, causes},
    system::host,
    time::Timestamp,
};

/// Sends the e-mails of one receiver.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    from: Mailbox,
    to: Vec<Mailbox>,
    timeout: Duration,
}

impl Mailer {
    /// # Errors
    /// [`crate::error::Kind::Config`] if TLS cannot be set up, or the URL is not a mail server's.
    pub fn new(mail: Mail, timeout: Duration) -> Result<Self> {
        let Mail { server, from, to } = mail;
        // The fault may quote the URL.
        let unusable = |_| Error::config("the URL of the mail server cannot be used");
        let builder = AsyncSmtpTransport::<Tokio1Executor>::from_url(server.as_str());
        let transport = builder
            .map_err(unusable)?
            .hello_name(ClientId::Domain(host()))
            .timeout(Some(timeout))
            .build();
        Ok(Self { transport, from, to, timeout })
    }

    /// Sends a message; `Err` is why it was not accepted, without the server's text.
    pub async fn send(&self, message: &Json, now: Timestamp) -> Result<(), String> {
        let mail = self.mail(message, now).map_err(|_| "it cannot be written as an e-mail")?;
        let sent = tokio::time::timeout(self.timeout, self.transport.send(mail)).await;
        let late =
            || format!("the mail server did not answer within {} s", self.timeout.as_secs_f64());
        match sent {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(fault)) if fault.is_timeout() => Err(late()),
            Ok(Err(fault)) => Err(fault_in_words(&fault)),
            Err(_) => Err(late()),
        }
    }

    fn mail(&self, message: &Json, now: Timestamp) -> Result<Message, lettre::error::Error> {
        let body = MailBody::of(message);
        let id = message["id"].as_str().unwrap_or_default();
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        let builder = Message::builder()
            .from(self.from.clone())
            .date(now.to_chrono().into())
            .message_id(Some(format!("<{id}@heygen-sync>")))
            .raw_header(HeaderValue::new(automatic, "auto-generated".into()))
            .subject(body.subject());
        let builder = self.to.iter().fold(builder, |builder, to| builder.to(to.clone()));
        builder.multipart(MultiPart::alternative_plain_html(body.part(false), body.part(true)))
    }
}

/// The content of a mail.
struct MailBody {
    alarms: Vec<String>,
    lines: Vec<String>,
    about: String,
}

impl MailBody {
    fn of(message: &Json) -> Self {
        let data = &message["data"];
        let text = data["text"].as_str().unwrap_or_default();
        let (alarms, lines) =
            text.lines().map(str::to_owned).partition(|line| line.starts_with("! "));
        let kind = message["type"].as_str().unwrap_or_default();
        let at = message["timestamp"].as_str().unwrap_or_default();
        let poll =
            data["poll_id"].as_i64().map_or(String::new(), |poll| format!(" of poll {poll}"));
        let about = format!("heygen-sync: {kind}{poll}, {at}");
        Self { alarms, lines, about }
    }

    fn subject(&self) -> String {
        let first = self.alarms.first().or(self.lines.first());
        format!("heygen-sync: {}", short(first.map_or("", String::as_str)))
    }

    /// Renders the mail as HTML, or as plain text.
    fn part(&self, html: bool) -> String {
        // Rendering to a string does not fail.
        Part { html, body: self }.render().unwrap_or_default()
    }
}

#[derive(Template)]
#[template(path = "mail.html")]
struct Part<'a> {
    html: bool,
    body: &'a MailBody,
}

/// Describes a fault by kind and code: the server's text may contain anything.
fn fault_in_words(fault: &SmtpError) -> String {
    match fault.status() {
        Some(code) => format!("the mail server answered {code}"),
        None if is_of_tls(fault) => {
            "the mail server's certificate is not trusted, or it speaks no TLS".into()
        }
        None if fault.is_client() => {
            "the mail server does not offer what is required (TLS, a login method)".into()
        }
        None => "the mail server cannot be reached, or the connection broke".into(),
    }
}

/// Returns whether TLS is at fault, which the library reports as a failed connection.
fn is_of_tls(fault: &SmtpError) -> bool {
    let is_of_rustls = |cause: &(dyn StdError + 'static)| {
        let inner = cause.downcast_ref::<std::io::Error>().and_then(|fault| fault.get_ref());
        cause.is::<rustls::Error>() || inner.is_some_and(|inner| inner.is::<rustls::Error>())
    };
    causes(fault).any(is_of_rustls) || fault.is_tls()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn both_parts_have_each_line_and_html_is_escaped() {
        let text = "! watched avatar \"<b>\" (z) is removed\ndefault: 1 added, 1 removed\navatar (c) added";
        let message = json!({"id": "msg_1", "type": "changes", "timestamp": "2026-01-01T00:00:00.000Z",
            "data": {"text": text, "poll_id": 7}});
        let body = MailBody::of(&message);
        assert_eq!(body.subject(), "heygen-sync: ! watched avatar \"<b>\" (z) is removed");
        let about = "heygen-sync: changes of poll 7, 2026-01-01T00:00:00.000Z";
        assert_eq!(body.part(false), format!("{text}\n\n{about}"));
        let html = body.part(true);
        assert!(
            html.contains(
                "<p><strong>! watched avatar &#34;&#60;b&#62;&#34; (z) is removed</strong></p>\n"
            ),
            "{html}"
        );
        assert!(html.contains("\n<p>avatar (c) added</p>\n") && html.contains(about), "{html}");
    }
}
