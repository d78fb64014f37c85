// Package linear checks that what clients see of aggregates is linearizable, through several command services that are
// killed meanwhile.
package linear
