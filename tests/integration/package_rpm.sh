#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# The spec file makes packages, and what is in them is what it says. NVB_TEST_RPM=1: it compiles everything once more.

. "$(dirname "$0")/lib.sh"
[ -n "${NVB_TEST_RPM:-}" ] || skip 'NVB_TEST_RPM is not set'
need rpmbuild rpm git
! is_sanitized || skip 'packages are built without sanitizers'

mkdir -p "$T/source/nvbind-0.1.0"
git -C "$NVB_SOURCE" ls-files -z | tar -C "$NVB_SOURCE" --null --files-from=- -c | tar -x -C "$T/source/nvbind-0.1.0"
tar -C "$T/source" -czf "$T/nvbind-0.1.0.tar.gz" nvbind-0.1.0
out=$(rpmbuild -bb --nodeps --define "_topdir $T/rpm" --define "_sourcedir $T" "$NVB_SOURCE/packaging/nvbind.spec" 2>&1) ||
	fail rpmbuild "$(tail -n 20 <<<"$out")"
lists() { rpm -qlp "$T"/rpm/RPMS/*/"$1"-0.1.0-*.rpm; }
like 'nvbind' '^/usr/bin/nvbind-runtime$' "$(lists nvbind)"
like 'with its units' '/nvbind-cdi-watch.service$' "$(lists nvbind)"
like 'and its rule' '/60-nvbind-cdi.rules$' "$(lists nvbind)"
like 'with its profiles' '/profiles.d/gaming.toml$' "$(lists nvbind)"
unlike 'but without the name that NVIDIA has' nvidia-container-runtime-hook "$(lists nvbind)"
like 'which is apart' '^/usr/bin/nvidia-container-runtime-hook$' "$(lists nvbind-docker-hook)"
like 'nvbind-bolt' '/nvbind/bolt-image$' "$(lists nvbind-bolt)"
like 'nvbind-sim' '/nvbind/sim/libcuda.so.1$' "$(lists nvbind-sim)"
unlike 'whose libraries are nobody else'\''s' libcuda "$(rpm -qp --provides "$T"/rpm/RPMS/*/nvbind-sim-*.rpm)"
like 'nvbind-libs' '/libnvbind.so.0$' "$(lists nvbind-libs)"
like 'nvbind-devel' '/nvbind/plan.h$' "$(lists nvbind-devel)"
