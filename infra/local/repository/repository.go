// Package repository finds the checkout that commands build from and whose
// documents they write.
package repository

import (
	"fmt"
	"os"
	"path/filepath"
)

// marker is the file that only the repository's root has.
const marker = "go.work"

// Root is the nearest folder with a go.work, from the current one upwards.
func Root() (string, error) {
	here, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("find the repository: %w", err)
	}
	for dir := here; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, marker)); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no %s in %s or above: call this from inside the repository", marker, here)
		}
	}
}
