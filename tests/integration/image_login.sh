#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# bolt login and logout against a registry on loopback that wants credentials, and what bolt image pull and bolt surge run
# say to a user who has none: one line, with what mends it.
. "$(dirname "$0")/lib.sh"
need skopeo python3 curl
registry=$(command -v docker-registry || command -v "${NVB_TEST_REGISTRY:-docker-registry}" || true)
[ -n "$registry" ] || skip "needs docker-registry, or its path in NVB_TEST_REGISTRY"
bolt=$NVB_BUILD/tools/bolt
[ -x "$bolt" ] || skip "needs bolt"
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
hub=127.0.0.1:$port
# The password is "pw".
echo 'user:$2b$12$EZxYEdkoIIqAHq0fijT6.u8lOu/uy/yp5eMF5s4MhLcASyIe4fDLa' >"$T/htpasswd"
cat >"$T/registry.yml" <<END
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $T/registry}}
http: {addr: $hub}
auth: {htpasswd: {realm: test, path: $T/htpasswd}}
END
"$registry" serve "$T/registry.yml" >"$T/registry.log" 2>&1 &
defer kill $!
for _ in $(seq 100); do
	curl -s -o /dev/null "http://$hub/v2/" && break
	sleep 0.1
done
echo '{"layers": [[{"name": "one", "data": "1"}]]}' >"$T/one.json"
"$NVB_SOURCE/tests/integration/oci_layout.py" "$T/layout" "$T/one.json"
skopeo --insecure-policy copy -q --dest-creds user:pw --dest-tls-verify=false "oci:$T/layout:image" "docker://$hub/app:1"

# Not before: a registry reads variables of such names as its own settings.
export REGISTRY_AUTH_FILE=$T/auth.json XDG_DATA_HOME=$T/data

pull() { "$bolt" image pull --store "$T/store" --tls-verify=false "$@"; }

refuses 'a wrong password' 1 '^bolt: .*invalid username/password \(' "$bolt" login --tls-verify=false -u user -p wrong "$hub"
refuses 'a pull without credentials' 1 "^bolt image: pulling .*\('bolt login REGISTRY'" pull "$hub/app:1"
refuses 'a registry without TLS' 1 '^bolt: .*--tls-verify=false' "$bolt" login -u user -p pw "$hub"
refuses 'login without a registry' 2 '^bolt: too few arguments' "$bolt" login
refuses 'an option that is none' 2 "did you mean '--username'" "$bolt" login --usernam user "$hub"

is "the shell completes login's options" '--password --password-stdin' "$("$bolt" __complete login --pass | xargs)"
is "and those of image's verbs" --tls-verify "$("$bolt" __complete image pull --tls)"

check 'login, the password from standard input' \
	"$bolt" login --tls-verify=false --username user --password-stdin "$hub" <<<pw
is 'who is logged in' user "$("$bolt" login --get-login "$hub")"
check 'the pull with credentials' pull "$hub/app:1"
is 'which names the image as others do' "$hub/app:1 sha256:" \
	"$(pull "$hub/app:1" | sed 's/[0-9a-f]*$//')"
refuses 'a tag that is not there' 1 'app:2.*manifest unknown.*check the spelling' pull "$hub/app:2"
check 'logout' "$bolt" logout "$hub"
refuses 'logout once more' 1 "^bolt: not logged into $hub" "$bolt" logout "$hub"
refuses 'logout from nowhere' 2 'name a registry' "$bolt" logout
refuses 'a pull after logout' 1 'bolt login REGISTRY' pull "$hub/app:1"

if [ "$(id -u)" = 0 ]; then
	refuses 'surge run of an image that cannot be had: one line' 125 "^bolt image: pulling $hub/none" \
		"$bolt" surge run --rm "$hub/none" true
fi
