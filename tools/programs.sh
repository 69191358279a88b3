#!/bin/sh
# Install from Debian's packages what tests and demo call as programs, as root only;
# otherwise say what is missing. Tests that need it are then skipped with the reason.
missing=""
need() { command -v "$1" >/dev/null 2>&1 || missing="$missing $2"; }
need gpgv gpgv
need ssh openssh-client
need chromium chromium
need bwrap bubblewrap
need sudo sudo
need unshare util-linux
need apt-ftparchive apt-utils
need gpg gnupg
need faketime faketime
PATH="$PATH:/usr/sbin:/sbin" need ip iproute2
PATH="$PATH:/usr/sbin" need sshd openssh-server
PATH="$PATH:/usr/sbin" need slapd slapd
[ -n "$missing" ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086
    { apt-get update -qq && apt-get install -y -qq --no-install-recommends $missing >/dev/null; } ||
        echo "could not install$missing; tests that need them are skipped"
else
    echo "missing:$missing (as root: apt-get install$missing); tests that need them are skipped"
fi
exit 0
