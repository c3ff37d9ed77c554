//! `mcp`: the catalogue for agents, on standard input and output.

use std::os::fd::AsFd;

use clap::Args;
use tokio::fs::File;

use super::Context;
use crate::{
    error::{Error, Result},
    mcp,
};

/// Serve the catalogue to an agent: a Model Context Protocol server on stdin and stdout
#[derive(Debug, Args)]
#[command(
    after_help = "Read-only. A client starts it; docs/mcp.md has the configuration for three:
  {\"mcpServers\": {\"heygen\": {\"command\": \"heygen-sync\", \"args\": [\"mcp\"]}}}"
)]
pub struct Mcp {}

impl Mcp {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let (_, _, location) = context.config()?;
        let clock = context.clock.clone();
        let (input, output) = (stream(std::io::stdin())?, stream(std::io::stdout())?);
        mcp::serve(location, clock, input, output).await?;
        Ok(0)
    }
}

/// A standard stream without the buffers of the standard library.
fn stream(own: impl AsFd) -> Result<File> {
    let copy = own.as_fd().try_clone_to_owned();
    let copy = copy.map_err(|fault| Error::storage(format!("cannot use a stream: {fault}")))?;
    Ok(File::from_std(copy.into()))
}
