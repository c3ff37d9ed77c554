//! `metadata`: metadata of the tables for other tools, from the same description as the
//! documentation. Opens no database.

mod datasette;
mod dbt;
mod duckdb;
mod yaml;

use clap::{Args, ValueEnum};

use super::{Context, output::print};
use crate::error::Result;

/// Write descriptions of all tables, views and columns to stdout, for other tools
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  heygen-sync metadata > metadata.json
  datasette heygen.db --metadata metadata.json

  heygen-sync metadata --format dbt > models/heygen.yml")]
pub struct Metadata {
    /// The tool to write for
    #[arg(long, value_enum, default_value_t = MetadataFormat::Datasette)]
    format: MetadataFormat,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum MetadataFormat {
    /// Datasette 0.6x: all in one file
    Datasette,
    /// Datasette 1.0: titles and descriptions
    DatasetteMetadata,
    /// Datasette 1.0: facets, labels and sorting
    DatasetteConfig,
    /// DuckDB views of the attached database
    Duckdb,
    /// A dbt source (dbt 1.10 or later), with tests and freshness
    Dbt,
}

impl Metadata {
    pub(super) fn run(self, context: &Context) -> Result<u8> {
        let location = context.location()?;
        let text = match self.format {
            MetadataFormat::Datasette => datasette::all(&location)?,
            MetadataFormat::DatasetteMetadata => datasette::metadata(&location)?,
            MetadataFormat::DatasetteConfig => datasette::config(&location)?,
            MetadataFormat::Duckdb => duckdb::views(),
            MetadataFormat::Dbt => dbt::source(&location.schema()),
        };
        print(&text)?;
        Ok(0)
    }
}
