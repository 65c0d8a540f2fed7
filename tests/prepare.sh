#!/bin/sh
# Installs the Debian packages that the tests use where it may, and says plainly what is left out
# where it may not. Reads debian-packages.txt beside it.
set -eu
list="$(dirname "$0")/debian-packages.txt"
missing=""
while read -r package evidence lost; do
    case "$package" in ''|'#'*) continue ;; esac
    # shellcheck disable=SC2086  # the pattern in `evidence` is meant to be expanded
    set -- $evidence
    [ -e "$1" ] || missing="$missing $package"
done < "$list"
[ -n "$missing" ] || exit 0

if [ "$(id -u)" = 0 ] && command -v apt-get > /dev/null; then
    echo "Installing Debian packages for the tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    # shellcheck disable=SC2086  # one word a package
    apt-get update -qq < /dev/null && apt-get install -y -qq --no-install-recommends $missing \
        < /dev/null > /dev/null
    exit 0
fi
echo "Left out, since these Debian packages are not installed and this is not root:"
while read -r package _ lost; do
    case " $missing " in *" $package "*) echo "  $lost ($package)" ;; esac
done < "$list"
echo "To have them: sudo apt-get install$missing"
