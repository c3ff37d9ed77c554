# Run in a container of Debian, see documents.rs: does what docs/cron.md says, with the key and the
# address of a fake HeyGen in KEY and BASE_URL.
fail() { echo "not as it should be: $*"; exit 1; }
block() { awk -v mark="<!-- run: $1 -->" '$0 == mark { seen = 1; next } seen && /^ *```/ { if (inside) exit; inside = 1; next } inside' /tree/docs/cron.md; }

dpkg --install /tree/target/package/heygen-sync.deb >/dev/null 2>&1 || fail "the package cannot be installed"
block "as root" >/tmp/as-root
echo "$KEY" | bash -euo pipefail /tmp/as-root 2>/tmp/said || { cat /tmp/said; fail "the commands for root"; }
[ "$(stat --format '%a %U' /etc/heygen-sync/api_key)" = "600 heygen" ] || fail "others can read the key"

# As cron runs it: the variables of the table and no others, and one shell for the command.
block crontab >/tmp/crontab
variables=(HOME=/var/lib/heygen-sync SHELL=/bin/sh "HEYGEN_SYNC_API__BASE_URL=$BASE_URL")
while read -r line; do variables+=("$line"); done < <(grep '^[A-Z_]*=' /tmp/crontab)
as_cron() { (cd /var/lib/heygen-sync && runuser -u heygen -- env -i "${variables[@]}" /bin/sh -c "$1"); }
command=$(sed -n 's/^17 \* \* \* \*  //p' /tmp/crontab)
[ -n "$command" ] || fail "no line of the crontab"
said=$(as_cron "$command" 2>&1) || fail "the poll: $said"
[ -z "$said" ] || fail "it would mail: $said"

# The line that watches: silent when all is well, and not when it is not.
watch=$(sed -n 's/^ *0 9 \* \* \*  //p' /tree/docs/cron.md)
said=$(as_cron "$watch" 2>&1)
[ -z "$said" ] || fail "it would mail: $said"
said=$(as_cron "${watch/26h/1ms}" 2>&1)
[[ $said == *"no good poll"* ]] || fail "it does not watch: $said"
as_cron "heygen-sync --database heygen.db status --format ndjson" |
  sed 's/.*"last_poll_id":\([0-9]*\).*"avatars":\([0-9]*\),.*/\1 poll of \2 avatar/'
