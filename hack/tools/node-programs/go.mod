module windlass.dev/hack/tools/node-programs

go 1.26.8

tool (
	windlass.dev/node-programs/app
	windlass.dev/node-programs/plain-runc
)

require windlass.dev/node-programs v1.0.0

replace windlass.dev/node-programs => ./source
