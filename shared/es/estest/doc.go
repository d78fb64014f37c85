// Package estest tests domains in memory. Given/When/Then scenarios test one definition of package es without a clock: [Given] an
// aggregate, [Project] events into a view, and [GivenProcess] a process or a saga. [Platform] runs whole modules, with virtual
// time.
//
// Besides the expected results, each scenario checks the rules of package es: values survive their JSON form in the log and in
// snapshots, functions do not change their arguments, and a second call gives the same result.
package estest
