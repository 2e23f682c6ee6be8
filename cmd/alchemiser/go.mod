module github.com/alchemiser/alchemiser/cmd/alchemiser

go 1.26.0

require (
	github.com/alchemiser/alchemiser/infra/local v0.0.0
	github.com/alchemiser/alchemiser/pkg v0.0.0
	github.com/alchemiser/alchemiser/pkg/events v0.0.0
	github.com/spf13/cobra v1.10.2
)

require (
	github.com/inconshreveable/mousetrap v1.1.0 // indirect
	github.com/spf13/pflag v1.0.9 // indirect
)

replace (
	github.com/alchemiser/alchemiser/infra/local => ../../infra/local
	github.com/alchemiser/alchemiser/pkg => ../../pkg
	github.com/alchemiser/alchemiser/pkg/events => ../../pkg/events
)
