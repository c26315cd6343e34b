# SPDX-License-Identifier: GPL-2.0-or-later
# Certificates for servers of tests. Sourced after tests/lib.sh.
# shellcheck shell=bash

# Makes a CA for the test, and its certificate for localhost.
certificates() {
	local ca=(-CA "$T/ca.crt" -CAkey "$T/ca.key" -CAcreateserial -days 2)
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$T/ca.key" -out "$T/ca.crt" -days 2 \
		-subj "/CN=test CA" -addext basicConstraints=critical,CA:TRUE
	openssl req -newkey rsa:2048 -nodes -keyout "$T/server.key" -out "$T/server.csr" -subj /CN=localhost
	echo "subjectAltName=DNS:localhost" >"$T/extensions"
	openssl x509 -req -in "$T/server.csr" "${ca[@]}" -extfile "$T/extensions" -out "$T/server.crt"
	chmod 644 "$T/ca.crt"
}

listens() {
	(exec 7<>"/dev/tcp/127.0.0.1/$1")
}
