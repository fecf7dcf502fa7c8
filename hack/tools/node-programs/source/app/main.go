// The one program in the images that tests run on a real node. Without a word it serves HTTP on $PORT (8080): /version
// says which image it is in; /ready and /live answer 200, or 503 after `app ready off` or `app live off`, which one runs
// in the same container. `app fail` ends with an error at once; `app pause` waits and reaps, as a Pod's first container
// does; `app get URL` prints what it is answered, whoever has signed the certificate.
package main

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

const versionFile = "/version"

func main() {
	words := append(os.Args[1:], "", "", "")
	switch words[0] {
	case "":
		serve()
	case "fail":
		fmt.Println("it fails, as it was told to")
		os.Exit(1)
	case "pause":
		pause()
	case "version":
		fmt.Println(version())
	case "ready", "live":
		turn(words[0], words[1])
	case "get":
		get(words[1])
	default:
		fail(fmt.Errorf("there is no command %q", words[0]))
	}
}

func serve() {
	for _, check := range []string{"ready", "live"} {
		http.HandleFunc("/"+check, func(answer http.ResponseWriter, _ *http.Request) {
			if _, err := os.Stat(switchedOff(check)); err == nil {
				answer.WriteHeader(http.StatusServiceUnavailable)
			}
		})
	}
	http.HandleFunc("/version", func(answer http.ResponseWriter, _ *http.Request) { fmt.Fprintln(answer, version()) })
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	server := http.Server{Addr: ":" + port}
	ended, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	go func() {
		fmt.Println("serving version", version())
		fail(server.ListenAndServe())
	}()
	<-ended.Done()
	fmt.Println("ending, as it was asked to")
}

func pause() {
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM, syscall.SIGINT)
	died := make(chan os.Signal, 1)
	signal.Notify(died, syscall.SIGCHLD)
	for {
		select {
		case <-ended:
			return
		case <-died:
			for pid := 1; pid > 0; {
				pid, _ = syscall.Wait4(-1, nil, syscall.WNOHANG, nil)
			}
		}
	}
}

func turn(check, to string) {
	var err error
	switch to {
	case "off":
		err = os.WriteFile(switchedOff(check), nil, 0o644)
	case "on":
		err = os.Remove(switchedOff(check))
	default:
		err = fmt.Errorf("%s is on or off, not %q", check, to)
	}
	if err != nil {
		fail(err)
	}
}

func switchedOff(check string) string { return "/" + check + "-off" }

func version() string {
	text, err := os.ReadFile(versionFile)
	if err != nil {
		fail(err)
	}
	return string(text)
}

func get(url string) {
	anybody := &http.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}
	answer, err := (&http.Client{Transport: anybody, Timeout: 5 * time.Second}).Get(url)
	if err != nil {
		fail(err)
	}
	defer answer.Body.Close()
	fmt.Println(answer.Status)
	if _, err := io.Copy(os.Stdout, answer.Body); err != nil {
		fail(err)
	}
}

func fail(err error) {
	fmt.Fprintln(os.Stderr, "app:", err)
	os.Exit(1)
}
