// Command ready says in a second what keeps an environment from being deployed
// with the credentials of an account, before anything is built.
//
//	go run ./ready prod 123456789012
package main

import (
	"fmt"
	"os"

	"github.com/alchemiser/alchemiser/infra/cdk/internal/config"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: go run ./ready ENV ACCOUNT")
		os.Exit(2)
	}
	if _, err := config.For(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintf(os.Stderr, "%v\n%s cannot be deployed yet.\n", err, os.Args[1])
		os.Exit(1)
	}
}
