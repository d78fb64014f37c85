package local

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
)

// The test binary starts itself as a second process: the variable holds a job and a directory.
const helperVariable = "ORCHESTRIX_LOCAL_HELPER"

func TestMain(m *testing.M) {
	if job, dir, ok := strings.Cut(os.Getenv(helperVariable), " "); ok {
		if err := runHelper(job, dir); err != nil {
			fmt.Println("failed:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// runHelper does the job, prints one line, and waits until its input is closed.
func runHelper(job, dir string) error {
	switch job {
	case "lock":
		if _, err := LockDir(dir); err != nil {
			return err
		}
		fmt.Println("locked")
	case "dev":
		c, err := ClaimDir(context.Background(), dir, "example.com/shop")
		if err == nil {
			err = c.Publish(Instance{Program: "shop", Addresses: someAddresses, AdminToken: "a token"})
		}
		if err != nil {
			return err
		}
		fmt.Println("published")
	case "postgres":
		p, err := StartPostgres(context.Background(), PostgresOptions{Dir: dir})
		if err != nil {
			return err
		}
		fmt.Println(p.URL())
	case "orphan":
		return runOrphan(dir)
	}
	_, err := io.Copy(io.Discard, os.Stdin)
	return err
}

// startHelper starts the test binary as a helper, and returns the process and the line that it prints.
func startHelper(t *testing.T, job, dir string) (*exec.Cmd, string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), helperVariable+"="+job+" "+dir)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = stdin.Close()
		_ = cmd.Process.Kill() // fails if the process has ended
		_ = cmd.Wait()
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil || strings.HasPrefix(line, "failed:") {
		t.Fatalf("helper %s: %q, %v", job, line, err)
	}
	return cmd, strings.TrimSpace(line)
}

// killHelper kills the process, so that it can't clean up.
func killHelper(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // reports the kill
}

func tempDir(t *testing.T) string {
	t.Helper()
	dir, err := NewTempDir(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := dir.Remove(); err != nil {
			t.Error(err)
		}
	})
	return dir.Path()
}
