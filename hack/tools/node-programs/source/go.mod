module windlass.dev/node-programs

go 1.26.8
