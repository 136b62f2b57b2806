// SPDX-License-Identifier: GPL-2.0-only
// The same in Go.
package main

import (
	"fmt"
	"net"
	"os"
	"time"
)

//go:noinline
func dropClient(c net.Conn) error {
	return c.Close()
}

func main() {
	l, err := net.Listen("tcp4", ":"+os.Args[1])
	if err != nil {
		panic(err)
	}
	fmt.Println("ready")
	c, err := l.Accept()
	if err != nil {
		panic(err)
	}
	time.Sleep(500 * time.Millisecond) // the client's data has come by then
	dropClient(c)
	time.Sleep(10 * time.Second)
}
