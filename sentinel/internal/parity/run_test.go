//go:build stack

package parity

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// stockDir is where the module's programs were built to.
func stockDir(t *testing.T) string {
	t.Helper()

	dir := os.Getenv("STOCK_DIR")
	if dir == "" {
		dir = "../../../target/stock"
	}

	dir, err := filepath.Abs(dir)
	if err != nil {
		t.Fatal(err)
	}

	return dir
}

func program(t *testing.T, name string) string {
	t.Helper()

	return filepath.Join(stockDir(t), name)
}

// run runs a command to its end and gives its standard output.
func run(t *testing.T, args ...string) string {
	t.Helper()

	output, err := try(args...)
	if err != nil {
		t.Fatalf("%s: %v", strings.Join(args, " "), err)
	}

	return output
}

func try(args ...string) (string, error) {
	var stderr strings.Builder

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stderr = &stderr
	output, err := cmd.Output()

	if err != nil {
		return string(output), &failure{err, stderr.String()}
	}

	return string(output), nil
}

type failure struct {
	error
	stderr string
}

func (f *failure) Error() string { return f.error.Error() + ": " + f.stderr }

// start runs a command in the background, its output in a file, and ends it with the test.
func start(t *testing.T, logFile string, args ...string) *exec.Cmd {
	t.Helper()

	log, err := os.Create(logFile)
	if err != nil {
		t.Fatal(err)
	}

	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = log, log

	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}

	t.Cleanup(func() {
		stop(cmd)
		_ = log.Close()

		if t.Failed() {
			tail, _ := try("tail", "-n", "20", logFile)
			t.Logf("end of %s:\n%s", logFile, tail)
		}
	})

	return cmd
}

// stop asks the process to end and waits for it. A second call does nothing.
func stop(cmd *exec.Cmd) {
	if cmd.ProcessState != nil {
		return
	}

	_ = cmd.Process.Signal(syscall.SIGTERM)
	killer := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
	_ = cmd.Wait()

	killer.Stop()
}

// eventually waits for a condition and says what did not happen.
func eventually(t *testing.T, what string, within time.Duration, holds func() bool) {
	t.Helper()

	for end := time.Now().Add(within); time.Now().Before(end); time.Sleep(100 * time.Millisecond) {
		if holds() {
			return
		}
	}

	t.Fatalf("not within %s: %s", within, what)
}
