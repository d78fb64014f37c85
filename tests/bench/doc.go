// Command bench measures Orchestrix against the alternatives, side by side on one machine. In this directory:
//
//	go run .            # everything, medians of 5 runs
//	go run . -quick     # the same with less of everything, in under 3 minutes
//	go run . -only new  # some rows: see -list
//
// It builds and starts all that it needs: a nats-server for each sync mode, Postgres, the services and the baselines,
// each as a process of its own. The runs of the compared programs alternate, so that other load on the machine affects
// both equally. Ratios can be compared between machines, absolute figures cannot.
package main
