// Package runtimetest has what the tests of several rooms of the engine share: a small aggregate, views of it, and logs with stores
// of views. Only tests import it.
package runtimetest
