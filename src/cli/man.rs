//! `completions` and `man`: what packages install.

use clap::{Args, Command};

use super::output::print;
use crate::error::{Error, Result};

/// Write the completions for a shell to stdout
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    shell: clap_complete::Shell,
}

impl Completions {
    pub(super) fn run(self, mut command: Command) -> Result<u8> {
        let mut script = vec![];
        clap_complete::generate(self.shell, &mut command, "heygen-sync", &mut script);
        print(&String::from_utf8_lossy(&script))?;
        Ok(0)
    }
}

/// Write the manual page to stdout (heygen-sync man | man -l -)
#[derive(Debug, Args)]
pub struct Man {}

impl Man {
    pub(super) fn run(self, command: Command) -> Result<u8> {
        let mut page = vec![];
        let written = render(command, &mut page);
        written
            .map_err(|fault| Error::unforeseen(format!("cannot write the manual page: {fault}")))?;
        print(&String::from_utf8_lossy(&page))?;
        Ok(0)
    }
}

/// One page for all verbs, each with its flags.
fn render(mut command: Command, page: &mut Vec<u8>) -> std::io::Result<()> {
    command.build();
    clap_mangen::Man::new(command.clone()).render(page)?;
    for verb in command.get_subcommands().filter(|verb| verb.get_name() != "help") {
        let name = format!("heygen-sync {}", verb.get_name());
        let man = clap_mangen::Man::new(verb.clone().bin_name(name));
        man.render_name_section(page)?;
        man.render_synopsis_section(page)?;
        man.render_options_section(page)?;
    }
    Ok(())
}
