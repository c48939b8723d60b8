# Only Go, a C compiler and make are needed. What else a target can use (npm for
# the local EVM and buf, chromium for screenshots) it installs where it may, or
# names what it leaves out.

GO      ?= go
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
# No -trimpath: it would compile everything twice, once here and once for the tests.
LDFLAGS := -s -w -X main.version=$(VERSION)

# A folder of plugins/ with a main.go is a plugin. There is no list to edit.
PLUGINS := $(patsubst plugins/%/main.go,%,$(wildcard plugins/*/main.go))

# Looked up when used, since `make tools` may have just installed them.
NPM    := tools/npm
find    = $(firstword $(shell PATH="$(CURDIR)/$(NPM)/node_modules/.bin:$$PATH"; command -v $(1)))
BUF     = $(call find,buf)
ANVIL   = $(call find,anvil)
CHROME ?= $(call find,chromium chromium-browser google-chrome)
LINT   := $(GO) tool -modfile=tools/lint/go.mod golangci-lint

step = @printf '\033[1m==> %s\033[0m\n' "$(1)"

.DEFAULT_GOAL := help
.PHONY: help build tools test test-race test-kills lint fmt generate pure verify demo bench bench-backfill bench-queries screenshots clean

help: ## Show this help
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

build: ## Build bin/pipeline and every plugin into bin/plugins
	$(call step,building bin/pipeline (the first time links DuckDB: about two minutes))
	@mkdir -p bin/plugins
	$(GO) build -ldflags '$(LDFLAGS)' -o bin/pipeline ./cmd/pipeline
	$(call step,building $(words $(PLUGINS)) plugins: $(PLUGINS))
	$(if $(PLUGINS),CGO_ENABLED=0 $(GO) build -ldflags '-s -w' -o bin/plugins/ $(PLUGINS:%=./plugins/%))
	@for f in bin/plugins/*; do \
		case " $(PLUGINS) " in *" $$(basename "$$f") "*) ;; *) rm -f "$$f"; echo "removed $$f: its folder is gone";; esac; done

tools: ## Install what some tests need and npm has (a local EVM, buf, the npm client of DuckDB)
	@if [ $(NPM)/node_modules/.package-lock.json -nt $(NPM)/package-lock.json ]; then :; \
	elif command -v npm >/dev/null 2>&1; then \
		printf '\033[1m==> %s\033[0m\n' "installing what the tests need with npm"; \
		npm ci --prefix $(NPM) --no-audit --no-fund || echo "npm ci failed; going on without what it would have brought"; \
	fi

test: build tools ## Run every test
	@left=0; for tool in \
		"anvil:$(ANVIL):the tests against a real EVM" \
		"buf:$(BUF):the lint of the protobuf contract" \
		"the npm client of DuckDB:$(wildcard $(NPM)/node_modules/@duckdb/node-api):reading copies with it" \
		"chromium:$(CHROME):the screenshots"; do \
		name=$${tool%%:*}; rest=$${tool#*:}; \
		if [ -z "$${rest%%:*}" ]; then left=$$((left+1)); echo "left out, $$name is not installed: $${rest#*:}"; fi; done; \
	if [ $$left -gt 0 ]; then echo "left out in all: $$left of 4"; fi
	$(call step,running the tests)
	$(GO) test -timeout 20m ./...

test-race: build tools ## Run every test with the race detector
	$(call step,running the tests with the race detector)
	$(GO) test -race -timeout 20m ./...

test-kills: build tools ## Kill daemon, plugins and nodes 500 times each way, open 1000 copies (an hour)
	$(call step,500 kills of each test that kills and 1000 openings of copies)
	LST_KILLS=500 LST_OPENS=1000 $(GO) test -v -timeout 3h -run 'Kill|Npm' ./cmd/pipeline ./internal/ingest ./internal/serve

lint: tools ## Check format, vet, layers, comments and the protobuf contract
	$(call step,gofmt)
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "not formatted (make fmt):"; echo "$$unformatted"; exit 1; fi
	$(call step,go vet)
	$(GO) vet ./...
	$(call step,golangci-lint (the first time builds it: about three minutes))
	$(LINT) run
	@set -e; if [ -z "$(BUF)" ]; then \
		echo "left out, buf is not installed: the lint of the protobuf contract"; exit 0; fi; \
	printf '\033[1m==> %s\033[0m\n' "buf lint"; "$(BUF)" lint; \
	if git rev-parse -q --verify refs/heads/main >/dev/null; then \
		printf '\033[1m==> %s\033[0m\n' "buf breaking, against main"; "$(BUF)" breaking --against '.git#branch=main'; \
	else echo "left out, there is no branch main here: the check for breaking changes of the contract"; fi

fmt: ## Format the Go code and the protobuf contract
	gofmt -w $$(git ls-files -co --exclude-standard '*.go')
	$(if $(BUF),$(BUF) format -w)

generate: tools ## Regenerate the code of the protobuf contract and docs/metrics.md
	$(if $(BUF),,$(error buf is not installed; install npm, then run make tools))
	$(call step,buf generate)
	$(BUF) generate
	$(call step,docs/metrics.md)
	$(GO) run ./tools/gendocs docs/metrics.md

pure: ## Prove that the sdk, the plugins and the transforms need no C compiler
	$(call step,building without cgo)
	CGO_ENABLED=0 $(GO) build ./sdk/... ./plugins/... ./transforms/...

verify: pure test lint ## What CI runs
	$(call step,module checksums)
	$(GO) mod verify
	@set -e; if [ -n "$(BUF)" ]; then \
		printf '\033[1m==> %s\033[0m\n' "the generated code is current"; \
		"$(BUF)" generate; git diff --exit-code -- sdk/proto; fi

demo: build ## Fill data/demo.duckdb from recordings and compare, without a network
	$(call step,bin/pipeline demo)
	@bin/pipeline demo

bench: ## Run the benchmarks
	$(call step,benchmarks)
	$(GO) test -run '^$$' -bench . -benchmem ./...

bench-backfill: ## A year of daily backfill against a node 100 ms away, and naively (six minutes)
	$(call step,a year of backfill)
	$(GO) test -run '^$$' -bench Backfill -benchtime 1x -timeout 1h ./bench -days 365

bench-queries: ## Ask every query of 5 and of 50 million facts (half an hour, 5 GB in TMPDIR)
	@for facts in 5000000 50000000; do \
		$(GO) test -run '^$$' -bench Queries -benchtime 1x -timeout 3h ./bench/queries -facts $$facts || exit 1; done

screenshots: build ## Picture the report of the demo, light and dark, at three widths
	$(if $(CHROME),,$(error chromium is not installed; install it, or set CHROME))
	@bin/pipeline demo >/dev/null
	bin/pipeline report --config config/demo.yaml --html data/report.html
	CHROME="$(CHROME)" $(GO) run ./tools/shot -out docs/images data/report.html

clean: ## Remove what was built; data/ stays
	rm -rf bin dist coverage.txt
