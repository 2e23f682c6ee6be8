module github.com/alchemiser/alchemiser/services/portfolio

go 1.26.0

require (
	github.com/alchemiser/alchemiser/pkg v0.0.0
	github.com/alchemiser/alchemiser/pkg/events v0.0.0
)

replace (
	github.com/alchemiser/alchemiser/pkg => ../../pkg
	github.com/alchemiser/alchemiser/pkg/events => ../../pkg/events
)
