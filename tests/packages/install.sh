# Run in a container of Debian, see package.rs: installs the package, uses what it brought, removes
# it, and compares what files there are.
deb=/tree/target/package/heygen-sync.deb
fail() { echo "not as it should be: $*"; exit 1; }
files() { find / -xdev \( -path /proc -o -path /sys -o -path /dev -o -path /run -o -path /tmp -o -path /var/lib/dpkg -o -path /var/log -o -path /var/cache \) -prune -o -print | sort; }

files >/tmp/before
dpkg --install "$deb" >/tmp/dpkg.log 2>&1 || { cat /tmp/dpkg.log; fail "it cannot be installed"; }
dpkg-deb --field "$deb" Package Version Architecture Depends Installed-Size
echo "package: $(stat --format %s "$deb") bytes"

# What it brings.
heygen-sync --version
man --where heygen-sync >/dev/null || fail "no manual page"
for file in /usr/share/bash-completion/completions/heygen-sync /usr/share/zsh/vendor-completions/_heygen-sync \
  /usr/share/fish/vendor_completions.d/heygen-sync.fish /usr/share/doc/heygen-sync/copyright \
  /usr/share/doc/heygen-sync/LICENCES-OF-DEPENDENCIES.txt; do
  [ -s "$file" ] || fail "no $file"
done
bash -n /usr/share/bash-completion/completions/heygen-sync
grep -q /etc/heygen-sync/config.toml /var/lib/dpkg/info/heygen-sync.conffiles || fail "the configuration is no conffile"

# The units: sound, and off.
systemd-analyze verify /usr/lib/systemd/system/heygen-sync{,-once,-gallery}.service /usr/lib/systemd/system/heygen-sync-once.timer >/tmp/verify 2>&1 ||
  { cat /tmp/verify; fail "systemd-analyze verify"; }
[ ! -s /tmp/verify ] || { cat /tmp/verify; fail "systemd-analyze verify has something to say"; }
for unit in heygen-sync.service heygen-sync-once.service heygen-sync-gallery.service; do
  # Fails from an exposure of 2.0 on; 10 is a service that nothing holds back.
  systemd-analyze security --offline=true --threshold=20 --no-pager "/usr/lib/systemd/system/$unit" >/tmp/security ||
    { cat /tmp/security; fail "$unit is not confined"; }
  tail -n 1 /tmp/security
done
for unit in heygen-sync.service heygen-sync-gallery.service heygen-sync-once.timer; do
  [ "$(systemctl is-enabled $unit || true)" = disabled ] || fail "$unit is not disabled"
done
systemctl --quiet enable heygen-sync-once.timer
[ -L /etc/systemd/system/timers.target.wants/heygen-sync-once.timer ] || fail "the timer cannot be enabled"

# The program, with the configuration as it was installed.
install -d /var/lib/heygen-sync
heygen-sync sync --from /tree/examples/saved-response.json --format text
[ -s /var/lib/heygen-sync/heygen.db ] || fail "the database is not where the configuration says"
heygen-sync --quiet status --max-age 1h
heygen-sync verify >/dev/null

# Removed: the units are disabled; configuration and data stay. Purged: only the data stays.
for secret in api_key api_key.cred notify_secret gallery.token environment; do
  install -m 600 /dev/null "/etc/heygen-sync/$secret"
done
dpkg --remove heygen-sync >/dev/null 2>&1
[ ! -e /usr/bin/heygen-sync ] || fail "the program is still there"
[ ! -L /etc/systemd/system/timers.target.wants/heygen-sync-once.timer ] || fail "the timer is still enabled"
for kept in config.toml api_key; do
  [ -e "/etc/heygen-sync/$kept" ] || fail "$kept went with a mere removal"
done
dpkg --purge heygen-sync >/dev/null 2>&1
files >/tmp/after
left=$(comm -13 /tmp/before /tmp/after | grep -v '^/var/lib/heygen-sync\(/\|$\)' || true)
[ -z "$left" ] || fail "left behind: $left"
[ -s /var/lib/heygen-sync/heygen.db ] || fail "the data went"
[ -z "$(comm -23 /tmp/before /tmp/after)" ] || fail "taken away: $(comm -23 /tmp/before /tmp/after)"
echo "all is as it should be"
