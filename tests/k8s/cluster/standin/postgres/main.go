// Command postgres starts Postgres as the entry point of its official image does, as far as our manifests use that:
// an empty PGDATA is filled for POSTGRES_USER and POSTGRES_DB, with the password in POSTGRES_PASSWORD_FILE.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if err := run(os.Getenv("PGDATA")); err != nil {
		fmt.Fprintln(os.Stderr, "postgres:", err)
		os.Exit(1)
	}
}

func run(data string) error {
	if _, err := os.Stat(filepath.Join(data, "PG_VERSION")); os.IsNotExist(err) { //nolint:gosec // the manifest says where
		if err := initialize(data); err != nil {
			return err
		}
	}
	path, err := exec.LookPath("postgres")
	if err != nil {
		return err
	}
	args := []string{"postgres", "-D", data, "-c", "listen_addresses=*"}
	if len(os.Args) > 1 {
		args = append(args, os.Args[2:]...) // after the name of the program
	}
	return syscall.Exec(path, args, os.Environ()) //nolint:gosec // this is the image's program
}

func initialize(data string) error {
	err := command("", "initdb", "-D", data, "--username", os.Getenv("POSTGRES_USER"), "--pwfile", os.Getenv("POSTGRES_PASSWORD_FILE"),
		"--auth-host", "scram-sha-256", "--auth-local", "trust", "--encoding", "UTF8", "--locale", "C")
	if err != nil {
		return err
	}
	if err := command("create database "+os.Getenv("POSTGRES_DB")+";\n", "postgres", "--single", "-D", data, "postgres"); err != nil {
		return err
	}
	rules, err := os.OpenFile(filepath.Join(data, "pg_hba.conf"), os.O_APPEND|os.O_WRONLY, 0) //nolint:gosec // as above
	if err != nil {
		return err
	}
	if _, err := rules.WriteString("host all all all scram-sha-256\n"); err != nil {
		return err
	}
	return rules.Close()
}

func command(input, name string, args ...string) error {
	c := exec.Command(name, args...) //nolint:gosec // programs of the image, with what the manifest says
	c.Stdin, c.Stdout, c.Stderr = strings.NewReader(input), os.Stdout, os.Stderr
	if err := c.Run(); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	return nil
}
