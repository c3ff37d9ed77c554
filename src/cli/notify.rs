//! `notify test`: sends a sample to each receiver.

use clap::{Args, Subcommand};

use super::{
    context::Context,
    output::{Format, Rows},
};
use crate::{
    error::{Error, Result, caught, gravest},
    notify::send_sample,
};

/// Test the receivers of notices
#[derive(Debug, Args)]
pub struct NotifyArgs {
    #[command(subcommand)]
    command: NotifyCommand,
}

#[derive(Debug, Subcommand)]
enum NotifyCommand {
    /// Send a sample to each receiver and print the results
    #[command(after_help = "Examples:
  heygen-sync notify test
  heygen-sync notify test ops --format json

Exits with 0 if all accepted it, 69 if one did not, 78 if one is not set up.")]
    Test {
        /// Only these receivers
        receivers: Vec<String>,
        /// Output format
        #[arg(long, value_enum)]
        format: Option<Format>,
    },
}

impl NotifyArgs {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let NotifyCommand::Test { receivers, format } = self.command;
        let (config, _, _) = context.config()?;
        let all: Vec<_> = config.receivers().collect();
        let names: Vec<&str> = all.iter().map(|block| block.name()).collect();
        if names.is_empty() {
            return Err(Error::config(
                "no receiver of notices is configured: add a [[notify]] block to config.toml",
            ));
        }
        if let Some(unknown) = receivers.iter().find(|name| !names.contains(&name.as_str())) {
            return Err(Error::usage(format!(
                "there is no receiver '{unknown}' (configured: {})",
                names.join(", ")
            )));
        }
        let is_wanted = |name: &str| receivers.is_empty() || receivers.iter().any(|n| n == name);
        let columns = ["receiver", "kind", "verdict", "detail"];
        let mut rows = Rows::new(Format::or_default(format), columns)?;
        let mut codes = vec![];
        for block in all.into_iter().filter(|block| is_wanted(block.name())) {
            let sent = caught(send_sample(block, &context.sources, &context.clock)).await;
            let (verdict, detail) = match &sent {
                Ok(()) => ("accepted", ""),
                Err(error) => ("failed", error.message.as_str()),
            };
            let kind = block.kind.as_str();
            rows.row(vec![block.name().into(), kind.into(), verdict.into(), detail.into()])?;
            codes.extend(sent.err().map(|error| error.kind.exit_code()));
        }
        rows.finish("")?;
        Ok(gravest(codes))
    }
}
