# Every target is one line; what it does is in hack/.
.PHONY: setup demo demo-stacks test kind-test verify generate bench soak mutants image cluster-up cluster-down deflake clean help

setup: ## the virtual environment in .local/venv
	hack/setup
demo: ## a real control plane, and Windlass at work on it
	hack/demo
demo-stacks: ## one template on three member clusters: a failure, a retry, drift, a deletion; ends by itself
	hack/demo_stacks
test: ## all tests
	hack/test
kind-test: ## image, charts and documents on a real cluster made by kind; needs Docker
	hack/kind_test
verify: ## style, types, layers, generated files, charts
	hack/verify
generate: ## write all generated files anew
	hack/generate
bench: ## benchmarks
	hack/bench/run
soak: ## random rounds with faults, for as long as one says: make soak SECONDS=600 SEED=7
	hack/soak $(if $(SECONDS),--seconds=$(SECONDS)) $(if $(SEED),--seed=$(SEED))
mutants: ## whether the fast tests see one change of the code each: make mutants SAMPLE=100 SEED=1 MODULE=planner
	hack/mutants $(if $(SAMPLE),--sample=$(SAMPLE)) $(if $(SEED),--seed=$(SEED)) $(if $(MODULE),--module=$(MODULE))
image: ## the operator's container image
	hack/image
cluster-up: ## a local control plane; KUBECONFIG=.local/kubeconfig
	hack/cluster/cluster up
cluster-down: ## end it and forget it
	hack/cluster/cluster down
deflake: ## the tests with other seeds, until one fails
	hack/deflake
help: ## what there is
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 14
clean: ## end the local clusters, remove .local and all caches in the tree
	hack/clean
