#!/bin/sh
# Installs the Debian packages that the system tests talk to. Where it cannot, it says so and the tests skip.
set -u
packages="poppler-utils fonts-noto-cjk orthanc orthanc-dicomweb dcmtk dicom3tools libpixelmed-java default-jre-headless postgresql chromium rsyslog rsyslog-openssl faketime gcc libc6-dev time"
missing=""
for package in $packages; do
    dpkg-query --show --showformat='${Status}' "$package" 2>/dev/null | grep --quiet 'install ok installed' || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
    echo "Installing Debian packages for the system tests:$missing"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update --quiet --quiet && apt-get install --quiet --quiet --yes --no-install-recommends $missing; } >/tmp/mome-node-apt.log 2>&1 && exit 0
    echo "apt-get failed; see /tmp/mome-node-apt.log"
fi
echo "NOT INSTALLED:$missing - the tests that need them will be skipped (as root: apt-get install$missing)"
