// Stands before runc on a real node. kubelet wants a seccomp filter for the first container of each Pod; our runc is
// built without libseccomp, which would have to be installed, and refuses such a container. So the filter is taken out of
// what containerd wrote; then this process becomes runc.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
)

func main() {
	if bundle := bundleOf(os.Args); bundle != "" {
		if err := dropFilter(filepath.Join(bundle, "config.json")); err != nil {
			fail(err)
		}
	}
	runc, err := exec.LookPath("runc")
	if err != nil {
		fail(err)
	}
	fail(syscall.Exec(runc, append([]string{"runc"}, os.Args[1:]...), os.Environ()))
}

// The folder of the container that this call creates; empty where it creates none.
func bundleOf(arguments []string) string {
	for number, argument := range arguments[:len(arguments)-1] {
		if argument == "--bundle" {
			return arguments[number+1]
		}
	}
	return ""
}

func dropFilter(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var settings, linux map[string]json.RawMessage
	if err := json.Unmarshal(text, &settings); err != nil {
		return err
	}
	if err := json.Unmarshal(settings["linux"], &linux); err != nil {
		return err
	}
	delete(linux, "seccomp")
	if settings["linux"], err = json.Marshal(linux); err != nil {
		return err
	}
	if text, err = json.Marshal(settings); err != nil {
		return err
	}
	return os.WriteFile(file, text, 0o600)
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "plain-runc:", err)
	os.Exit(1)
}
