# make train   trains SLATE on generated scenes and leaves a picture of what the slots found
# make test    builds and runs every test
# make bench   times the library beside PyTorch and JAX, and writes Benchmarks/RESULTS.md
# make lint    checks the format
# make docs    the reference of the Swift interfaces as web pages; fails where it is not whole
#
# make test-asan, make test-tsan, make test-ubsan    every test under a sanitizer: memory errors, data
#              races, and undefined behaviour of the C parts
# make test-mpi    what several processes do together, under Open MPI and under MPICH; installs them
# make fuzz    looks for inputs that a parser stops at, SECONDS=60 for each parser

.PHONY: train test test-mpi test-asan test-tsan test-ubsan fuzz bench lint docs packages

train: packages
	swift build -c release --product slate
	.build/release/slate train --preset quickstart

# Tests run optimised: the kernels are C, and a hundred times slower otherwise. They have a build
# folder of their own, because tests see internal declarations and `slate` is built without that. Last
# comes a package that depends on this one: its first build takes a minute, later ones some seconds.
# With TRAITS=MPI the tests of ranks are among them, which otherwise make test-mpi runs.
test: packages
	swift test -c release $(if $(TRAITS),--traits $(TRAITS)) -Xswiftc -enable-testing --scratch-path .build-tests
	swift run -c release --package-path Examples/Standalone --scratch-path .build-tests/standalone

# Each sanitizer has a build folder of its own; the first build takes minutes. ARGUMENTS are those of
# swift test, for instance ARGUMENTS="--filter ImagesTests".
test-asan: packages
	.ci/sanitized address $(ARGUMENTS)

test-tsan: packages
	.ci/sanitized thread $(ARGUMENTS)

# Swift has no undefined behaviour of this kind: the tests of what calls C are enough. Signals and writes that
# fail are those of the program.
test-ubsan: packages
	.ci/sanitized undefined --filter \
	  "CKernelsTests|TensorsTests|ImagesTests|SignalTests|StreamTests|DamagedFileTests" $(ARGUMENTS)

# The tests start the launcher themselves, with 2 to 4 ranks. The MPI that programs are built with is
# that of their launcher, so that each has a build folder of its own.
test-mpi: packages
	.ci/install-packages openmpi mpich
	.ci/test-mpi openmpi $(ARGUMENTS)
	.ci/test-mpi mpich $(ARGUMENTS)

SECONDS = 60
fuzz: packages
	.ci/fuzz $(SECONDS)

bench: packages
	Benchmarks/run.py

lint:
	swift format lint --strict --recursive Package.swift Sources Tests Examples Benchmarks

docs: packages
	.ci/docs

packages:
	@.ci/install-packages
