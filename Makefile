# Two commands do everything: `make run` and `make test`. They install what they
# need; Go and (for the CDK app's tests) Node must be there.

SERVICES := start signal portfolio execution monitor notifier
# Every Go module but the CDK app, which is heavy and stands outside go.work.
MODULES  := pkg pkg/events $(SERVICES:%=services/%) infra/local cmd/alchemiser
ENV      ?= dev
SERVICE  ?=

# The same bytes from any folder, at any commit: an unrelated commit must not
# change what is deployed. Without -buildvcs=false the commit id would be in it.
LAMBDA_FLAGS := -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid='
LINT_VERSION := v2.15.0
CDK          := cd infra/cdk && GOWORK=off CDK_DISABLE_CLI_TELEMETRY=true npx --no-install --prefix .. cdk --no-notices --no-version-reporting

.DEFAULT_GOAL := help
.PHONY: help run test test-go test-cdk test-race sim sim-sweep sim-mutants sim-baseline sim-determinism sim-report vet lint fmt bench golden gallery readme dist synth diff deploy destroy clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-16s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## play one whole run on this machine; ARGS="--bars DIR --as-of DATE …"
	@go run ./cmd/alchemiser run $(ARGS)

test: test-go test-cdk ## all tests

test-go: ## the tests of everything but the CDK app
	go test -timeout 30m work
	go test -count=1 ./pkg/topology ./pkg/broker/paperbroker ./infra/local/rehearsal ./infra/local/cmd/sim -run "Readme|Documented"
	go test -count=1 ./cmd/alchemiser -run Documents # they read files that the test cache does not see

test-cdk: ## the tests of the CDK app and the pre-traffic hook (needs Node)
	cd infra/prehook && GOWORK=off go test ./...
	cd infra/cdk && GOWORK=off go test ./...
	@# These read docs/ and scripts/, whose changes the cache of test results does not see.
	cd infra/cdk && GOWORK=off go test -count=1 ./internal/costs ./internal/scripts

test-race: ## the tests of what runs concurrently, under the race detector
	go test -race -timeout 40m ./pkg/stage/... ./pkg/ledger/... ./pkg/bus/... ./pkg/broker/... ./pkg/market/... $$(go list ./infra/local/... | grep -v '/sim$$')
	go test -race ./infra/local/sim -run OneTrace # one thing at a time happens in a world

SEEDS ?= 10000
FROM  ?= 1
sim: ## play SEEDS worlds of the simulation; FROM=, FAULTS=0.15
	@go run ./infra/local/cmd/sim -n $(SEEDS) -from $(FROM) $(if $(FAULTS),-rate $(FAULTS)) $(ARGS)

sim-sweep: ## let every effect of every scenario die, alone and in pairs (22 minutes on two cores); ARGS="-most 1000" plays a sample
	@go run ./infra/local/cmd/sim -sweep -pairs $(ARGS)

sim-mutants: ## plant every bug of the list, and find it
	@go run ./infra/local/cmd/sim -mutants all -starts 20 -n 1000 $(ARGS)

sim-determinism: ## play 1,000 worlds in two builds, and 50 under the race detector, and compare the traces
	@scripts/determinism 1000

sim-baseline: ## play 1,000 worlds without any protection, for docs/simulation.md
	@go run ./infra/local/cmd/sim -baseline -n 1000 -write $(ARGS)

sim-report: ## write the figures into docs/simulation.md, of SEEDS worlds or of CHUNKS="1.json 2.json ..." that -json printed
	@go run ./infra/local/cmd/sim -write $(if $(CHUNKS),-merge $(CHUNKS),-keep-on -n $(SEEDS) -from $(FROM))

vet:
	go vet work
	cd infra/prehook && GOWORK=off go vet ./...

lint: bin/golangci-lint-$(LINT_VERSION) ## gofmt, go vet and the linters, import rules included
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { gofmt -l $$(git ls-files '*.go'); echo 'not formatted: run make fmt'; exit 1; }
	@for m in $(MODULES); do echo "lint $$m"; (cd $$m && $(CURDIR)/$< run --allow-parallel-runners ./...) || exit 1; done
	@for m in infra/cdk infra/prehook; do echo "lint $$m"; (cd $$m && GOWORK=off $(CURDIR)/$< run --allow-parallel-runners ./...) || exit 1; done

bin/golangci-lint-$(LINT_VERSION):
	GOFLAGS= GOBIN=$(CURDIR)/bin go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(LINT_VERSION)
	mv bin/golangci-lint $@

fmt: ## format all Go files
	gofmt -w $$(git ls-files '*.go')

bench: dist ## sizes, cold and warm latency, the whole chain
	@scripts/bench

golden: ## write golden files anew; say why in the commit
	cd pkg/events && go test . -update
	go test ./pkg/topology -update
	cd infra/cdk && GOWORK=off go test ./internal/stacks -update
	cd infra/cdk && GOWORK=off go test ./internal/costs -update

gallery: ## play a run for every mail there is and write docs/gallery; pictures need Chromium
	@go run ./infra/local/gallery/generate $(ARGS)

readme: ## write the output of a real run into the README
	@scripts/readme

dist: $(SERVICES:%=dist/%/bootstrap) dist/prehook/bootstrap ## the functions as they are deployed (arm64)
	@mkdir -p -m 0755 dist/signal/strategies
	@rm -rf dist/signal/strategies && mkdir -m 0755 dist/signal/strategies
	@cp -R services/signal/strategies/. dist/signal/strategies/ && find dist/signal/strategies -type d -exec chmod 0755 {} + && find dist/signal/strategies -type f -exec chmod 0644 {} +

.PHONY: $(SERVICES:%=dist/%/bootstrap) dist/prehook/bootstrap
$(SERVICES:%=dist/%/bootstrap): dist/%/bootstrap:
	@cd services/$* && CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build $(LAMBDA_FLAGS) -o ../../dist/$*/bootstrap ./lambda

dist/prehook/bootstrap:
	@cd infra/prehook && GOWORK=off CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build $(LAMBDA_FLAGS) -o ../../dist/prehook/bootstrap .

infra/node_modules: infra/package-lock.json
	cd infra && npm ci --no-audit --no-fund
	@touch $@

# Templates are written for an account that does not exist unless ACCOUNT names
# one; what reaches AWS is for the account of the credentials.
CDK_CONTEXT = -c env=$(ENV) -c dist=../../dist $(if $(ACCOUNT),-c account=$(ACCOUNT))
CDK_STACKS  = $(if $(SERVICE),alchemiser-$(ENV)-$(SERVICE) --exclusively,--all)

synth: ACCOUNT := $(or $(ACCOUNT),111111111111)
synth: infra/node_modules dist ## synthesize ENV's templates; needs no AWS account
	$(CDK) synth --quiet $(CDK_CONTEXT)

.PHONY: credentials ready
credentials:
	@scripts/credentials $(ENV) $(ACCOUNT)

# What is not filled in is said before minutes of building.
ready: credentials
	@cd infra/cdk && GOWORK=off go run ./ready $(ENV) "$$(aws sts get-caller-identity --query Account --output text)"

diff: ready infra/node_modules dist ## what a deployment of ENV, or of one SERVICE of it, would change
	$(CDK) diff $(CDK_CONTEXT) $(if $(SERVICE),$(CDK_STACKS))

deploy: ready infra/node_modules dist ## deploy ENV, or one SERVICE of it alone
	@scripts/deploy-window $(ENV)
	$(CDK) deploy $(CDK_CONTEXT) $(CDK_STACKS)
	@$(if $(filter dev,$(ENV)),,scripts/check-subscription $(ENV))

destroy: credentials infra/node_modules dist ## delete ENV's stacks
	$(CDK) destroy --all $(CDK_CONTEXT)

clean: ## delete what was built
	rm -rf dist bin .cache infra/cdk/cdk.out
