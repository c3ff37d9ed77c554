#!/bin/sh
# Installs heygen-sync from a release, after its checksum was verified.
#
#   sh install.sh [--from URL] [--to FOLDER]
#
# URL is where the files of one release are; without it the latest release of the project. FOLDER is where
# the program goes; without it ~/.local/bin, or /usr/local/bin for root.
set -eu

from=@repository@/releases/latest/download
to=${HOME:+$HOME/.local/bin}
[ "$(id -u)" != 0 ] || to=/usr/local/bin
usage="usage: sh install.sh [--from URL] [--to FOLDER]"

fail() {
  echo "install.sh: $1" >&2
  exit 1
}

# All of it is read before any of it is done.
main() {
  while [ $# -gt 0 ]; do
    case $1 in
      --from | --to)
        [ $# -gt 1 ] || fail "$1 needs a value"
        if [ "$1" = --from ]; then from=$2; else to=$2; fi
        shift 2
        ;;
      -h | --help)
        echo "$usage"
        exit
        ;;
      *) fail "unknown argument $1; $usage" ;;
    esac
  done

  case $(uname -m) in
    x86_64 | amd64) arch=x86_64 ;;
    aarch64 | arm64) arch=aarch64 ;;
    *) fail "there is no release for $(uname -m); build it with: cargo install --locked --path ." ;;
  esac
  case $(uname -s) in
    Linux) target=$arch-unknown-linux-gnu ;;
    Darwin) target=$arch-apple-darwin ;;
    *) fail "there is no release for $(uname -s)" ;;
  esac
  case $from in
    @*) fail "this copy is not from a release and knows no address: give --from URL" ;;
    *@*) fail "--from $from: an address with a user is not trusted" ;;
    # Redirects included, which wget cannot be told: so it is curl.
    https://*) fetch() { curl --fail --silent --show-error --proto =https --location --output "$2" "$1"; } ;;
    http://127.0.0.1[:/]* | http://localhost[:/]*)
      fetch() { curl --fail --silent --show-error --output "$2" "$1"; }
      ;;
    *) fail "--from $from: only https is trusted" ;;
  esac
  [ -n "$to" ] || fail "HOME is not set: give --to FOLDER"
  [ ! -d "$to/heygen-sync" ] || fail "$to/heygen-sync is a folder"
  command -v curl >/dev/null || fail "curl is needed"
  if command -v sha256sum >/dev/null; then
    sum() { sha256sum "$1" | cut -d ' ' -f 1; }
  elif command -v shasum >/dev/null; then
    sum() { shasum -a 256 "$1" | cut -d ' ' -f 1; }
  else
    fail "sha256sum or shasum is needed to verify the download"
  fi

  folder=$(mktemp -d)
  trap 'rm -rf "$folder"' EXIT
  trap 'exit 1' HUP INT TERM

  fetch "$from/SHA256SUMS" "$folder/SHA256SUMS" || fail "cannot fetch $from/SHA256SUMS"
  line=$(grep -E "^[0-9a-f]{64}  heygen-sync-[0-9A-Za-z.+-]+-$target\.tar\.gz\$" "$folder/SHA256SUMS") ||
    fail "the release has no archive for $target"
  [ "$(echo "$line" | wc -l)" -eq 1 ] || fail "the release has several archives for $target"
  wanted=${line%% *}
  archive=${line##* }
  fetch "$from/$archive" "$folder/$archive" || fail "cannot fetch $from/$archive"
  found=$(sum "$folder/$archive")
  [ "$found" = "$wanted" ] ||
    fail "$archive is damaged or altered: its SHA-256 is $found, not $wanted. Nothing was installed."

  tar -xzf "$folder/$archive" -C "$folder"
  mkdir -p "$to"
  # Beside it and then renamed, so that a running program is not written to.
  new=$to/.heygen-sync.new
  trap 'rm -rf "$folder" "$new"' EXIT
  cp "$folder/${archive%.tar.gz}/heygen-sync" "$new"
  chmod 755 "$new"
  "$new" --version || fail "the program of the release does not run here. Nothing was installed."
  mv "$new" "$to/heygen-sync"
  echo "installed in $to"
  case :$PATH: in
    *:"$to":*) ;;
    *) echo "add it to your PATH: export PATH=\"$to:\$PATH\"" ;;
  esac
}

main "$@"
