//go:build unix && !linux

package lambda

import "syscall"

// processAttributes puts a child into a group of its own. There is no parent-death signal here: only an orderly end of the host
// ends the children.
func processAttributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
