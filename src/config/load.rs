//! Loads the configuration: the file, overridden by the environment, and both by the flag.

use super::{Sources, file, notify, overlay, sections::Config, sources::Origin, values};
use crate::error::{Error, Result};

impl Config {
    /// Returns the configuration and its origin.
    ///
    /// # Errors
    /// [`crate::error::Kind::Config`] for a file that cannot be read, an unknown key or a bad
    /// value: with the file, line and key, or the name of the variable.
    pub fn load(sources: &Sources) -> Result<(Self, Origin)> {
        let (origin, text) = sources.find()?;
        let mut table = file::read(&origin.to_string(), &text)?;
        overlay::lay_over(&mut table, &sources.env)?;
        if let Some(database) = &sources.database {
            if database.is_empty() {
                return Err(Error::config("--database must not be empty: name a file or a URL"));
            }
            table.insert("database".into(), database.clone().into());
        }
        let mut config: Self = table
            .try_into()
            .map_err(|e| Error::config(format!("the configuration{}", values::plain(&e))))?;
        config.start_from_home(sources)?;
        if let Some((nth, what)) = notify::fault(&config.notify) {
            let nth = if config.notify.len() > 1 { format!("[{nth}]") } else { String::new() };
            return Err(Error::config(format!("the configuration: notify{nth} {what}")));
        }
        Ok((config, origin))
    }

    /// Replaces `~/` at the start of every path by the home folder.
    fn start_from_home(&mut self, sources: &Sources) -> Result<()> {
        if let Some(path) =
            self.database.strip_prefix("sqlite:").filter(|path| path.starts_with("~/"))
        {
            self.database = path.to_owned();
        }
        let names = [&mut self.database, &mut self.mirror.store, &mut self.archive.store];
        for name in names.into_iter().filter(|name| name.starts_with("~/")) {
            *name = sources.path(name.as_ref())?.to_string_lossy().into_owned();
        }
        let keys = self.accounts.iter_mut().map(|account| &mut account.api_key_file);
        let files = [
            &mut self.serve.token_file,
            &mut self.serve.preview_cache_folder,
            &mut self.metrics.textfile,
            &mut self.publish.file,
        ];
        let notify = self.notify.iter_mut();
        let notify = notify.flat_map(|block| [&mut block.url_file, &mut block.secret_file]);
        for file in keys.chain(files).chain(notify).flatten().filter(|file| file.starts_with("~")) {
            *file = sources.path(file)?;
        }
        Ok(())
    }
}
