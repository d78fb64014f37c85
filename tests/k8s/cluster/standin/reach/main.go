// Command reach tries connections between pods: "reach listen PORT…" accepts them, "reach to ADDRESS…" makes them, and
// prints those addresses that it has reached.
package main

import (
	"fmt"
	"net"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) < 2 || os.Args[1] != "listen" && os.Args[1] != "to" {
		fmt.Fprintln(os.Stderr, "usage: reach listen PORT… | reach to ADDRESS…")
		os.Exit(2)
	}
	if os.Args[1] == "to" {
		to(os.Args[2:])
		return
	}
	for _, port := range os.Args[2:] {
		if err := listen(port); err != nil {
			fmt.Fprintln(os.Stderr, "reach:", err)
			os.Exit(1)
		}
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, os.Interrupt, syscall.SIGTERM)
	<-stop
}

func listen(port string) error {
	listener, err := net.Listen("tcp", ":"+port) //nolint:noctx // for as long as the pod lives
	if err != nil {
		return err
	}
	go func() {
		for {
			if connection, err := listener.Accept(); err == nil {
				_ = connection.Close()
			}
		}
	}()
	return nil
}

// to tries all addresses concurrently: one that a policy denies runs into the time limit.
func to(addresses []string) {
	var tries sync.WaitGroup
	for _, address := range addresses {
		tries.Go(func() {
			connection, err := net.DialTimeout("tcp", address, 3*time.Second) //nolint:noctx,gosec // the test chooses the addresses
			if err == nil {
				fmt.Println(address)
				_ = connection.Close()
			}
		})
	}
	tries.Wait()
}
