// SPDX-License-Identifier: GPL-2.0-only
//
// A TCP client for says.py: connects to HOST PORT, obeys its stdin (w: write, c: close), says each error. It reads by
// itself, as Node does.
const net = require("net");
const readline = require("readline");

const socket = net.connect(Number(process.argv[3]), process.argv[2]);
socket.on("connect", () => console.log("connected"));
socket.on("error", (error) => console.log(String(error)));
socket.on("end", () => console.log("end"));
socket.resume();
readline.createInterface({ input: process.stdin }).on("line", (line) => {
	if (line === "c")
		socket.destroy();
	if (line === "w")
		socket.write(Buffer.alloc(45), (error) => console.log(error ? error.message : "ok"));
});
