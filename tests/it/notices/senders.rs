//! E-mail to a real SMTP server, and programs.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
};

use serde_json::Value;

use super::receiver::Receiver;
use crate::home::{Home, at_home};

/// Writes a program that stores the message.
fn keeps(home: &Home) -> String {
    let path = home.folder().join("keep.sh");
    let env = home.folder().join("env");
    let text = format!(
        "#!/bin/sh\ncat >> '{}'\necho >> '{}'\nenv > '{}'\n",
        home.folder().join("kept").display(),
        home.folder().join("kept").display(),
        env.display()
    );
    std::fs::write(&path, text).unwrap();
    path.display().to_string()
}

fn lines(home: &Home, name: &str) -> Vec<String> {
    let text = std::fs::read_to_string(home.folder().join(name)).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

at_home! {
    async fn a_program_gets_the_message_and_none_of_the_keys(home: Home) {
        let program = keeps(&home);
        home.file("config.toml", format!("[[notify]]\nkind = \"command\"\ncommand = [\"sh\", \"{program}\"]\n"));
        home.heygen.add_avatar("a", |_| ());
        assert_eq!(home.run(&["sync"]).code, 0);
        let kept = lines(&home, "kept");
        assert_eq!(kept.len(), 1, "{kept:?}");
        let message: Value = serde_json::from_str(&kept[0]).unwrap();
        assert_eq!(message["type"], "baseline");
        let env = lines(&home, "env").join("\n");
        assert!(env.contains("PATH=") && !env.contains("HEYGEN") && !env.contains("DATABASE"), "{env}");
    }

    async fn a_program_that_fails_is_run_again(home: Home) {
        home.file("config.toml", "[[notify]]\nkind = \"command\"\ncommand = [\"sh\", \"-c\", \"exit 7\"]\n");
        home.heygen.add_avatar("a", |_| ());
        assert_eq!(home.run(&["sync"]).code, 0);
        let status = home.run(&["status", "--format", "table"]).stdout;
        assert!(status.contains("1 waits for command since "), "{status}");
        assert!(status.contains("; the command ended with exit code 7"), "{status}");
        home.meddle("UPDATE notices SET next_attempt_at = NULL").await;
        assert_eq!(home.run(&["sync"]).code, 0);
        assert_eq!(home.count("SELECT 1 FROM notices WHERE attempts = 2").await, 1);
    }

    async fn a_program_that_takes_too_long_is_killed_with_all_that_it_started(home: Home) {
        let pipe = home.folder().join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        // Each process of the script holds the pipe open until it ends.
        let script = format!("exec 3>'{}'; sleep 1000 & sleep 1000", pipe.display());
        home.file("script.sh", script);
        home.file("config.toml", "[[notify]]\nkind = \"command\"\ncommand = [\"sh\", \"script.sh\"]\ntimeout = \"1s\"\n");
        let open = pipe.clone();
        let all_ended = tokio::task::spawn_blocking(move || {
            let mut text = String::new();
            std::fs::File::open(open).unwrap().read_to_string(&mut text).unwrap();
        });
        let ran = home.run(&["notify", "test", "--format", "csv"]);
        all_ended.await.unwrap();
        assert_eq!(ran.code, 69, "{ran:?}");
        assert!(ran.stdout.contains("command,command,failed,notify 'command': the command did not end within 1 s and was killed"), "{ran:?}");
    }

    async fn each_receiver_is_tried_and_said_how_it_went(home: Home) {
        let receiver = Receiver::start();
        let (program, url) = (keeps(&home), receiver.url());
        let nobody = "http://127.0.0.1:9/SECRET";
        home.file("config.toml", format!(
            "[[notify]]\nurl = \"{url}\"\nsecret_env = \"S\"\n\
             [[notify]]\nname = \"chat\"\nkind = \"slack\"\nurl = \"{nobody}\"\n\
             [[notify]]\nkind = \"command\"\ncommand = [\"sh\", \"{program}\"]\n"
        ));
        let ran = home.run(&["notify", "test", "--format", "csv"]);
        assert_eq!(ran.code, 78, "{ran:?}");
        let ran = home.run_with(&[("S", super::receiver::SECRET)], &["notify", "test", "--format", "csv"]);
        assert_eq!(ran.code, 69, "{ran:?}");
        assert_eq!(ran.stdout, "receiver,kind,verdict,detail\nwebhook,webhook,accepted,\n\
            chat,slack,failed,notify 'chat': the receiver cannot be reached\ncommand,command,accepted,\n");
        assert!(receiver.came()[0].is_signed() && receiver.came()[0].json()["type"] == "test");
        assert_eq!(lines(&home, "kept").len(), 2);
        assert_eq!(home.run(&["notify", "test", "command"]).code, 0);
        assert_eq!(home.run(&["notify", "test", "nobody"]).code, 2);
        // It writes nothing.
        assert!(!home.folder().join("heygen.db").exists());
        home.file("config.toml", "");
        assert_eq!(home.run(&["notify", "test"]).code, 78);
    }
}

#[tokio::test]
async fn a_mail_server_that_cannot_be_used_is_that_of_a_named_receiver() {
    let home = Home::sqlite().await;
    let block = |name: &str| {
        format!(
            "[[notify]]\nname = \"{name}\"\nkind = \"email\"\nurl = \"smtp://127.0.0.1?tls=unknown\"\n\
             from = \"a@example.org\"\nto = [\"b@example.org\"]\n"
        )
    };
    home.file("config.toml", block("ops") + &block("night"));
    let ran = home.run(&["notify", "test", "--format", "csv"]);
    assert_eq!(ran.code, 78, "{ran:?}");
    for name in ["ops", "night"] {
        let detail = format!("notify '{name}': the URL of the mail server cannot be used");
        assert!(ran.stdout.contains(&detail), "{ran:?}");
    }
}

#[tokio::test]
async fn each_block_of_the_docs_is_a_configuration() {
    let home = Home::sqlite().await;
    let docs = include_str!("../../../docs/notices.md");
    let blocks: Vec<&str> =
        docs.split("```toml\n").skip(1).map(|block| block.split("```").next().unwrap()).collect();
    assert!(blocks.len() > 4, "{blocks:?}");
    for block in blocks {
        home.file("config.toml", block);
        let ran = home.run(&["check", "--format", "csv"]);
        assert!(ran.stdout.contains("configuration,ok,"), "{block}\n{ran:?}");
    }
}

/// aiosmtpd with the handler of tests/it/notices/smtp.py; without it, the test prints this and ends.
struct Smtp {
    child: Child,
    ports: serde_json::Map<String, Value>,
    output: BufReader<std::process::ChildStdout>,
}

impl Smtp {
    fn start(home: &Home) -> Option<Self> {
        let python = std::env::var("HEYGEN_SYNC_TEST_PYTHON").ok()?;
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/notices/smtp.py");
        let mut command = Command::new(python);
        command.arg(script).arg(home.folder()).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        Some(Self { child, ports: serde_json::from_str(&line).unwrap(), output })
    }

    /// Reads the next mail.
    fn next(&mut self) -> Value {
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        serde_json::from_str(&line).unwrap()
    }
}

impl Drop for Smtp {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a block for e-mail to this URL.
fn block(name: &str, url: &str) -> String {
    format!(
        "[[notify]]\nname = \"{name}\"\nkind = \"email\"\nurl = \"{url}\"\nsecret_env = \"MAIL_PASSWORD\"\n\
         from = \"HeyGen <heygen@example.org>\"\nto = [\"Ops <ops@example.org>\", \"dev@example.org\"]\n"
    )
}

#[tokio::test]
async fn mails_reach_a_real_server_by_tls_and_starttls_and_only_with_the_password() {
    let home = Home::sqlite().await;
    let Some(mut smtp) = Smtp::start(&home) else {
        eprintln!(
            "skipped: HEYGEN_SYNC_TEST_PYTHON names no Python with aiosmtpd (see scripts/test-mail)"
        );
        return;
    };
    let port = |name: &str| smtp.ports[name].as_i64().unwrap();
    let (plain, starttls, tls) = (port("plain"), port("starttls"), port("tls"));
    home.file(
        "config.toml",
        [
            block("plain", &format!("smtp://127.0.0.1:{plain}")),
            block("starttls", &format!("smtp://heygen@localhost:{starttls}?tls=required")),
            block("tls", &format!("smtps://heygen@localhost:{tls}")),
        ]
        .concat(),
    );
    let trusted = home.folder().join("cert.pem").display().to_string();
    let env = [("MAIL_PASSWORD", "p w"), ("SSL_CERT_FILE", trusted.as_str())];
    home.heygen.add_avatar("a", |_| ());
    home.heygen.rename(crate::fake::Kind::Avatar, "a", "<b>Zoë</b>");
    assert_eq!(home.run_with(&env, &["sync"]).code, 0);
    let mut came: Vec<Value> = (0..3).map(|_| smtp.next()).collect();
    came.sort_by_key(|mail| mail["port"].to_string());
    let text = "default: baseline, 1 avatar, 0 talking photos";
    for mail in &came {
        assert_eq!(mail["from"], "heygen@example.org");
        assert_eq!(mail["to"], serde_json::json!(["ops@example.org", "dev@example.org"]));
        assert_eq!(mail["subject"], format!("heygen-sync: {text}"));
        assert!(mail["plain"].as_str().unwrap().starts_with(text), "{mail}");
        assert!(mail["html"].as_str().unwrap().contains(&format!("<p>{text}</p>")), "{mail}");
        assert_eq!(mail["auto_submitted"], "auto-generated");
        // The notice's own id, so that a second delivery has the same id.
        let of_its_notice = format!(
            "SELECT 1 FROM notices WHERE receiver = '{}' \
             AND '<' || json_extract(body, '$.id') || '@heygen-sync>' = '{}'",
            mail["port"].as_str().unwrap(),
            mail["message_id"].as_str().unwrap()
        );
        assert_eq!(home.count(&of_its_notice).await, 1, "{mail}");
    }
    let with = |name: &str| came.iter().find(|mail| mail["port"] == name).unwrap();
    assert_eq!((&with("plain")["user"], &with("plain")["tls"]), (&Value::Null, &false.into()));
    for name in ["starttls", "tls"] {
        assert_eq!((&with(name)["user"], &with(name)["tls"]), (&"heygen".into(), &true.into()));
    }
    // A changed name, escaped in HTML.
    home.heygen.rename(crate::fake::Kind::Avatar, "a", "<i>Zoë</i>");
    assert_eq!(home.run_with(&env, &["sync"]).code, 0);
    let mail = smtp.next();
    assert!(mail["html"].as_str().unwrap().contains("&#60;i&#62;Zoë"), "{mail}");
    assert!(mail["plain"].as_str().unwrap().contains("\"<i>Zoë</i>\""), "{mail}");
    // A wrong password, and a certificate that is not trusted.
    let test = |env: &[(&str, &str)], name: &str| {
        home.run_with(env, &["notify", "test", name, "--format", "csv"])
    };
    let ran = test(&[("MAIL_PASSWORD", "WRONG"), env[1]], "tls");
    assert!(ran.code == 69 && ran.stdout.contains("the mail server answered 535"), "{ran:?}");
    assert!(!format!("{ran:?}").contains("WRONG"), "{ran:?}");
    let ran = test(&env[..1], "tls");
    assert!(ran.code == 69 && ran.stdout.contains("certificate is not trusted"), "{ran:?}");
    // The server refuses this recipient for now.
    home.file(
        "config.toml",
        block("plain", &format!("smtp://127.0.0.1:{plain}")).replace("dev@", "refused@"),
    );
    let ran = test(&env, "plain");
    assert!(ran.code == 69 && ran.stdout.contains("the mail server answered 450"), "{ran:?}");
    drop(smtp);
    let ran = test(&env, "plain");
    assert!(ran.code == 69 && ran.stdout.contains("the mail server cannot be reached"), "{ran:?}");
}
