//! What the pages on cron, systemd and Docker show is run as it stands, in a Debian with the package,
//! or with the image.
