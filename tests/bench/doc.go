// Command bench measures Orchestrix against what somebody would use instead, side by side on one machine:
//
//	go run ./tests/bench            # everything, medians of 5 runs
//	go run ./tests/bench -quick     # the same with less of everything, in under 3 minutes
//	go run ./tests/bench -only new  # some rows: see -list
//
// It builds and starts all that it needs: a nats-server for each way to sync, Postgres, the services and the baselines,
// each as a process of its own. The runs of the programs that are compared alternate, so that what else goes on on the
// machine is shared by both; ratios can be compared between machines, figures can't.
package main
