// SPDX-License-Identifier: GPL-2.0-only

// Clients with a pool of connections, as a Go service has them. What they do is told on stdin, a line each, so that the
// pool lives on between the requests; what came of it is said on stdout.
//
//	client mysql DSN	each line is a query
//	client http URL		each line is a method: GET, POST
//
// "sleep 2s" sleeps in the process itself, so that a pause of the process shows: SIGSTOP, or a CPU quota.
package main

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	_ "github.com/go-sql-driver/mysql"
)

type request func(line string) (string, error)

func mysqlPool(dsn string) (request, error) {
	db, err := sql.Open("mysql", dsn)
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	return func(line string) (answer string, err error) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		err = db.QueryRowContext(ctx, line).Scan(&answer)
		return
	}, nil
}

func httpPool(url string) (request, error) {
	client := &http.Client{Timeout: 5 * time.Second}
	return func(line string) (string, error) {
		r, err := http.NewRequest(line, url, nil)
		if err != nil {
			return "", err
		}
		response, err := client.Do(r)
		if err != nil {
			return "", err
		}
		defer response.Body.Close()
		_, err = io.Copy(io.Discard, response.Body) // or it doesn't return to the pool
		return response.Status, err
	}, nil
}

func run(pools map[string]func(string) (request, error), args []string) error {
	if len(args) != 3 || pools[args[1]] == nil {
		return fmt.Errorf("usage: client mysql DSN | http URL")
	}
	ask, err := pools[args[1]](args[2])
	if err != nil {
		return err
	}
	for lines := bufio.NewScanner(os.Stdin); lines.Scan(); {
		line := lines.Text()
		if d, err := time.ParseDuration(strings.TrimPrefix(line, "sleep ")); err == nil {
			time.Sleep(d)
			continue
		}
		answer, err := ask(line)
		if err != nil {
			fmt.Println("error:", err)
		} else {
			fmt.Println("ok:", answer)
		}
	}
	return nil
}

func main() {
	pools := map[string]func(string) (request, error){"mysql": mysqlPool, "http": httpPool}
	if err := run(pools, os.Args); err != nil {
		fmt.Fprintln(os.Stderr, "client:", err)
		os.Exit(2)
	}
}
