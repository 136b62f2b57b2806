#!/usr/bin/env bats
# SPDX-License-Identifier: GPL-2.0-only
#
# What Go, Java and Node say when a connection dies is what the pages of docs/ quote.

load lib

setup() {
	make_netns
}

teardown() {
	remove_netns
}

@test "what Go says of a death is on its page" {
	need go
	go build -o "$BATS_TEST_TMPDIR/client" "$TOP/tests/real/says/client.go"
	assert_said_on_pages "$BATS_TEST_TMPDIR/client"
}

@test "what Java says of a death is on its page" {
	need javac java
	javac -d "$BATS_TEST_TMPDIR" "$TOP/tests/real/says/Client.java"
	assert_said_on_pages java -cp "$BATS_TEST_TMPDIR" Client
}

@test "what Node says of a death is on its page" {
	need node
	assert_said_on_pages node "$TOP/tests/real/says/client.js"
}
