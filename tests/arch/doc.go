// Package arch holds the tests of the tree itself: which way imports point, and how long files get.
package arch
