// SPDX-License-Identifier: GPL-2.0-only
//
// A TCP client for says.py: connects to HOST PORT, obeys its stdin (r: read, w: write, c: close), says each error.
package main

import (
	"bufio"
	"fmt"
	"net"
	"os"
)

func say(n int, err error) {
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("ok", n)
}

func main() {
	conn, err := net.Dial("tcp", os.Args[1]+":"+os.Args[2])
	if err != nil {
		say(0, err)
		return
	}
	fmt.Println("connected")
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		switch lines.Text() {
		case "r":
			say(conn.Read(make([]byte, 1)))
		case "w":
			say(conn.Write(make([]byte, 45)))
		case "c":
			say(0, conn.Close())
		}
	}
}
