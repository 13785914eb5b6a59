# make train   trains SLATE on generated scenes and leaves a picture of what the slots found
# make test    builds and runs every test
# make bench   times the library beside PyTorch and JAX, and writes Benchmarks/RESULTS.md
# make lint    checks the format

.PHONY: train test bench lint packages

train: packages
	swift build -c release --product slate
	.build/release/slate train --preset quickstart

# Tests run optimised: the kernels are C, and a hundred times slower otherwise. They have a build
# folder of their own, because tests see internal declarations and `slate` is built without that. Last
# comes a package that depends on this one: its first build takes a minute, later ones some seconds.
test: packages
	swift test -c release -Xswiftc -enable-testing --scratch-path .build-tests
	swift run -c release --package-path Examples/Standalone --scratch-path .build-tests/standalone

bench: packages
	Benchmarks/run.py

lint:
	swift format lint --strict --recursive Package.swift Sources Tests Examples Benchmarks

packages:
	@.ci/install-packages
