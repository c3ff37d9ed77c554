//! `mcp`: serves the catalogue to agents, on standard input and output.

use clap::Args;
use tokio::fs::File;

use super::context::Context;
use crate::{
    error::{Error, Result},
    mcp, system,
};

/// Serve the catalogue to an agent: a Model Context Protocol server on stdin and stdout
#[derive(Debug, Args)]
#[command(
    after_help = "Read-only. Started by an MCP client; docs/mcp.md has the configuration of three:
  {\"mcpServers\": {\"heygen\": {\"command\": \"heygen-sync\", \"args\": [\"mcp\"]}}}"
)]
pub struct Mcp {}

impl Mcp {
    pub(super) async fn run(self, context: &Context) -> Result<u8> {
        let location = context.location()?;
        let clock = context.clock.clone();
        let cannot = |fault| Error::storage(format!("cannot use a stream: {fault}"));
        let (input, output) = system::standard_streams().map_err(cannot)?;
        mcp::serve(location, clock, File::from_std(input), File::from_std(output)).await?;
        Ok(0)
    }
}
