// Command sentinel-vectors prints test vectors that Sentinel's own Go types made, or writes them into
// a directory with --out.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	"sovereign-gate/sentinel/internal/vectors"
)

func main() {
	out := flag.String("out", "", "directory to write the files into, instead of printing")
	flag.Parse()

	if err := run(*out); err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	files, err := vectors.Files()
	if err != nil {
		return err
	}

	for _, file := range files {
		if dir == "" {
			_, err = os.Stdout.Write(file.Content)
		} else {
			err = os.WriteFile(filepath.Join(dir, file.Name), file.Content, 0o644) //nolint:gosec // public
		}

		if err != nil {
			return err
		}
	}

	return nil
}
